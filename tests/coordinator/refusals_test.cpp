// What is counted, what is logged, and how much a peer may say.
#include "coordinator/refusals.h"

#include <gmock/gmock.h>

#include "common/base/log.h"
#include "coordinator/allowance.h"

namespace tributary::coordinator {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::Pair;

class RefusalsTest : public testing::Test {
 protected:
  RefusalsTest() {
    log::set_level(log::Level::Off);
    clock_.advance(seconds(1000));
  }
  ManualClock clock_;
  Refusals refusals_{clock_, seconds(60)};
};

TEST_F(RefusalsTest, EachIsCountedAndLoggedOncePerKindAndPeer) {
  EXPECT_TRUE(refusals_.note("protocol", "mallory", "noise"));
  for (int i = 0; i < 999; ++i) EXPECT_FALSE(refusals_.note("protocol", "mallory", "noise"));
  EXPECT_TRUE(refusals_.note("protocol", "oscar", "noise"));
  EXPECT_TRUE(refusals_.note("update", "mallory", "not finite"));
  EXPECT_THAT(refusals_.counts(), ElementsAre(Pair("protocol", 1001), Pair("update", 1)));
}

TEST_F(RefusalsTest, APeerThatGoesOnIsLoggedAgainAfterAWhile) {
  EXPECT_TRUE(refusals_.note("protocol", "mallory", "noise"));
  clock_.advance(seconds(59));
  EXPECT_FALSE(refusals_.note("protocol", "mallory", "noise"));
  clock_.advance(seconds(1));
  EXPECT_TRUE(refusals_.note("protocol", "mallory", "noise"));
  EXPECT_FALSE(refusals_.note("protocol", "mallory", "noise"));
}

TEST_F(RefusalsTest, AFloodFromManyAddressesIsLoggedAsOneFromOthers) {
  std::size_t lines = 0;
  for (std::size_t i = 0; i < 10 * Refusals::kMaxPeers; ++i)
    lines += refusals_.note("no handshake", "address " + std::to_string(i), "noise");
  EXPECT_EQ(lines, Refusals::kMaxPeers + 1);
  EXPECT_THAT(refusals_.counts(), ElementsAre(Pair("no handshake", 10 * Refusals::kMaxPeers)));
  clock_.advance(seconds(60));
  EXPECT_TRUE(refusals_.note("no handshake", "a new address", "noise"));
}

TEST(AllowanceTest, ABurstIsAllowedAndThenWhatTimeBrings) {
  const auto at = [](double s) { return TimePoint(seconds(1000)) + from_seconds(s); };
  Allowance allowance(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(allowance.take(at(0)));
  EXPECT_FALSE(allowance.take(at(0)));
  EXPECT_TRUE(allowance.take(at(0.1)));
  EXPECT_FALSE(allowance.take(at(0.15)));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(allowance.take(at(60)));
  EXPECT_FALSE(allowance.take(at(60)));
}

TEST(AllowanceTest, WhatIsGrantedComesOnTopOfTheBurstAndStaysBounded) {
  Allowance allowance(10, 3);
  for (int i = 0; i < 100; ++i) allowance.grant(1);
  const TimePoint now(seconds(1000));
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(allowance.take(now));
  EXPECT_FALSE(allowance.take(now));
}

}  // namespace
}  // namespace tributary::coordinator
