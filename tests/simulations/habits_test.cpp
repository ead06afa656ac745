#include "simulations/habits.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

std::vector<double> draws(const char* text, int count = 4001) {
  RandomStream random(1, "test");
  const Distribution distribution = Distribution::parse(text);
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(distribution.draw(random));
  std::sort(values.begin(), values.end());
  return values;
}

TEST(DistributionTest, DrawsWhatItsNameSays) {
  EXPECT_EQ(draws("constant:2.5").front(), 2.5);
  EXPECT_EQ(draws("constant:2.5").back(), 2.5);
  const auto uniform = draws("uniform:10,30");
  EXPECT_GE(uniform.front(), 10);
  EXPECT_LT(uniform.back(), 30);
  EXPECT_NEAR(uniform[2000], 20, 1);
  const auto lognormal = draws("lognormal:100,0.5");
  EXPECT_NEAR(lognormal[2000], 100, 5);
  EXPECT_NEAR(std::log(lognormal[3365] / 100), 0.5, 0.05);  // 84.13 %: one sigma above
}

TEST(DistributionTest, WhatIsNoDistributionIsRefusedWithWhatIs) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {{"constant", "one number expected"},     {"uniform:1", "two numbers expected"},
               {"uniform:3,2", "below the first"},      {"lognormal:0,1", "above 0"},
               {"lognormal:5,x", "numbers from 0"},     {"constant:-1", "numbers from 0"},
               {"constat:1", "is \"constant\" meant?"}, {"", "uniform:A,B"}};
  for (const auto& c : cases) {
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { Distribution::parse(c.text); }), HasSubstr(c.message)) << c.text;
  }
}

TEST(HabitsTest, EqualSeedsGiveEqualHabitsAndParticipantsDiffer) {
  HabitPolicy policy;
  policy.latency_ms = Distribution::parse("lognormal:50,1");
  const Habits anna = draw_habits(policy, 1, "anna");
  EXPECT_EQ(draw_habits(policy, 1, "anna").latency, anna.latency);
  EXPECT_NE(draw_habits(policy, 1, "bert").latency, anna.latency);
  EXPECT_NE(draw_habits(policy, 2, "anna").latency, anna.latency);
  policy.examples_per_second = Distribution::parse("constant:10");
  EXPECT_EQ(draw_habits(policy, 1, "anna").latency, anna.latency) << "one quantity moves another";
}

TEST(HabitsTest, ATenthOfTheCrowdIsTenTimesSlower) {
  HabitPolicy policy;
  policy.examples_per_second = Distribution::parse("constant:100");
  policy.stragglers = 0.1;
  int slow = 0;
  for (int i = 0; i < 1000; ++i) {
    const double pace = draw_habits(policy, 1, "p" + std::to_string(i)).examples_per_second;
    ASSERT_TRUE(pace == 100 || pace == 10) << pace;
    slow += pace == 10;
  }
  EXPECT_NEAR(slow, 100, 30);
}

TEST(HabitsTest, KeysThatDoNotGoTogetherAreRefused) {
  HabitPolicy policy;
  policy.online_seconds = Distribution::parse("constant:10");
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { check(policy); }), HasSubstr("simulation.offline_seconds"));
  policy = {};
  policy.stragglers = 0.5;
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { check(policy); }), HasSubstr("simulation.examples_per_second"));
}

TEST(PresenceTest, AParticipantLeavesAndReturnsAgainAndAgain) {
  const Presence presence{seconds(10), seconds(5), seconds(3)};
  const TimePoint start{};
  EXPECT_EQ(presence.next_online(start), start);
  EXPECT_EQ(presence.until(start), start + seconds(7));
  EXPECT_EQ(presence.next_online(start + seconds(7)), start + seconds(12));
  EXPECT_EQ(presence.next_online(start + seconds(11)), start + seconds(12));
  EXPECT_EQ(presence.until(start + seconds(12)), start + seconds(22));
}

TEST(PresenceTest, WithoutHoursItIsAlwaysThere) {
  EXPECT_EQ(Presence().next_online(TimePoint{seconds(9)}), TimePoint{seconds(9)});
  EXPECT_EQ(Presence().until(TimePoint{}), TimePoint::max());
}

}  // namespace
}  // namespace tributary::simulation
