#include "common/data/stream.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/data/running_scale.h"

namespace tributary::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Drawn {
  std::vector<std::vector<float>> features;
  std::vector<float> labels;
};

Drawn draw(ExampleStream& stream, std::size_t count) {
  Drawn drawn;
  std::vector<float> features(stream.features());
  float label = 0;
  while (drawn.labels.size() < count && stream.next(features, label) == Next::Example) {
    drawn.features.push_back(features);
    drawn.labels.push_back(label);
  }
  return drawn;
}

void expect_refused(const char* text, const char* why) {
  try {
    make_generator(text, 1);
    FAIL() << text << " was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(why));
  }
}

TEST(StreamTest, EqualTextsAndSeedsGiveEqualStreams) {
  for (const std::string kind : {"sea", "hyperplane,turn=0.01", "rbf,every=50,width=20"}) {
    const auto a = draw(*make_generator(kind, 7), 200), b = draw(*make_generator(kind, 7), 200);
    EXPECT_EQ(a.features, b.features) << kind;
    EXPECT_EQ(a.labels, b.labels) << kind;
    EXPECT_NE(a.features, draw(*make_generator(kind, 8), 200).features) << kind;
  }
}

// Share of labels that a SEA stream's threshold explains.
double agreement(const Drawn& drawn, std::size_t begin, std::size_t end, float threshold) {
  std::size_t right = 0;
  for (std::size_t i = begin; i < end; ++i)
    right += (drawn.features[i][0] + drawn.features[i][1] <= threshold) == (drawn.labels[i] == 1);
  return static_cast<double>(right) / static_cast<double>(end - begin);
}

TEST(StreamTest, SeaChangesItsThresholdAtOnceAndKeepsItsNoise) {
  const auto drawn = draw(*make_generator("sea,every=5000", 3), 10000);
  EXPECT_NEAR(agreement(drawn, 0, 5000, 8), 0.9, 0.02);
  EXPECT_NEAR(agreement(drawn, 5000, 10000, 9), 0.9, 0.02);
  EXPECT_LT(agreement(drawn, 5000, 10000, 8), 0.86);
  EXPECT_DOUBLE_EQ(agreement(draw(*make_generator("sea,noise=0", 3), 2000), 0, 2000, 8), 1.0);
}

TEST(StreamTest, AGradualChangeMixesBothConcepts) {
  const auto drawn = draw(*make_generator("sea,every=10000,width=10000,noise=0", 3), 20000);
  const double early = agreement(drawn, 10000, 12000, 8), late = agreement(drawn, 18000, 20000, 8);
  EXPECT_GT(early, 0.98);
  EXPECT_LT(late, 0.94);
}

// Right answers to [begin, end) of the plane that a perceptron finds in [0, begin).
double plane_accuracy(const Drawn& drawn, std::size_t learnt, std::size_t begin, std::size_t end) {
  std::vector<double> weights(drawn.features[0].size());
  const auto side = [&](std::size_t i) {
    double sum = 0;
    for (std::size_t j = 0; j < weights.size(); ++j) sum += weights[j] * (drawn.features[i][j] - 0.5);
    return sum >= 0;
  };
  for (int pass = 0; pass < 20; ++pass)
    for (std::size_t i = 0; i < learnt; ++i)
      if (side(i) != (drawn.labels[i] == 1))
        for (std::size_t j = 0; j < weights.size(); ++j)
          weights[j] += (drawn.labels[i] == 1 ? 1 : -1) * (drawn.features[i][j] - 0.5);
  std::size_t right = 0;
  for (std::size_t i = begin; i < end; ++i) right += side(i) == (drawn.labels[i] == 1);
  return static_cast<double>(right) / static_cast<double>(end - begin);
}

TEST(StreamTest, AHyperplaneTurnsSlowlyAwayFromWhereItStood) {
  const auto still = draw(*make_generator("hyperplane,noise=0", 5), 20000);
  const auto turning = draw(*make_generator("hyperplane,noise=0,turn=0.001", 5), 20000);
  EXPECT_GT(plane_accuracy(still, 500, 19000, 20000), 0.95);
  EXPECT_GT(plane_accuracy(turning, 500, 500, 1000), 0.9);
  EXPECT_LT(plane_accuracy(turning, 500, 19000, 20000), 0.9);
}

TEST(StreamTest, ARadialBasisStreamHasTheClassesAskedFor) {
  const auto stream = make_generator("rbf,classes=5,features=4,centroids=50", 2);
  EXPECT_EQ(stream->classes(), 5u);
  std::vector<int> seen(5);
  for (const float label : draw(*stream, 2000).labels) ++seen.at(static_cast<std::size_t>(label));
  for (const int count : seen) EXPECT_GT(count, 0);
}

TEST(StreamTest, AStreamEndsAfterTheExamplesAskedFor) {
  const auto stream = make_generator("sea,examples=10", 1);
  EXPECT_EQ(draw(*stream, 100).labels.size(), 10u);
  std::vector<float> features(3);
  float label = 0;
  EXPECT_EQ(stream->next(features, label), Next::End);
}

TEST(StreamTest, MisspeltKindsKeysAndValuesAreRefusedByName) {
  expect_refused("sae", "did you mean 'sea'?");
  expect_refused("tide", "known: sea, hyperplane, rbf");
  expect_refused("sea,evry=5", "did you mean 'every'?");
  expect_refused("sea,every", "unknown key");
  expect_refused("sea,noise=2", "noise must be a number from 0 to 1");
  expect_refused("rbf,classes=2.5", "whole number");
  expect_refused("sea,every=10,width=20", "width must be at most every");
}

TEST(StreamTest, AReplayGivesTheExamplesInTheirOrderOnce) {
  View view = whole(in_memory({2}, {1, 2, 3, 4, 5, 6}, {0, 1, 0}, 2));
  view.indices = {2, 0};
  const auto stream = replay(view);
  const auto drawn = draw(*stream, 10);
  EXPECT_THAT(drawn.features, ElementsAre(ElementsAre(5, 6), ElementsAre(1, 2)));
  EXPECT_THAT(drawn.labels, ElementsAre(0, 0));
}

TEST(StreamTest, AReplayOfRealLabelsIsRefused) {
  EXPECT_THROW(replay(whole(in_memory({1}, {1, 2}, {0.5f, 0.25f}, 0))), Error);
}

TEST(RunningScaleTest, FeaturesAreScaledByWhatCameSoFar) {
  RunningScale scale(2);
  std::vector<float> x{3, 5};
  scale.add_and_scale(x);
  EXPECT_THAT(x, ElementsAre(0, 0)) << "one value has no deviation";
  x = {5, 5};
  scale.add_and_scale(x);
  EXPECT_FLOAT_EQ(x[0], 1) << "mean 4, deviation 1";
  EXPECT_FLOAT_EQ(x[1], 0);
  x = {1e9f, 5};
  scale.add_and_scale(x);
  EXPECT_LE(x[0], 10);
}

// Against mean and deviation of the last rows, computed anew for each.
TEST(RunningScaleTest, AWindowScalesByTheLatestExamplesAlone) {
  constexpr std::size_t kWindow = 5;
  RunningScale scale(1, kWindow);
  RandomStream random(1, "window");
  std::vector<double> all;
  for (int n = 0; n < 500; ++n) {
    all.push_back(static_cast<float>(1000 * (n / 100) + random.uniform()));
    const std::size_t count = std::min(all.size(), kWindow);
    const std::span latest = std::span(all).last(count);
    double mean = 0, spread = 0;
    for (const double value : latest) mean += value / static_cast<double>(count);
    for (const double value : latest) spread += (value - mean) * (value - mean) / static_cast<double>(count);
    std::vector<float> x{static_cast<float>(all.back())};
    scale.add_and_scale(x);
    EXPECT_NEAR(x[0], n == 0 ? 0 : (all.back() - mean) / std::sqrt(spread), 1e-4) << n;
  }
}

TEST(RunningScaleTest, AFeatureThatStandsStillForAWindowBecomesZero) {
  RunningScale scale(1, 7);
  std::vector<float> x;
  for (int n = 0; n < 100; ++n) {
    x = {n < 50 ? 0.1f * static_cast<float>(n % 3) : 0.3f};
    scale.add_and_scale(x);
    if (n >= 57) {
      EXPECT_EQ(x[0], 0) << n;
    }
  }
}

}  // namespace
}  // namespace tributary::data
