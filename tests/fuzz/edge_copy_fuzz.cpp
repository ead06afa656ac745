// Any bytes are the edge copy of a model that is known, or are refused with an Error. What is accepted is finite, the
// same on two threads, and its values are its integers times their scales.
#include <cmath>
#include <cstdlib>

#include "common/base/error.h"
#include "common/codec/edge_copy.h"
#include "tests/fuzz/codec_models.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void expect_consistent(const codec::EdgeCopy& copy, unsigned bits) {
  const auto largest = static_cast<int>(codec::largest_integer(bits));
  std::size_t t = 0;
  for (const model::TensorSpec& spec : copy.values.layout().tensors()) {
    const auto values = copy.values.tensor(spec);
    for (const float value : values) require(std::isfinite(value));
    if (spec.role != model::Role::Weight || copy.quantized.empty()) continue;
    const codec::QuantizedTensor& tensor = copy.quantized[t++];
    const codec::ScaleGroups groups = codec::scale_groups(spec, tensor.block);
    require(tensor.scale.size() == groups.count);
    for (std::uint64_t i = 0; i < spec.size; ++i) {
      const float scale = tensor.scale[groups.of(i)];
      require(std::abs(int{tensor.q[i]}) <= largest && values[i] == scale * static_cast<float>(tensor.q[i]));
    }
  }
  require(copy.sparsity >= 0 && copy.sparsity <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes blob = fuzz::edge_copy_of({data, size});
  const model::LayoutPtr& layout = fuzz::layout_of(data[0]);
  try {
    const codec::EdgeCopy copy = codec::decode_edge_copy_quantized(blob, layout);
    expect_consistent(copy, std::to_integer<unsigned>(blob[5]));
    const model::ParameterSet again =
        codec::decode_edge_copy(blob, layout, {.threads = fuzz::on_two_threads(size) ? 2U : 1U});
    require(std::memcmp(again.values().data(), copy.values.values().data(), again.values().size_bytes()) == 0);
  } catch (const Error& e) {
    require(e.kind() == Error::Kind::Malformed || e.kind() == Error::Kind::Unsupported);
    require(std::string_view(e.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
