// Any bytes are an update of a model that is known, or have a fault. What has none is within the range of the sum, and
// its fold is the fixed-point sum of its decoded values, on one thread or two.
#include <cmath>
#include <cstdlib>

#include "common/base/error.h"
#include "common/codec/update.h"
#include "tests/fuzz/codec_models.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void expect_exact(ByteSpan blob, const model::ParameterLayout& layout, double norm) {
  const std::vector<float> values = codec::decode_update(blob, layout);
  std::vector<std::int64_t> sum(layout.size(), 7), sum_of_two = sum;
  codec::fold_update(blob, layout, 0.3, sum);
  codec::fold_update(blob, layout, 0.3, sum_of_two, 2);
  require(sum == sum_of_two);
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    require(std::abs(values[i]) <= codec::kMaxMagnitude);
    require(sum[i] == 7 + codec::to_fixed(0.3, values[i]));
    squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  require(std::abs(norm - std::sqrt(squares)) <= 1e-5 * norm + 1e-30);
}

bool is_refused(ByteSpan blob, const model::ParameterLayout& layout) {
  try {
    codec::decode_update(blob, layout);
    return false;
  } catch (const Error& e) {
    return e.kind() == Error::Kind::Malformed;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes blob = fuzz::update_of({data, size});
  const model::ParameterLayout& layout = *fuzz::small_layout();
  const codec::UpdateCheck check = codec::check_update(blob, layout);
  if (check.fault == codec::UpdateFault::None) {
    expect_exact(blob, layout, check.norm);
  } else {
    require(!check.detail.empty() && check.detail.find('\n') == std::string::npos);
    require(is_refused(blob, layout));
  }
  return 0;
}
