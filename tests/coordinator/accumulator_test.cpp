#include "coordinator/accumulator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/codec/fixed_point.h"
#include "common/codec/update.h"

namespace tributary::coordinator {
namespace {

using codec::UpdateEncoding;

const model::LayoutPtr& layout() {
  static const auto made = std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{
      {"w", {40, 70}, model::Role::Weight, 0, 0, 40, 70}, {"b", {40}, model::Role::Vector}});
  return made;
}

struct Contribution {
  Bytes blob;
  std::uint64_t examples;
};

std::vector<Contribution> contributions(std::uint64_t seed, std::size_t count) {
  RandomStream random(seed, "contributions");
  std::vector<Contribution> all;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<float> delta(layout()->size());
    // From tiny to large: sums of such floats do depend on their order.
    const double scale = std::exp(12 * (random.uniform() - 0.5));
    for (float& value : delta) value = static_cast<float>(0.2 * scale * random.normal());
    const char* encoding = i % 2 == 0 ? "int8" : "float32";
    all.push_back(
        {encode_update(*layout(), delta, {}, UpdateEncoding::parse(encoding), random), 1 + random.below(5000)});
  }
  return all;
}

constexpr std::uint64_t kCap = 4000;

std::vector<float> mean_of(const Accumulator& accumulator) {
  std::vector<float> mean(layout()->size());
  accumulator.mean(mean);
  return mean;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Accumulator, AFactorIsOfTheValuesAndNotOfTheWeight) {
  const auto all = contributions(3, 2);
  Accumulator accumulator(layout(), kCap);
  const Accumulator::Contribution clipped[] = {{all[0].blob, 1000, 0.25}, {all[1].blob, 3000, 1}};
  accumulator.add(clipped, 2);
  EXPECT_EQ(accumulator.examples(), 4000U);
  const auto mean = mean_of(accumulator);
  const auto first = codec::decode_update(all[0].blob, *layout()),
             second = codec::decode_update(all[1].blob, *layout());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double exact = (0.25 * 1000 * static_cast<double>(first[i]) + 3000 * static_cast<double>(second[i])) / 4000;
    ASSERT_NEAR(static_cast<double>(mean[i]), exact, 1e-6 * (1 + std::abs(exact)));
  }
}

TEST(Accumulator, AnyOrderThreadsAndSplitGiveTheSameBits) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto all = contributions(seed, 12);
    Accumulator in_order(layout(), kCap);
    for (const auto& c : all) in_order.add(c.blob, c.examples);

    RandomStream random(seed, "order");
    std::vector<Accumulator> relays(1 + random.below(4), Accumulator(layout(), kCap));
    for (const std::uint32_t i : random.permutation(static_cast<std::uint32_t>(all.size()))) {
      const auto threads = static_cast<unsigned>(1 + random.below(4));
      relays[random.below(relays.size())].add(all[i].blob, all[i].examples, threads);
    }
    Accumulator merged(layout(), kCap);
    for (const std::uint32_t i : random.permutation(static_cast<std::uint32_t>(relays.size()))) merged.merge(relays[i]);

    EXPECT_TRUE(same_bits(mean_of(merged), mean_of(in_order)));
    EXPECT_EQ(merged.updates(), 12U);
    EXPECT_EQ(merged.examples(), in_order.examples());
  }
}

TEST(Accumulator, TheMeanTakenPieceByPieceIsTheMeanAndLeavesItClear) {
  for (unsigned threads = 1; threads <= 3; ++threads) {
    Accumulator accumulator(layout(), kCap), fresh(layout(), kCap);
    const auto all = contributions(threads, 5);
    for (const auto& c : all) accumulator.add(c.blob, c.examples);
    const std::vector<float> expected = mean_of(accumulator);
    std::vector<float> taken(layout()->size());
    accumulator.take_mean(threads, [&](std::uint64_t first, std::span<const float> part) {
      std::copy(part.begin(), part.end(), taken.begin() + static_cast<std::ptrdiff_t>(first));
    });
    EXPECT_TRUE(same_bits(taken, expected));
    EXPECT_EQ(accumulator.updates(), 0U);
    EXPECT_EQ(accumulator.examples(), 0U);
    accumulator.add(all[0].blob, all[0].examples);
    fresh.add(all[0].blob, all[0].examples);
    EXPECT_TRUE(same_bits(mean_of(accumulator), mean_of(fresh)));
  }
}

TEST(Accumulator, TheMeanIsThatOfDoubles) {
  const auto all = contributions(99, 9);
  Accumulator accumulator(layout(), kCap);
  std::vector<double> sum(layout()->size());
  double weight = 0;
  for (const auto& c : all) {
    accumulator.add(c.blob, c.examples);
    const auto counted = static_cast<double>(std::min(c.examples, kCap));
    const auto values = codec::decode_update(c.blob, *layout());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += counted * static_cast<double>(values[i]);
    weight += counted;
  }
  EXPECT_EQ(accumulator.examples(), static_cast<std::uint64_t>(weight));
  // Each contribution is rounded to half of 2^-40, the sum is divided by weight / kCap, and the mean becomes a float32.
  const double rounding = 9 * 0x1p-41 / (weight / static_cast<double>(kCap));
  const auto mean = mean_of(accumulator);
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double expected = sum[i] / weight;
    ASSERT_NEAR(mean[i], expected, rounding + std::abs(expected) * 0x1p-23) << i;
  }
}

TEST(Accumulator, ExamplesAreCapped) {
  const std::vector<float> one(layout()->size(), 1.0F), five(layout()->size(), 5.0F);
  const auto encoded = [](const std::vector<float>& delta) {
    return encode_update(*layout(), delta, {}, UpdateEncoding::parse("float32"), RandomStream(1, "rounding"));
  };
  Accumulator accumulator(layout(), 300);
  accumulator.add(encoded(one), 100);
  accumulator.add(encoded(five), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(accumulator.examples(), 400U);
  // 100 * 1 and 300 * 5; a third is no binary fraction.
  for (const float value : mean_of(accumulator)) ASSERT_NEAR(value, 4.0F, 1e-6);
}

TEST(Accumulator, TheMostThatFitsDoesNotOverflowAndOneMoreIsRefused) {
  const auto small =
      std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{{"b", {2}, model::Role::Vector}});
  const std::vector<float> extreme = {codec::kMaxMagnitude, -codec::kMaxMagnitude};
  const Bytes blob = encode_update(*small, extreme, {}, UpdateEncoding::parse("float32"), RandomStream(1, "rounding"));
  Accumulator accumulator(small, 1);
  for (std::uint64_t i = 0; i < codec::kMaxContributions; ++i) accumulator.add(blob, 1);
  std::vector<float> mean(2);
  accumulator.mean(mean);
  EXPECT_EQ(mean, extreme);

  const auto expect_overloaded = [&](auto&& act) {
    try {
      act();
      ADD_FAILURE() << "took more than a sum can hold";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Overloaded);
      EXPECT_STREQ(error.what(), "a round can sum 16383 updates, not 16384; lower round.cohort");
    }
    EXPECT_EQ(accumulator.updates(), codec::kMaxContributions);
    accumulator.mean(mean);
    EXPECT_EQ(mean, extreme);
  };
  expect_overloaded([&] { accumulator.add(blob, 1); });
  Accumulator another(small, 1);
  another.add(blob, 1);
  expect_overloaded([&] { accumulator.merge(another); });
}

TEST(Accumulator, ClearedItIsAsNew) {
  const auto all = contributions(5, 3);
  Accumulator used(layout(), kCap), fresh(layout(), kCap);
  for (const auto& c : all) used.add(c.blob, c.examples);
  used.clear();
  EXPECT_EQ(used.updates(), 0U);
  EXPECT_EQ(used.examples(), 0U);
  used.add(all[1].blob, all[1].examples);
  fresh.add(all[1].blob, all[1].examples);
  EXPECT_TRUE(same_bits(mean_of(used), mean_of(fresh)));
}

TEST(Accumulator, OwnMistakesAreCaught) {
  const auto all = contributions(5, 1);
  Accumulator accumulator(layout(), kCap), other_cap(layout(), kCap + 1);
  std::vector<float> mean(layout()->size());
  EXPECT_THROW(accumulator.mean(mean), Error);
  EXPECT_THROW(accumulator.add(all[0].blob, 0), Error);
  EXPECT_THROW(accumulator.merge(other_cap), Error);
  EXPECT_THROW(Accumulator(layout(), 0), Error);
}

}  // namespace
}  // namespace tributary::coordinator
