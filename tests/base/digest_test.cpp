#include "common/base/digest.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary {
namespace {

constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Digest, IsSha256) { EXPECT_EQ(sha256(as_bytes("abc")).hex(), kAbc); }

TEST(Digest, PiecesGiveTheDigestOfTheWhole) {
  Sha256 hash;
  hash.update(as_bytes("a"));
  hash.update(as_bytes("bc"));
  EXPECT_EQ(hash.finish().hex(), kAbc);
}

TEST(Digest, HexadecimalRoundTrips) {
  EXPECT_EQ(Digest::from_hex(kAbc), sha256(as_bytes("abc")));
  EXPECT_THROW(Digest::from_hex("ba78"), Error);
  EXPECT_THROW(Digest::from_hex(std::string(64, 'g')), Error);
}

TEST(Digest, RawBytesOfAnotherLengthAreRefused) { EXPECT_THROW(Digest::from_bytes(as_bytes("short")), Error); }

}  // namespace
}  // namespace tributary
