#include "common/wire/text_rules.h"

#include <gtest/gtest.h>

namespace tributary::wire {
namespace {

TEST(TextRules, ValidUtf8WithoutControlCharactersIsClean) {
  for (const char* good :
       {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8a", "\xf4\x8f\xbf\xbf", "\xc2\xa0"}) {
    EXPECT_TRUE(is_clean_text(good)) << good;
  }
}

TEST(TextRules, EverythingElseIsNot) {
  for (const char* bad : {"\n", "\x1b", "\x7f", "\x80", "\xc2", "\xc2\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
                          "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                          "\xff", "\xe2\x82", "\xe2\x80\xa8", "\xe2\x80\xa9"}) {
    EXPECT_FALSE(is_clean_text(bad)) << bad;
    EXPECT_FALSE(is_clean_text("in " + std::string(bad) + " between"));
  }
  EXPECT_FALSE(is_clean_text(std::string(1, '\0')));
}

TEST(TextRules, CleaningKeepsWhatIsGoodAndMarksWhatIsNot) {
  EXPECT_EQ(clean_text("a\r\n\tb", 100), "a   b");
  EXPECT_EQ(clean_text("a\x01"
                       "b\xff"
                       "c",
                       100),
            "a?b?c");
  EXPECT_EQ(clean_text("caf\xc3\xa9", 100), "caf\xc3\xa9");
}

TEST(TextRules, CleaningCutsBetweenCharacters) {
  EXPECT_EQ(clean_text("caf\xc3\xa9s", 4), "caf");
  EXPECT_EQ(clean_text("caf\xc3\xa9s", 5), "caf\xc3\xa9");
  EXPECT_EQ(clean_text("abc", 0), "");
}

TEST(TextRules, WhatWasCleanedIsClean) {
  std::string all;
  for (int i = 0; i < 65536; ++i) {
    all += static_cast<char>(i >> 8);
    all += static_cast<char>(i);
  }
  EXPECT_TRUE(is_clean_text(clean_text(all, all.size())));
}

}  // namespace
}  // namespace tributary::wire
