#include "common/codec/pruning.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace tributary::codec {
namespace {

using Parts = std::vector<std::vector<float>>;

Magnitude magnitude_of(float x) {
  return std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFu;
}

std::vector<bool> kept_by(const Cut& cut, const Parts& parts) {
  std::vector<bool> kept;
  for (const auto& part : parts) {
    for (const float x : part) kept.push_back(magnitude_of(x) >= cut.keep_from(kept.size()));
  }
  return kept;
}

// By definition: a stable sort by magnitude; the first `drop` go.
std::vector<bool> kept_by_sorting(const Parts& parts, std::uint64_t drop) {
  std::vector<Magnitude> magnitudes;
  for (const auto& part : parts) {
    for (const float x : part) magnitudes.push_back(magnitude_of(x));
  }
  std::vector<std::size_t> order(magnitudes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return magnitudes[a] < magnitudes[b]; });
  std::vector<bool> kept(order.size(), true);
  for (std::uint64_t i = 0; i < drop; ++i) kept[order[i]] = false;
  return kept;
}

void expect_exact(const Parts& parts, std::uint64_t drop) {
  const std::vector<std::span<const float>> spans(parts.begin(), parts.end());
  const auto expected = kept_by_sorting(parts, drop);
  for (const unsigned threads : {1u, 3u}) {
    ASSERT_EQ(kept_by(magnitude_cut(spans, drop, threads), parts), expected) << drop << " of " << expected.size();
  }
}

TEST(Pruning, DropsExactlyTheSmallest) {
  RandomStream random(1, "pruning");
  for (int trial = 0; trial < 300 && !::testing::Test::HasFatalFailure(); ++trial) {
    Parts parts(1 + random.below(4));
    std::uint64_t total = 0;
    for (auto& part : parts) {
      part.resize(random.below(200));
      for (float& x : part) x = static_cast<float>(random.normal());
      total += part.size();
    }
    expect_exact(parts, random.below(total + 1));
  }
}

TEST(Pruning, OfEqualMagnitudesTheFirstGo) {
  RandomStream random(2, "ties");
  for (int trial = 0; trial < 300 && !::testing::Test::HasFatalFailure(); ++trial) {
    Parts parts(1 + random.below(3));
    std::uint64_t total = 0;
    for (auto& part : parts) {
      part.resize(1 + random.below(60));
      for (float& x : part) x = static_cast<float>(static_cast<int>(random.below(5)) - 2) * 0.5F;
      total += part.size();
    }
    expect_exact(parts, random.below(total + 1));
  }
}

TEST(Pruning, EveryCountOfASmallSetIsReached) {
  const Parts parts = {{0.0F, -0.0F, 1.0F, -1.0F, 0x1p-149F, 3e38F}, {}, {-1.0F, 1.0000001F, 0x1p-127F}};
  for (std::uint64_t drop = 0; drop <= 9; ++drop) expect_exact(parts, drop);
}

TEST(Pruning, NumbersThatAreNotFiniteAreTheLargest) {
  const Parts parts = {{std::numeric_limits<float>::quiet_NaN(), 1.0F, -std::numeric_limits<float>::infinity(), 2.0F}};
  for (std::uint64_t drop = 0; drop <= 4; ++drop) expect_exact(parts, drop);
}

TEST(Pruning, LargeTensorsAreCutExactlyOnAnyNumberOfThreads) {
  RandomStream random(3, "large");
  Parts parts(2);
  for (auto& part : parts) {
    part.resize(200'001);
    for (float& x : part) x = static_cast<float>(static_cast<int>(random.below(20'000))) * 1e-4F;
  }
  for (const double share : {0.001, 0.5, 0.9, 1.0}) {
    expect_exact(parts, static_cast<std::uint64_t>(share * 400'002));
  }
}

}  // namespace
}  // namespace tributary::codec
