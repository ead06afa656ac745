#include "common/base/checksum.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary {
namespace {

// From xxHash's own test vectors: the empty input, seed 0, in canonical form.
TEST(ChecksumTest, IsXxh3With128Bits) {
  EXPECT_EQ(checksum({}).hex(), "99aa06d3014798d86001c324468d497f");
}

TEST(ChecksumTest, OfPiecesIsThatOfTheWhole) {
  Bytes bytes(100'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 % 251);
  RunningChecksum running;
  for (std::size_t at = 0, size = 1; at < bytes.size(); at += size, size = size * 3 + 1) {
    running.update(ByteSpan(bytes).subspan(at, std::min(size, bytes.size() - at)));
    EXPECT_EQ(running.value(), checksum(ByteSpan(bytes).first(std::min(at + size, bytes.size()))));
  }
}

TEST(ChecksumTest, OfOneBitElsewhereIsAnother) {
  Bytes bytes = to_bytes("many small streams, one river");
  const Checksum before = checksum(bytes);
  bytes[7] ^= std::byte{16};
  EXPECT_NE(checksum(bytes), before);
}

TEST(ChecksumTest, HexadecimalReadsBackAndNothingElseDoes) {
  const Checksum some = checksum(as_bytes("x"));
  EXPECT_EQ(Checksum::from_hex(some.hex()), some);
  EXPECT_EQ(Checksum::from_bytes(some.bytes), some);
  for (const char* bad : {"", "99aa06d3014798d86001c324468d497", "99aa06d3014798d86001c324468d497F"})
    EXPECT_THROW(Checksum::from_hex(bad), Error) << bad;
}

}  // namespace
}  // namespace tributary
