#include "common/data/gzip.h"

#include <string>

#include <gmock/gmock.h>

#include "tests/data/support.h"

namespace tributary::data {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kPlenty = 1u << 24;

std::string unpacked(const std::string& packed, std::uint64_t max_bytes = kPlenty) {
  return std::string(as_text(gunzip(as_bytes(packed), "file.gz", max_bytes)));
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + ",";
  return text;
}

TEST(Gzip, GivesBackWhatWasPacked) {
  for (const std::string& text : {std::string(), std::string("a"), long_text()}) {
    const std::string packed = gzipped(text);
    EXPECT_TRUE(is_gzip(as_bytes(packed)));
    EXPECT_EQ(unpacked(packed), text);
  }
}

TEST(Gzip, MembersOneAfterAnotherAreOneText) {
  EXPECT_EQ(unpacked(gzipped("ab") + gzipped("") + gzipped("c")), "abc");
}

TEST(Gzip, TheLimitIsExact) {
  const std::string text = long_text();
  EXPECT_EQ(unpacked(gzipped(text), text.size()), text);
  const std::string message = refusal(Error::Kind::Overloaded, [&] { unpacked(gzipped(text), text.size() - 1); });
  EXPECT_THAT(message, HasSubstr("file.gz: more than " + std::to_string(text.size() - 1) + " bytes"));
}

TEST(Gzip, ABombStopsAtTheLimit) {
  const std::string bomb = gzipped(std::string(64u << 20, 'x'));
  ASSERT_LT(bomb.size(), 100000u);
  refusal(Error::Kind::Overloaded, [&] { unpacked(bomb, 1000); });
}

TEST(Gzip, EveryCutIsNoticed) {
  const std::string packed = gzipped("some text, long enough to have a body");
  for (std::size_t length = 2; length < packed.size(); ++length) {
    const std::string message = refusal(Error::Kind::Malformed, [&] { unpacked(packed.substr(0, length)); });
    EXPECT_THAT(message, HasSubstr("file.gz: damaged gzip near byte")) << length;
  }
}

TEST(Gzip, AFlippedBitOfTheBodyIsNoticed) {
  const std::string text = long_text();
  const std::string packed = gzipped(text);
  for (std::size_t at = 10; at < packed.size(); at += 997) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    refusal(Error::Kind::Malformed, [&] { unpacked(damaged); });
  }
}

TEST(Gzip, OtherBytesBehindTheEndAreRefused) {
  EXPECT_THAT(refusal(Error::Kind::Malformed, [] { unpacked(gzipped("text") + "rest"); }),
              HasSubstr("not gzip follow the end"));
}

TEST(Gzip, PiecesOfAnySizeMakeTheWhole) {
  const std::string text = long_text();
  const std::string packed = gzipped(text);
  GzipReader reader(as_bytes(packed), "file.gz");
  std::string got;
  std::vector<std::byte> piece;
  for (std::size_t size = 1;; size = size % 4001 + 13) {
    piece.resize(size);
    const std::size_t n = reader.read(piece);
    got += as_text(ByteSpan(piece).first(n));
    if (n < size) break;
  }
  EXPECT_EQ(got, text);
}

}  // namespace
}  // namespace tributary::data
