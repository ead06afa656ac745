#include <gtest/gtest.h>

#include "common/base/error.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {
namespace {

TEST(Share, APointMakesAFraction) {
  EXPECT_EQ(Share::parse("1").of(30), 1U);
  EXPECT_EQ(Share::parse("1.0").of(30), 30U);
}

TEST(Share, AFractionIsRoundedToNearestAndNeverZero) {
  EXPECT_EQ(Share::parse("0.1").of(10), 1U);
  EXPECT_EQ(Share::parse("0.1").of(14), 1U);
  EXPECT_EQ(Share::parse("0.1").of(15), 2U);
  EXPECT_EQ(Share::parse("0.1").of(1), 1U);
  EXPECT_EQ(Share::parse("0.1").of(0), 1U);
  EXPECT_EQ(Share::parse("1.0").of(4'294'967'295U), 4'294'967'295U);
}

TEST(Share, ANumberStaysWhatItIsAndAllIsAll) {
  EXPECT_EQ(Share::parse("10").of(3), 10U);
  EXPECT_EQ(Share::parse("10").of(30), 10U);
  EXPECT_EQ(Share().of(30), 30U);
  EXPECT_EQ(Share::parse("all").of(30), 30U);
}

TEST(Share, ReadsWhatItWrites) {
  for (const char* text : {"all", "1", "10", "4294967295", "0.1", "1.0", "0.333", "0.00001"})
    EXPECT_EQ(Share::parse(text).text(), text);
  EXPECT_EQ(Share::parse("1.e-3").text(), "0.001");
}

TEST(Share, KnowsWhetherItIsANumberOrAll) {
  EXPECT_EQ(Share::parse("10").number(), 10U);
  EXPECT_EQ(Share::parse("0.5").number(), std::nullopt);
  EXPECT_EQ(Share().number(), std::nullopt);
  EXPECT_TRUE(Share::parse("all").is_all());
  EXPECT_TRUE(Share::parse("1.0").is_all());
  EXPECT_FALSE(Share::parse("0.99").is_all());
  EXPECT_FALSE(Share::parse("1").is_all());
}

TEST(Share, RefusesEverythingElse) {
  for (const char* text :
       {"", "0", "-1", "0.0", "-0.5", "1.1", "nan", "10%", "ALL", "4294967296", "1e3", "0.5x", "."}) {
    try {
      Share::parse(text);
      ADD_FAILURE() << "took '" << text << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Malformed);
      EXPECT_STREQ(error.what(),
                   "must be all, a fraction above 0 and up to 1.0 (0.1), or a number of participants (10)");
    }
  }
}

}  // namespace
}  // namespace tributary::coordinator
