// Any bytes are a difference to an edge copy that is known, or are refused with an Error. What is accepted is a copy:
// finite, the same on two threads, and its blob holds it. The first byte: bit 0, whether a good header is put before
// the rest; bit 2, which model; bits 3 and 4, of which form the base is.
#include <cmath>
#include <cstdlib>

#include "common/base/error.h"
#include "tests/fuzz/edge_bases.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool same(const codec::EdgeIntegers& a, const codec::EdgeIntegers& b) {
  for (std::size_t t = 0; t < a.weights.size(); ++t) {
    if (a.weights[t].q != b.weights[t].q || a.weights[t].scale != b.weights[t].scale) return false;
  }
  return a.others == b.others;
}

Bytes difference_of(std::span<const std::uint8_t> input) {
  const ByteSpan rest = std::as_bytes(input.subspan(1));
  Bytes blob;
  if ((input[0] & fuzz::kHeader) != 0) {
    blob = to_bytes("TRED");
    blob.push_back(std::byte{1});
    blob.resize(8);
    const Digest& base = fuzz::base_of(input[0]).digest;
    for (const Digest& digest : {fuzz::layout_of(input[0])->digest(), base, base}) {
      blob.insert(blob.end(), digest.bytes.begin(), digest.bytes.end());
    }
  }
  blob.insert(blob.end(), rest.begin(), rest.end());
  blob.shrink_to_fit();
  return blob;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes delta = difference_of({data, size});
  const model::LayoutPtr& layout = fuzz::layout_of(data[0]);
  const codec::EdgeIntegers& base = fuzz::base_of(data[0]);
  try {
    const codec::EdgeIntegers copy = codec::decode_edge_delta(delta, base, layout);
    for (const auto& tensor : copy.others) {
      for (const float value : tensor) require(std::isfinite(value));
    }
    if (fuzz::on_two_threads(size)) require(same(copy, codec::decode_edge_delta(delta, base, layout, {.threads = 2})));
    require(same(copy, codec::edge_integers(codec::edge_blob(copy, *layout), layout)));
  } catch (const Error& e) {
    require(e.kind() == Error::Kind::Malformed || e.kind() == Error::Kind::Unsupported);
    require(std::string_view(e.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
