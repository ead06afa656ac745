#include "common/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tributary {
namespace {

TEST(RandomStream, EqualNamesGiveEqualNumbers) {
  RandomStream a({7, "shuffle", 3, "north"});
  RandomStream b({7, "shuffle", 3, "north"});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next_u64(), b.next_u64());
}

TEST(RandomStream, EveryPartOfTheNameMatters) {
  const auto first = [](const StreamName& name) { return RandomStream(name).next_u64(); };
  const auto base = first({7, "shuffle", 3, "north"});
  EXPECT_NE(base, first({8, "shuffle", 3, "north"}));
  EXPECT_NE(base, first({7, "rounding", 3, "north"}));
  EXPECT_NE(base, first({7, "shuffle", 4, "north"}));
  EXPECT_NE(base, first({7, "shuffle", 3, "south"}));
  EXPECT_NE(first({7, "ab", 3, "c"}), first({7, "a", 3, "bc"}));
}

TEST(RandomStream, BlocksAreTheStreamInOrder) {
  RandomStream stream(5, "blocks");
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto block = stream.block(i);
    for (const std::uint32_t word : block) EXPECT_EQ(word, stream.next_u32());
  }
}

TEST(RandomStream, NormalNumbersHaveMeanZeroAndVarianceOne) {
  RandomStream stream(1, "normal");
  double sum = 0, squares = 0;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    const double x = stream.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.02);
  EXPECT_NEAR(squares / kCount, 1, 0.03);
}

TEST(RandomStream, NumbersBelowABoundAreEvenlySpread) {
  RandomStream stream(1, "below");
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts[stream.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

TEST(RandomStream, APermutationHoldsEachIndexOnce) {
  RandomStream stream(1, "shuffle");
  auto items = stream.permutation(1000);
  EXPECT_FALSE(std::is_sorted(items.begin(), items.end()));
  std::sort(items.begin(), items.end());
  for (std::uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(items[i], i);
}

}  // namespace
}  // namespace tributary
