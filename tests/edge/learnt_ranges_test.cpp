#include "common/edge/learnt_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/quantization.h"
#include "common/model/zoo.h"

namespace tributary::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;

// linear:2-1 with weights 1 and bias 0 learns y = x0 + x1 from its input, which has steps.
class LearntStep : public ::testing::Test {
 protected:
  LearntStep() {
    for (float& weight : graph_.initializers.at("fc1.weight").as<float>()) weight = 1;
    graph_.initializers.at("fc1.bias").as<float>()[0] = 0;
  }
  // The step's derivative for one example with label 0 under the mean squared error, before the share is taken.
  float slope(float first, float second, const Range& range) {
    const LearntRanges learnt = learn_ranges(graph_, {{"x", range}});
    const auto network = step_network(learn::Network::compile(learnt.graph), learnt);
    auto parameters = learnt.graph.parameters();
    std::vector<float> features{first, second}, labels{0}, gradient(parameters.values().size());
    RandomStream random(1, "test");
    network->gradient(parameters, {features, labels, 1}, learn::Loss::MeanSquaredError, random, gradient);
    return gradient[parameters.layout().find(learnt.steps)->offset] / learnt.share[0];
  }

  model::Graph graph_ = model::make_zoo_model("linear:2-1", 1);
};

TEST_F(LearntStep, HasTheDerivativeOfThePaper) {
  // Step 1, zero point 0: v = x. Within the levels round(v) - v, beyond them the last level; each times 2 (y - 0).
  const Range range{0, 255};
  EXPECT_NEAR(slope(10.25F, 0, range), 2 * 10 * -0.25F, 1e-3);
  EXPECT_NEAR(slope(10.75F, 20.25F, range), 2 * 31 * (0.25F - 0.25F), 1e-3);
  EXPECT_NEAR(slope(300, 0, range), 2 * 255 * 255.0F, 1);
  EXPECT_NEAR(slope(-7, 0, range), 0, 1e-3);  // the lowest level is 0
}

TEST_F(LearntStep, GivesTheSameValuesAsTheQuantisedGraph) {
  const std::map<std::string, Range> ranges{{"x", {-1, 3}}};
  const LearntRanges learnt = learn_ranges(graph_, ranges);
  const model::Graph plain = quantize_activations(graph_, ranges);
  const std::vector<float> features{0.777F, -0.5F, 4, -3};
  const auto ours = learn::Network::compile(learnt.graph)->predict(learnt.graph.parameters(), features, 2);
  const auto theirs = learn::Network::compile(plain)->predict(plain.parameters(), features, 2);
  EXPECT_THAT(ours.values, ElementsAre(FloatNear(theirs.values[0], 1e-5F), FloatNear(theirs.values[1], 1e-5F)));
}

TEST_F(LearntStep, StandsForTheRangeItBeganWith) {
  const Range range{-1, 3};
  const LearntRanges learnt = learn_ranges(graph_, {{"x", range}});
  const Levels began = levels_of(range), stands = levels_of(ranges_of(learnt, learnt.graph.parameters()).at("x"));
  EXPECT_EQ(stands.zero, began.zero);
  EXPECT_NEAR(stands.scale, began.scale, 1e-7);
}

TEST_F(LearntStep, NeverFallsToNothing) {
  const LearntRanges learnt = learn_ranges(graph_, {{"x", {0, 255}}});
  const auto network = step_network(learn::Network::compile(learnt.graph), learnt);
  auto parameters = learnt.graph.parameters();
  const auto steps = parameters.tensor(*parameters.layout().find(learnt.steps));
  steps[0] = -5;
  std::vector<float> features{1, 2}, labels{0}, gradient(parameters.values().size());
  RandomStream random(1, "test");
  network->gradient(parameters, {features, labels, 1}, learn::Loss::MeanSquaredError, random, gradient);
  EXPECT_EQ(steps[0], 1.0F / 16);
}

TEST_F(LearntStep, NeedsARangeForEveryValue) {
  EXPECT_THROW(learn_ranges(graph_, {}), Error);
}

}  // namespace
}  // namespace tributary::edge
