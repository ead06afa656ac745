#include "common/base/text.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

TEST(Text, OnlyWholeFiniteNumbersAreNumbers) {
  EXPECT_EQ(parse_double("-1.5e3"), -1500.0);
  EXPECT_EQ(parse_int("42"), 42);
  for (const char* bad : {"", "1x", " 1", "inf", "nan", "1e999"}) EXPECT_FALSE(parse_double(bad)) << bad;
  for (const char* bad : {"", "1.5", "99999999999999999999"}) EXPECT_FALSE(parse_int(bad)) << bad;
}

TEST(Text, AMisspeltKeySuggestsTheNearest) {
  const std::vector<std::string> keys{"edge.bits", "edge.sparsity", "rounds"};
  EXPECT_EQ(nearest("edge.sparcity", keys), "edge.sparsity");
  EXPECT_EQ(nearest("ruonds", keys), "rounds");
  EXPECT_EQ(nearest("zzzzzzzz", keys), std::nullopt);
}

TEST(Text, PartsBetweenSeparatorsAreKeptEvenWhenEmpty) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(trim(" \t x y\r\n"), "x y");
}

TEST(Text, SizesAndTimesReadWell) {
  EXPECT_EQ(human_bytes(812), "812 B");
  EXPECT_EQ(human_bytes(1'400'000), "1.40 MB");
  EXPECT_EQ(human_seconds(125), "2 m 05 s");
}

}  // namespace
}  // namespace tributary
