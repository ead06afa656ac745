// Any bytes are gzip or are refused with an Error; never more comes out than allowed or than deflate can make, and
// piece by piece it is the same.
#include <cstdlib>

#include "common/base/error.h"
#include "common/data/gzip.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

Bytes in_pieces(ByteSpan compressed) {
  data::GzipReader reader(compressed, "pieces");
  Bytes all, piece(77);
  for (std::size_t got = piece.size(); got == piece.size();) {
    got = reader.read(piece);
    all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMost = 1 << 18;
  const ByteSpan input = std::as_bytes(std::span(data, size));
  try {
    const Bytes plain = data::gunzip(input, "fuzz.gz", kMost);
    require(plain.size() <= kMost && plain.size() <= size * data::kMaxInflation);
    require(in_pieces(input) == plain);
  } catch (const Error& e) {
    require(e.kind() == Error::Kind::Malformed || e.kind() == Error::Kind::Overloaded);
    require(std::string_view(e.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
