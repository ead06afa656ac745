#include "coordinator/selection.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

namespace tributary::coordinator {
namespace {

std::vector<std::string> crowd(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("p" + std::to_string(i));
  return names;
}

TEST(Selection, DoesNotDependOnTheOrderOfArrival) {
  auto names = crowd(50);
  const auto chosen = select_cohort(names, 10, 1, 3);
  EXPECT_EQ(chosen.size(), 10U);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  EXPECT_TRUE(std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end());
  std::reverse(names.begin(), names.end());
  EXPECT_EQ(select_cohort(names, 10, 1, 3), chosen);
}

TEST(Selection, RoundAndSeedChangeIt) {
  const auto chosen = select_cohort(crowd(50), 10, 1, 3);
  EXPECT_NE(select_cohort(crowd(50), 10, 1, 4), chosen);
  EXPECT_NE(select_cohort(crowd(50), 10, 2, 3), chosen);
}

TEST(Selection, TakesAllWhenThereAreNoMore) {
  EXPECT_EQ(select_cohort({"b", "a"}, 2, 1, 1), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(select_cohort({"b", "a"}, 9, 1, 1), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(select_cohort({}, 3, 1, 1).empty());
  EXPECT_TRUE(select_cohort({"a"}, 0, 1, 1).empty());
}

TEST(Selection, ANameGivenTwiceIsOneCandidate) {
  EXPECT_EQ(select_cohort({"a", "b", "a"}, 3, 1, 1), (std::vector<std::string>{"a", "b"}));
}

// 20 participants, 5 a round: each is chosen in a quarter of the rounds (4 standard deviations around 1000).
TEST(Selection, IsUniform) {
  std::map<std::string, int> times;
  for (std::uint64_t round = 1; round <= 4000; ++round)
    for (const auto& name : select_cohort(crowd(20), 5, 7, round)) ++times[name];
  EXPECT_EQ(times.size(), 20U);
  for (const auto& [name, count] : times) EXPECT_NEAR(count, 1000, 4 * 27.4) << name;
}

}  // namespace
}  // namespace tributary::coordinator
