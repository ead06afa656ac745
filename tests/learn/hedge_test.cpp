#include "common/learn/hedge.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary::learn {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

TEST(HedgeTest, WeightsFollowThePapersUpdateByHand) {
  Hedge hedge(2, {.beta = 0.5, .floor = 0.2});
  EXPECT_THAT(hedge.alphas(), ElementsAre(0.5, 0.5));
  hedge.update(std::vector<double>{0.0, 1.0});  // 0.5 and 0.25, normalised
  EXPECT_THAT(hedge.alphas(), ElementsAre(DoubleNear(2.0 / 3, 1e-12), DoubleNear(1.0 / 3, 1e-12)));
  hedge.update(std::vector<double>{0.0, 3.0});  // 16/17 and 1/17, the floor is 0.1
  const double sum = 16.0 / 17 + 0.1;
  EXPECT_THAT(hedge.alphas(), ElementsAre(DoubleNear(16.0 / 17 / sum, 1e-12), DoubleNear(0.1 / sum, 1e-12)));
}

TEST(HedgeTest, ABatchCountsAsItsExamples) {
  Hedge once(3, {}), often(3, {});
  const std::vector<double> losses{0.3, 0.1, 0.7};
  once.update(losses, 5);
  for (int i = 0; i < 5; ++i) often.update(losses);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(once.alphas()[i], often.alphas()[i], 1e-12);
}

TEST(HedgeTest, HugeLossesOfAllLeaveWeightsThatSumToOne) {
  Hedge hedge(4, {.beta = 0.99, .floor = 0});
  hedge.update(std::vector<double>{1e8, 1e8 + 1, 2e8, 1e8}, 1000);
  EXPECT_NEAR(std::accumulate(hedge.alphas().begin(), hedge.alphas().end(), 0.0), 1.0, 1e-12);
  EXPECT_GT(*std::min_element(hedge.alphas().begin(), hedge.alphas().end()), 0.0);
}

TEST(HedgeTest, LogarithmsComeBackAndTheirMeanIsTheGeometricMean) {
  Hedge a(3, {.beta = 0.9, .floor = 0}), b(3, {.beta = 0.9, .floor = 0});
  a.update(std::vector<double>{1, 2, 3}, 4);
  b.update(std::vector<double>{3, 1, 1}, 2);
  std::vector<float> of_a(3), of_b(3), mean(3);
  a.get_logarithms(of_a);
  b.get_logarithms(of_b);
  double sum = 0;
  std::vector<double> expected;
  for (std::size_t i = 0; i < 3; ++i) {
    mean[i] = (of_a[i] + of_b[i]) / 2;
    expected.push_back(std::sqrt(a.alphas()[i] * b.alphas()[i]));
    sum += expected.back();
  }
  Hedge both(3, {.floor = 0});
  both.set_logarithms(mean);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(both.alphas()[i], expected[i] / sum, 1e-6);
}

TEST(HedgeTest, LogarithmsThatAreNotFiniteCountAsTheFloor) {
  Hedge hedge(4, {.floor = 0.2});
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  hedge.set_logarithms(std::vector<float>{0, nan, -infinity, infinity});
  EXPECT_NEAR(hedge.alphas()[1] / hedge.alphas()[0], 0.05, 1e-9);
  hedge.set_logarithms(std::vector<float>{nan, nan, nan, nan});
  EXPECT_THAT(hedge.alphas(), ElementsAre(0.25, 0.25, 0.25, 0.25));
}

}  // namespace
}  // namespace tributary::learn
