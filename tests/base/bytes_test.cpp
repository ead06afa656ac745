#include "common/base/bytes.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary {
namespace {

TEST(Bytes, WhatIsWrittenIsReadBack) {
  ByteWriter writer;
  writer.put<std::uint32_t>(7);
  writer.put(2.5);
  writer.put_text("stream");
  ByteReader reader(writer.bytes(), "record");
  EXPECT_EQ(reader.get<std::uint32_t>(), 7U);
  EXPECT_EQ(reader.get<double>(), 2.5);
  EXPECT_EQ(reader.get_text(16), "stream");
  EXPECT_NO_THROW(reader.expect_end());
}

TEST(Bytes, ReadingPastTheEndNamesTheSource) {
  const Bytes three(3);
  ByteReader reader(three, "record 9");
  try {
    reader.get<std::uint32_t>();
    FAIL() << "read past the end";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Malformed);
    EXPECT_NE(std::string(error.what()).find("record 9"), std::string::npos);
  }
}

TEST(Bytes, ATextLongerThanItsLimitIsRefusedBeforeItIsCopied) {
  ByteWriter writer;
  writer.put<std::uint32_t>(0xffffffff);
  ByteReader reader(writer.bytes(), "record");
  EXPECT_THROW(reader.get_text(100), Error);
}

TEST(Bytes, TrailingBytesAreRefused) {
  const Bytes one(1);
  const ByteReader reader(one, "record");
  EXPECT_THROW(reader.expect_end(), Error);
}

TEST(Bytes, SizesThatOverflowAreRefused) {
  EXPECT_EQ(checked_multiply(1u << 20, 1u << 20, "shape"), std::uint64_t{1} << 40);
  EXPECT_THROW(checked_multiply(std::uint64_t{1} << 40, std::uint64_t{1} << 40, "shape"), Error);
  EXPECT_THROW(checked_add(~std::uint64_t{0}, 1, "shape"), Error);
}

}  // namespace
}  // namespace tributary
