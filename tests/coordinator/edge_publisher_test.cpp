#include "coordinator/edge_publisher.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/codec/edge_delta.h"

namespace tributary::coordinator {
namespace {

const model::LayoutPtr& layout() {
  static const auto made = std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{
      {"w", {20, 50}, model::Role::Weight, 0, 0, 20, 50}, {"b", {20}, model::Role::Vector}});
  return made;
}

model::ParameterSet some_model() {
  RandomStream random(1, "model");
  std::vector<float> values(layout()->size());
  for (float& value : values) value = static_cast<float>(random.normal());
  return {layout(), std::move(values)};
}

model::ParameterSet decoded(const codec::EdgeCopy& copy) {
  return codec::decode_edge_copy(copy.blob, layout());
}

EdgePolicy schedule() {
  EdgePolicy policy;
  policy.sparsity = 0.8;
  policy.initial_sparsity = 0.2;
  policy.sparsity_begin = 2;
  policy.sparsity_end = 10;
  return policy;
}

TEST(EdgePublisher, WithoutAScheduleTheSparsityHoldsFromTheFirstCopyOn) {
  EdgePublisher publisher(layout(), EdgePolicy{}, 1);
  EXPECT_EQ(publisher.sparsity(0), 0.5);
  EXPECT_EQ(publisher.sparsity(1000), 0.5);
  EXPECT_EQ(publisher.publish(some_model(), 0).sparsity, 0.5);
}

TEST(EdgePublisher, TheSparsityGrowsAlongACubic) {
  const EdgePublisher publisher(layout(), schedule(), 1);
  EXPECT_EQ(publisher.sparsity(0), 0.2);
  EXPECT_EQ(publisher.sparsity(2), 0.2);
  EXPECT_NEAR(publisher.sparsity(6), 0.8 - 0.6 * 0.125, 1e-12);  // half-way: an eighth of the distance is left
  EXPECT_NEAR(publisher.sparsity(8), 0.8 - 0.6 / 64, 1e-12);
  EXPECT_EQ(publisher.sparsity(10), 0.8);
  EXPECT_EQ(publisher.sparsity(99), 0.8);
}

TEST(EdgePublisher, CopiesHaveTheSparsityOfTheirRound) {
  EdgePublisher publisher(layout(), schedule(), 1);
  for (const std::uint64_t round : {0, 4, 6, 10})
    EXPECT_NEAR(publisher.publish(some_model(), round).sparsity, publisher.sparsity(round), 0.001) << round;
}

// A weight that stays between two integers is published now as one and now as the other: the mean of many copies comes
// nearer to the model than any single copy.
TEST(EdgePublisher, WhatRoundingLostIsInTheCopiesThatFollow) {
  EdgePolicy policy;
  policy.sparsity = 0;
  policy.levels = 7;
  EdgePublisher publisher(layout(), policy, 1);
  const auto global = some_model();
  constexpr int kCopies = 64;
  std::vector<double> mean(layout()->size());
  double single = 0;
  for (int round = 0; round < kCopies; ++round) {
    const auto copy = decoded(publisher.publish(global, static_cast<std::uint64_t>(round)));
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const auto value = static_cast<double>(copy.values()[i]);
      mean[i] += value / kCopies;
      if (round == 0) single += std::abs(value - static_cast<double>(global.values()[i]));
    }
  }
  double averaged = 0;
  for (std::size_t i = 0; i < mean.size(); ++i) averaged += std::abs(mean[i] - static_cast<double>(global.values()[i]));
  EXPECT_GT(single, 0);
  EXPECT_LT(averaged, single / 10);
}

TEST(EdgePublisher, TheSameHistoryGivesTheSameBytesOnAnyNumberOfThreads) {
  EdgePublisher one(layout(), schedule(), 1), four(layout(), schedule(), 4);
  for (std::uint64_t round = 0; round < 5; ++round)
    EXPECT_EQ(one.publish(some_model(), round).blob, four.publish(some_model(), round).blob);
}

TEST(EdgePublisher, AModelThatHardlyMovesKeepsItsScalesAndMostOfItsIntegers) {
  EdgePublisher publisher(layout(), EdgePolicy{}, 1);
  auto global = some_model();
  codec::EdgeIntegers before = codec::edge_integers(publisher.publish(global, 0).blob, layout());
  for (std::uint64_t round = 1; round < 4; ++round) {
    for (float& value : global.values()) value *= 1.02F;
    const auto copy = publisher.publish(global, round);
    EXPECT_EQ(copy.sparsity, 0.5);
    const codec::EdgeIntegers after = codec::edge_integers(copy.blob, layout());
    EXPECT_EQ(after.weights[0].scale, before.weights[0].scale);
    std::size_t equal = 0;
    for (std::size_t i = 0; i < 1000; ++i) equal += after.weights[0].q[i] == before.weights[0].q[i];
    EXPECT_GT(equal, 650u);
    before = after;
  }
}

TEST(EdgePublisher, WithoutFeedbackEqualModelsHaveEqualCopies) {
  for (const std::uint32_t bits : {8u, 4u, 2u}) {
    EdgePolicy policy;
    policy.bits = bits;
    policy.block = 64;
    EdgePublisher with(layout(), policy, 1);
    policy.feedback = false;
    EdgePublisher without(layout(), policy, 1);
    const auto global = some_model();
    EXPECT_EQ(with.publish(global, 0).blob, without.publish(global, 0).blob);
    const Bytes second = without.publish(global, 1).blob;
    EXPECT_EQ(second, without.publish(global, 2).blob);
    EXPECT_NE(with.publish(global, 1).blob, second);
    EXPECT_EQ(codec::edge_integers(second, layout()).bits, bits);
    EXPECT_EQ(codec::edge_integers(second, layout()).block, 64U);
  }
}

TEST(EdgePublisher, WithoutQuantisationWeightsAreExactOrZero) {
  EdgePolicy policy;
  policy.bits = 32;
  EdgePublisher publisher(layout(), policy, 1);
  const auto global = some_model();
  for (std::uint64_t round = 0; round < 3; ++round) {
    const auto copy = publisher.publish(global, round);
    const auto values = decoded(copy);
    std::size_t zeros = 0;
    for (std::size_t i = 0; i < global.values().size(); ++i) {
      const float value = values.values()[i];
      zeros += value == 0;
      EXPECT_TRUE(value == 0 || value == global.values()[i]);
    }
    EXPECT_EQ(zeros, 500U);
  }
}

TEST(EdgePublisher, AModelThatIsNotFiniteIsNotPublished) {
  EdgePublisher publisher(layout(), EdgePolicy{}, 1);
  publisher.publish(some_model(), 0);
  auto broken = some_model();
  broken.values()[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(publisher.publish(broken, 1), Error);
}

}  // namespace
}  // namespace tributary::coordinator
