#include "common/codec/fixed_point.h"

#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/parallel.h"
#include "common/base/random.h"
#include "common/codec/kernels.h"
#include "tests/codec/unaligned.h"

namespace tributary::codec {
namespace {

// A contribution to one sum: floats, or integers with a scale, and how much it weighs.
struct Contribution {
  double weight = 1;
  std::vector<float> values;
  float scale = 0;
  std::vector<std::int8_t> integers;
};

float any_value(RandomStream& random) {
  switch (random.below(4)) {
    case 0:
      return random.below(2) == 0 ? kMaxMagnitude : -kMaxMagnitude;
    case 1:  // ties and near ties of the last place
      return std::ldexp(static_cast<float>(static_cast<int>(random.below(2001)) - 1000), -41);
    case 2:
      return std::ldexp(static_cast<float>(random.normal()), -static_cast<int>(random.below(140)));
    default:
      return static_cast<float>(random.normal());
  }
}

double any_weight(RandomStream& random) {
  return random.below(3) == 0 ? 1.0 : random.below(2) == 0 ? 0.5 : 1.0 - random.uniform();
}

Contribution any_contribution(RandomStream& random, std::size_t n) {
  Contribution made{.weight = any_weight(random), .values = {}, .scale = 0, .integers = {}};
  if (random.below(2) == 0) {
    for (std::size_t i = 0; i < n; ++i) made.values.push_back(any_value(random));
    return made;
  }
  made.scale = std::abs(any_value(random)) / 127.01F;
  for (std::size_t i = 0; i < n; ++i) {
    made.integers.push_back(static_cast<std::int8_t>(static_cast<int>(random.below(255)) - 127));
  }
  return made;
}

void fold(const Kernels& kernels, const Contribution& c, std::size_t begin, std::size_t end, std::int64_t* sum) {
  const double unit = c.weight * kUnit;
  if (!c.integers.empty()) {
    return kernels.fold_int8(c.integers.data() + begin, end - begin, c.scale, unit, sum + begin);
  }
  if (begin == end) return;
  // As in a blob: at an odd address.
  Unaligned<std::byte> blob(4 * (end - begin), 1);
  std::memcpy(blob.data(), c.values.data() + begin, 4 * (end - begin));
  kernels.fold_float(reinterpret_cast<const BlobFloat*>(blob.data()), end - begin, unit, sum + begin);
}

TEST(FixedPoint, SumsDoNotDependOnOrderSplitOrInstructionSet) {
  constexpr int kCases = 10'000;
  RandomStream random(11, "sums");
  for (int trial = 0; trial < kCases; ++trial) {
    const std::size_t n = 1 + random.below(40);
    std::vector<Contribution> all;
    for (std::uint64_t k = 1 + random.below(6); k > 0; --k) all.push_back(any_contribution(random, n));
    std::vector<std::int64_t> expected(n);
    for (const Contribution& c : all) {
      for (std::size_t i = 0; i < n; ++i) {
        const float value = c.integers.empty() ? c.values[i] : c.scale * static_cast<float>(c.integers[i]);
        expected[i] += to_fixed(c.weight, value);
      }
    }
    for (const Kernels* kernels : available_kernels()) {
      std::vector<std::int64_t> sum(n);
      for (const std::uint32_t k : random.permutation(static_cast<std::uint32_t>(all.size()))) {
        const std::size_t middle = random.below(n + 1);
        fold(*kernels, all[k], middle, n, sum.data());
        fold(*kernels, all[k], 0, middle, sum.data());
      }
      ASSERT_EQ(sum, expected) << kernels->name << ", case " << trial;
    }
  }
}

TEST(FixedPoint, EveryLengthFoldsTheSameInEveryInstructionSet) {
  RandomStream random(12, "lengths");
  for (std::size_t n = 0; n <= 1100; ++n) {
    Contribution floats = any_contribution(random, n);
    floats.integers.clear();
    floats.values.resize(n, 0.25F);
    for (const Kernels* kernels : available_kernels()) {
      std::vector<std::int64_t> sum(n, 3);
      fold(*kernels, floats, 0, n, sum.data());
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(sum[i], 3 + to_fixed(floats.weight, floats.values[i])) << n;
    }
  }
}

TEST(FixedPoint, ThreadsDoNotChangeASum) {
  RandomStream random(13, "threads");
  constexpr std::size_t kElements = 5000;
  const Contribution c = any_contribution(random, kElements);
  std::vector<std::int64_t> alone(kElements);
  fold(kernels(), c, 0, kElements, alone.data());
  for (unsigned threads = 2; threads <= 5; ++threads) {
    std::vector<std::int64_t> sum(kElements);
    parallel_ranges(kElements, 7, threads,
                    [&](std::size_t begin, std::size_t end) { fold(kernels(), c, begin, end, sum.data()); });
    EXPECT_EQ(sum, alone);
  }
}

TEST(FixedPoint, WhatWasAddedCanBeTakenAwayAgain) {
  RandomStream random(14, "undo");
  for (int trial = 0; trial < 1000; ++trial) {
    const double weight = any_weight(random);
    const BlobFloat value{any_value(random)}, negative{-value};
    std::int64_t sum = 12345;
    kernels().fold_float(&value, 1, weight * kUnit, &sum);
    kernels().fold_float(&negative, 1, weight * kUnit, &sum);
    ASSERT_EQ(sum, 12345) << weight << " * " << float{value};
  }
}

TEST(FixedPoint, HalvesGoToTheEvenNeighbour) {
  EXPECT_EQ(to_fixed(1.0, 0x1p-41F), 0);
  EXPECT_EQ(to_fixed(1.0, 0x1.8p-40F), 2);
  EXPECT_EQ(to_fixed(1.0, -0x1.8p-40F), -2);
  EXPECT_EQ(to_fixed(0.5, 0x1p-40F), 0);
  EXPECT_EQ(to_fixed(1.0, 0x1.4p-39F), 2);
  EXPECT_EQ(from_fixed(to_fixed(1.0, -0.75F)), -0.75);
}

}  // namespace
}  // namespace tributary::codec
