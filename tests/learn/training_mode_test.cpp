// What gradient() does otherwise than evaluate(): batch statistics and dropout.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/learn/network.h"
#include "tests/learn/graph_maker.h"

namespace tributary::learn::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

// y = BatchNormalization(x) over two channels, of rows or (with spatial axes) of pictures.
model::Graph normalised(Ints input, std::map<std::string, model::Attribute> attributes = {}, std::int64_t opset = 15) {
  attributes.try_emplace("momentum", 0.75f);
  attributes.try_emplace("epsilon", 0.0f);
  return GraphMaker(std::move(input), model::DType::Float32, opset)
      .value("scale", floats({2}, {1, 2}))
      .value("shift", floats({2}, {0, 1}))
      .value("mean", floats({2}, {0.5f, -1}))
      .value("variance", floats({2}, {4, 1}))
      .node("y", "BatchNormalization", {"x", "scale", "shift", "mean", "variance"}, std::move(attributes))
      .output("y");
}

struct Learnt {
  BatchResult result;
  model::ParameterSet parameters;
  std::vector<float> gradient;

  std::vector<float> of(const std::string& name) const {
    const auto values = parameters.tensor(*parameters.layout().find(name));
    return {values.begin(), values.end()};
  }
  std::vector<float> gradient_of(const std::string& name) const {
    const auto* spec = parameters.layout().find(name);
    return {gradient.begin() + static_cast<std::ptrdiff_t>(spec->offset),
            gradient.begin() + static_cast<std::ptrdiff_t>(spec->offset + spec->size)};
  }
};

Learnt learn(const model::Graph& graph, const std::vector<float>& x, const std::vector<float>& labels, std::size_t n,
             std::uint64_t seed = 1) {
  const auto network = Network::compile(graph);
  Learnt learnt{{}, graph.parameters(), std::vector<float>(network->layout()->size())};
  RandomStream random(seed, "test");
  learnt.result = network->gradient(learnt.parameters, {x, labels, n}, Loss::MeanSquaredError, random, learnt.gradient);
  return learnt;
}

// Channel 0 holds 1, 3 (mean 2, variance 1), channel 1 holds -2, 4 (mean 1, variance 9): normalised -1, 1 each.
const std::vector<float> kRows{1, -2, 3, 4}, kZeros(4, 0.0f);

TEST(BatchNormalization, GradientUsesTheBatchAndMovesTheStatisticsAsOnnxDefines) {
  for (const auto training_mode : {0, 1}) {
    const auto learnt = learn(normalised({-1, 2}, {{"training_mode", std::int64_t{training_mode}}}), kRows, kZeros, 2);
    // Outputs -1, 1 and 2 * (-1, 1) + 1 = -1, 3: mean square (1 + 1 + 1 + 9) / 4.
    EXPECT_NEAR(learnt.result.loss, 3.0, 1e-5);
    EXPECT_THAT(learnt.gradient_of("scale"), Pointwise(FloatNear(1e-5f), {1.0f, 2.0f}));
    EXPECT_THAT(learnt.gradient_of("shift"), Pointwise(FloatNear(1e-5f), {0.0f, 1.0f}));
    EXPECT_THAT(learnt.of("mean"), Pointwise(FloatNear(1e-5f), {0.875f, -0.5f}));
    EXPECT_THAT(learnt.of("variance"), Pointwise(FloatNear(1e-5f), {3.25f, 3.0f}));
    EXPECT_THAT(learnt.gradient_of("mean"), Each(0.0f));
  }
}

TEST(BatchNormalization, TheBatchOfPicturesIsAllTheirPixels) {
  // One picture of 1 x 2 pixels: channel 0 holds 1, 3, channel 1 holds -2, 4.
  const auto learnt = learn(normalised({-1, 2, 1, 2}, {}, 9), {1, 3, -2, 4}, kZeros, 1);
  EXPECT_NEAR(learnt.result.loss, 3.0, 1e-5);
  EXPECT_THAT(learnt.of("variance"), Pointwise(FloatNear(1e-5f), {3.25f, 3.0f}));
}

TEST(BatchNormalization, PredictAndEvaluateUseTheRunningStatisticsAndLeaveThem) {
  const auto graph = normalised({-1, 2}, {{"training_mode", std::int64_t{1}}});
  const auto network = Network::compile(graph);
  const auto parameters = graph.parameters();
  const auto output = network->predict(parameters, std::vector<float>{2.5f, 0, 0.5f, -1}, 2);
  EXPECT_THAT(output.values, Pointwise(FloatNear(1e-5f), {1.0f, 3.0f, 0.0f, 1.0f}));
  network->evaluate(parameters, {kRows, kZeros, 2}, Loss::MeanSquaredError);
  EXPECT_EQ(digest_of(parameters), digest_of(graph.parameters()));
}

TEST(BatchNormalization, ASingleRowIsNormalisedByTheRunningStatistics) {
  const auto learnt = learn(normalised({-1, 2}), {2.5f, 0}, {0, 0}, 1);
  EXPECT_NEAR(learnt.result.loss, (1.0 + 9.0) / 2, 1e-5);
  EXPECT_THAT(learnt.of("mean"), ElementsAre(0.5f, -1.0f));
  EXPECT_THAT(learnt.gradient_of("scale"), Pointwise(FloatNear(1e-5f), {1.0f, 3.0f}));
}

TEST(BatchNormalization, FrozenStatisticsAreUsedAndKept) {
  auto graph = normalised({-1, 2});
  graph.metadata["tributary.frozen"] = "mean,variance";
  const auto learnt = learn(graph, {2.5f, 0, 0.5f, -1}, kZeros, 2);
  EXPECT_NEAR(learnt.result.loss, (1 + 9 + 0 + 1) / 4.0, 1e-5);
  EXPECT_EQ(learnt.parameters.layout().find("mean"), nullptr);
}

TEST(BatchNormalization, GradientThroughTheBatchAgreesWithCentralDifferences) {
  const auto x = uniform({6, 3}, 71), w = uniform({2, 3}, 72);
  auto graph = GraphMaker({-1, 3})
                   .value("W", w)
                   .value("scale", floats({2}, {1, 2}))
                   .value("shift", floats({2}, {0, 1}))
                   .value("mean", floats({2}, {0, 0}))
                   .value("variance", floats({2}, {1, 1}))
                   .node("h", "Gemm", {"x", "W"}, {{"transB", std::int64_t{1}}})
                   .node("n", "BatchNormalization", {"h", "scale", "shift", "mean", "variance"})
                   .node("y", "Tanh", {"n"})
                   .output("y");
  const auto network = Network::compile(graph);
  const std::vector<float> labels(12, 0.3f);
  std::vector<float> gradient(network->layout()->size()), ignored(gradient.size());
  RandomStream random(1, "test");
  auto parameters = graph.parameters();
  network->gradient(parameters, {x.as<float>(), labels, 6}, Loss::MeanSquaredError, random, gradient);
  const auto* spec = parameters.layout().find("W");
  for (std::uint64_t i = 0; i < spec->size; ++i) {
    const auto loss_at = [&](float shift) {
      auto moved = graph.parameters();
      moved.tensor(*spec)[i] += shift;
      return network->gradient(moved, {x.as<float>(), labels, 6}, Loss::MeanSquaredError, random, ignored).loss;
    };
    constexpr float kStep = 1e-2f;
    EXPECT_NEAR(gradient[spec->offset + i], (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep), 2e-3);
  }
}

// y = x * W of one weight, with dropout before.
model::Graph dropping(std::int64_t opset, float ratio) {
  GraphMaker maker({-1, 1000}, model::DType::Float32, opset);
  maker.value("W", uniform({1000, 1}, 81, 1, 1));
  if (opset < 12)
    maker.node("d", "Dropout", {"x"}, {{"ratio", ratio}});
  else
    maker.value("ratio", scalar(ratio)).value("mode", bools({}, {true})).node("d", "Dropout", {"x", "ratio", "mode"});
  return maker.node("y", "MatMul", {"d", "W"}).output("y");
}

TEST(Dropout, KeepsTheExpectationAndZeroesItsShare) {
  for (const std::int64_t opset : {10, 13}) {
    // dL/dW_i = 2 y * d_i, with d_i = 0 or 1 / (1 - ratio).
    const auto learnt = learn(dropping(opset, 0.2f), std::vector<float>(1000, 1.0f), {0}, 1);
    const double y = std::sqrt(learnt.result.loss);
    EXPECT_NEAR(y, 1000, 50);
    const auto dropped = std::count(learnt.gradient.begin(), learnt.gradient.end(), 0.0f);
    EXPECT_NEAR(static_cast<double>(dropped), 200, 50);
    EXPECT_NEAR(*std::max_element(learnt.gradient.begin(), learnt.gradient.end()), 2 * y * 1.25, 0.1);
  }
}

TEST(Dropout, DrawsFromTheGivenStreamAlone) {
  const std::vector<float> x(1000, 1.0f);
  const auto gradient = [&](std::uint64_t seed) { return learn(dropping(13, 0.5f), x, {0}, 1, seed).gradient; };
  EXPECT_EQ(gradient(1), gradient(1));
  EXPECT_NE(gradient(1), gradient(2));
}

TEST(Dropout, IsLeftOutOfPredictions) {
  const auto graph = dropping(13, 0.5f);
  const auto output = Network::compile(graph)->predict(graph.parameters(), std::vector<float>(1000, 1.0f), 1);
  EXPECT_NEAR(output.values[0], 1000, 1e-2);
}

TEST(Dropout, ARatioOfOneIsRefused) {
  EXPECT_THROW(learn(dropping(13, 1.0f), std::vector<float>(1000, 1.0f), {0}, 1), Error);
}

}  // namespace
}  // namespace tributary::learn::testing
