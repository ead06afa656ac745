#include "common/learn/soft_targets.h"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary::learn {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;

TEST(SoftTargets, TemperatureFlattensTheSoftmax) {
  const std::vector<float> scores = {0, std::log(3.0F), 1000, 0};  // two rows, one of them far out
  std::vector<float> targets(4);
  soften(scores, 2, 1, targets);
  EXPECT_THAT(targets, ElementsAre(FloatNear(0.25F, 1e-6F), FloatNear(0.75F, 1e-6F), 1, 0));
  soften(scores, 2, 2, targets);
  EXPECT_NEAR(targets[1], std::sqrt(3.0) / (1 + std::sqrt(3.0)), 1e-6);
}

TEST(SoftTargets, TheLossIsZeroWhereTheAnswersAgreeAndPositiveElsewhere) {
  const std::vector<float> scores = {0.5F, -1, 2, 0, 0, 1};
  std::vector<float> targets(6), slopes(6);
  soften(scores, 3, 3, targets);
  EXPECT_NEAR(soft_loss(scores, targets, 3, 3, slopes), 0, 1e-6);
  for (const float slope : slopes) EXPECT_NEAR(slope, 0, 1e-6);
  const std::vector<float> certain = {1, 0, 0, 0, 0, 1};
  // By hand: minus the logarithms of what is given to the first and the sixth, halved.
  const double first = 0.5 - std::log(std::exp(0.5) + std::exp(-1.0) + std::exp(2.0));
  const double second = 1 - std::log(2 + std::exp(1.0));
  EXPECT_NEAR(soft_loss(scores, certain, 3, 1, slopes), -(first + second) / 2, 1e-5);
}

TEST(SoftTargets, SlopesAreTheDerivativesOfTheLoss) {
  const std::vector<float> targets = {0.2F, 0.5F, 0.3F, 0.9F, 0.1F, 0};
  for (const double temperature : {1.0, 4.0}) {
    std::vector<float> scores = {0.5F, -1, 2, 0.1F, 0.3F, 1}, slopes(6), unused(6);
    soft_loss(scores, targets, 3, temperature, slopes);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      constexpr float kStep = 1e-2F;
      const float was = scores[i];
      scores[i] = was + kStep;
      const double above = soft_loss(scores, targets, 3, temperature, unused);
      scores[i] = was - kStep;
      const double below = soft_loss(scores, targets, 3, temperature, unused);
      scores[i] = was;
      EXPECT_NEAR(slopes[i], (above - below) / (2 * kStep), 2e-3) << "at temperature " << temperature;
    }
  }
}

}  // namespace
}  // namespace tributary::learn
