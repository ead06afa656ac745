#include "coordinator/rest.h"

#include <gmock/gmock.h>

namespace tributary::coordinator {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

constexpr auto at = [](int s) { return TimePoint(seconds(1000 + s)); };

TEST(RestTest, OneThatCountedIsNotAskedBeforeItsTime) {
  Rest rest(seconds(10));
  rest.counted("bob", at(0));
  rest.counted("cleo", at(4));
  EXPECT_THAT(rest.rested({"ada", "bob", "cleo"}, at(9)), ElementsAre("ada"));
  EXPECT_EQ(rest.next({"ada", "bob", "cleo"}, at(9)), at(10));
  EXPECT_THAT(rest.rested({"ada", "bob", "cleo"}, at(10)), ElementsAre("ada", "bob"));
  EXPECT_EQ(rest.next({"ada", "cleo"}, at(10)), at(14));
  EXPECT_EQ(rest.next({"ada"}, at(10)), std::nullopt);
  EXPECT_THAT(rest.rested({"cleo"}, at(14)), ElementsAre("cleo"));
}

TEST(RestTest, WithoutAnIntervalNobodyRests) {
  Rest rest(seconds(0));
  rest.counted("bob", at(0));
  EXPECT_THAT(rest.rested({"bob"}, at(0)), ElementsAre("bob"));
}

TEST(RestTest, ThoseWhoComeBackDoSoSpreadOverTheirWindow) {
  double low = 1e9, high = 0;
  for (int i = 0; i < 200; ++i) {
    const double s = retry_seconds(30, 1, 7, "p" + std::to_string(i));
    EXPECT_EQ(s, retry_seconds(30, 1, 7, "p" + std::to_string(i)));
    low = std::min(low, s);
    high = std::max(high, s);
  }
  EXPECT_GE(low, 30);
  EXPECT_LT(low, 33);
  EXPECT_LE(high, 60);
  EXPECT_GT(high, 57);
}

}  // namespace
}  // namespace tributary::coordinator
