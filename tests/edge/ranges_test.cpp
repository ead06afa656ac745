#include "common/edge/ranges.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"

namespace tributary::edge {
namespace {

using ::testing::HasSubstr;

const std::vector<Calibration> kAll{Calibration::MinMax, Calibration::Percentile, Calibration::Mse,
                                    Calibration::Entropy};

// Standard normal values, and one far outside.
Histogram normal_with_outlier(float outlier) {
  RandomStream random(1, "ranges");
  Histogram histogram;
  std::vector<float> values(20'000);
  for (float& value : values) value = static_cast<float>(random.normal());
  histogram.add(values);
  histogram.add(std::vector<float>{outlier});
  return histogram;
}

// Mean squared error of 256 levels on the same normal values.
double error_of(const Range& range) {
  RandomStream random(1, "ranges");
  const Levels levels = levels_of(range);
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double value = random.normal();
    const double level = std::clamp(std::nearbyint(value / levels.scale) + levels.zero, 0.0, 255.0);
    sum += std::pow(value - levels.scale * (level - levels.zero), 2);
  }
  return sum / 20'000;
}

TEST(Histogram, MinMaxIsExactWhateverTheOrder) {
  Histogram histogram;
  histogram.add(std::vector<float>{0, 0});
  histogram.add(std::vector<float>{0.125F, -0.5F});
  histogram.add(std::vector<float>{1000.5F, -3});
  EXPECT_EQ(histogram.range(Calibration::MinMax), (Range{-3, 1000.5F}));
  EXPECT_EQ(histogram.seen(), 6U);
}

TEST(Histogram, PercentileLeavesTheOutlierOut) {
  const Range range = normal_with_outlier(500).range(Calibration::Percentile, 0.998);
  EXPECT_NEAR(range.high, 3.1, 0.4);
  EXPECT_NEAR(range.low, -3.1, 0.4);
}

TEST(Histogram, MseAndEntropyTradeClippingForFinerLevels) {
  const auto histogram = normal_with_outlier(12);
  const double all = error_of(histogram.range(Calibration::MinMax));
  EXPECT_LT(error_of(histogram.range(Calibration::Mse)), all);
  const Range entropy = histogram.range(Calibration::Entropy);
  EXPECT_LT(entropy.high, 12);
  EXPECT_GT(entropy.high, 2);
}

TEST(Histogram, OfZerosAloneGivesLevelsThatKeepZero) {
  for (const auto method : kAll) {
    Histogram histogram;
    histogram.add(std::vector<float>(100));
    const Levels levels = levels_of(histogram.range(method));
    EXPECT_EQ(levels.scale, 1);
    EXPECT_EQ(levels.zero, 0);
  }
}

TEST(Histogram, RefusesValuesThatAreNotFinite) {
  Histogram histogram;
  EXPECT_THROW(histogram.add(std::vector<float>{1, std::numeric_limits<float>::infinity()}), Error);
  EXPECT_THROW(histogram.add(std::vector<float>{std::nanf("")}), Error);
}

TEST(Levels, CoverTheRangeAndHaveZeroAmongThem) {
  for (const Range& range : {Range{0, 6}, Range{-1, 3}, Range{-5, -1}, Range{2, 9}}) {
    const Levels levels = levels_of(range);
    const auto value = [&](int level) { return levels.scale * static_cast<float>(level - levels.zero); };
    EXPECT_EQ(value(levels.zero), 0);
    EXPECT_LE(value(0), std::min(0.0F, range.low) + levels.scale / 2 * 1.001F);
    EXPECT_GE(value(255), std::max(0.0F, range.high) - levels.scale / 2 * 1.001F);
  }
}

TEST(Calibration, IsNamedOrTheNearestNameIsGiven) {
  for (const auto method : kAll) EXPECT_EQ(calibration_from(name_of(method)), method);
  try {
    calibration_from("entropi");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'entropy'?"));
  }
}

}  // namespace
}  // namespace tributary::edge
