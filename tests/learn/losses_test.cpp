#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/learn/network.h"
#include "tests/learn/graph_maker.h"

namespace tributary::learn::testing {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

// One example x = (1, -1): scores are W x + b = (-0.9, -0.8, -0.7).
struct Asked {
  double loss = 0;
  std::uint32_t correct = 0;
  std::vector<float> gradient;  // of W (6), then b (3)
};

Asked ask(const model::Graph& graph, Loss loss, std::vector<float> labels, std::vector<float> features = {1, -1}) {
  const auto network = Network::compile(graph);
  auto parameters = graph.parameters();
  RandomStream random(1, "test");
  Asked asked;
  asked.gradient.resize(network->layout()->size());
  const Batch batch{features, labels, features.size() / 2};
  const auto trained = network->gradient(parameters, batch, loss, random, asked.gradient);
  const auto evaluated = network->evaluate(parameters, batch, loss);
  EXPECT_NEAR(trained.loss, evaluated.loss, 1e-6);
  EXPECT_EQ(trained.correct, evaluated.correct);
  asked.loss = trained.loss;
  asked.correct = trained.correct;
  return asked;
}

// dL/dW = slope x^T, dL/db = slope, for x = (1, -1).
std::vector<float> chained(const std::vector<double>& slope) {
  std::vector<float> all;
  for (const double s : slope) all.insert(all.end(), {static_cast<float>(s), static_cast<float>(-s)});
  for (const double s : slope) all.push_back(static_cast<float>(s));
  return all;
}

std::vector<double> probabilities() {
  const double a = std::exp(-0.9), b = std::exp(-0.8), c = std::exp(-0.7), sum = a + b + c;
  return {a / sum, b / sum, c / sum};
}

TEST(CrossEntropy, LossAndGradientAreTheHandDerivedOnes) {
  const auto p = probabilities();
  for (const std::vector<std::string>& ending :
       {std::vector<std::string>{}, {"Softmax"}, {"LogSoftmax"}, {"Softmax", "Identity"}}) {
    const auto wrong = ask(linear_model(ending), Loss::CrossEntropy, {0});
    EXPECT_NEAR(wrong.loss, -std::log(p[0]), 1e-6);
    EXPECT_EQ(wrong.correct, 0u);
    EXPECT_THAT(wrong.gradient, Pointwise(FloatNear(1e-6f), chained({p[0] - 1, p[1], p[2]})));
    EXPECT_EQ(ask(linear_model(ending), Loss::CrossEntropy, {2}).correct, 1u);
  }
}

TEST(CrossEntropy, IsTheMeanOverTheBatch) {
  const auto two = ask(linear_model(), Loss::CrossEntropy, {0, 2}, {1, -1, 1, -1});
  const auto p = probabilities();
  EXPECT_NEAR(two.loss, -(std::log(p[0]) + std::log(p[2])) / 2, 1e-6);
  EXPECT_EQ(two.correct, 1u);
}

TEST(CrossEntropy, OfASoftmaxOutputStaysFiniteWhereTheProbabilityVanishes) {
  const auto asked = ask(linear_model({"Softmax"}), Loss::CrossEntropy, {0}, {500, 500});
  EXPECT_NEAR(asked.loss, 8 * 500 + 0.2, 1e-2);
  EXPECT_NEAR(asked.gradient[0], -500, 1e-3);
}

TEST(BinaryCrossEntropy, LossAndGradientAreTheHandDerivedOnes) {
  const std::vector<double> scores{-0.9, -0.8, -0.7}, labels{1, 0, 0.5};
  double loss = 0;
  std::vector<double> slope;
  for (std::size_t i = 0; i < 3; ++i) {
    const double p = 1 / (1 + std::exp(-scores[i]));
    loss -= (labels[i] * std::log(p) + (1 - labels[i]) * std::log(1 - p)) / 3;
    slope.push_back((p - labels[i]) / 3);
  }
  for (const std::vector<std::string>& ending : {std::vector<std::string>{}, {"Sigmoid"}}) {
    const auto asked = ask(linear_model(ending), Loss::BinaryCrossEntropy, {1, 0, 0.5f});
    EXPECT_NEAR(asked.loss, loss, 1e-6);
    EXPECT_THAT(asked.gradient, Pointwise(FloatNear(1e-6f), chained(slope)));
    EXPECT_EQ(asked.correct, 0u);
    EXPECT_EQ(ask(linear_model(ending), Loss::BinaryCrossEntropy, {0, 0, 0.5f}).correct, 1u) << "all outputs count";
  }
}

TEST(MeanSquaredError, LossAndGradientAreTheHandDerivedOnes) {
  const auto asked = ask(linear_model(), Loss::MeanSquaredError, {0, 0, 1});
  EXPECT_NEAR(asked.loss, (0.81 + 0.64 + 2.89) / 3, 1e-6);
  EXPECT_THAT(asked.gradient, Pointwise(FloatNear(1e-6f), chained({-0.6, -1.6 / 3, -3.4 / 3})));
  EXPECT_EQ(asked.correct, 0u);
}

TEST(MeanSquaredError, IsTakenOfProbabilitiesWhereTheModelGivesThem) {
  const auto p = probabilities();
  const auto asked = ask(linear_model({"Softmax"}), Loss::MeanSquaredError, {0, 0, 0});
  EXPECT_NEAR(asked.loss, (p[0] * p[0] + p[1] * p[1] + p[2] * p[2]) / 3, 1e-6);
}

struct BadLabels {
  std::vector<std::string> ending;
  Loss loss;
  std::vector<float> labels;
  std::string message;
};

TEST(Loss, LabelsThatDoNotFitAreRefusedWithTheReason) {
  const std::vector<BadLabels> cases{
      {{}, Loss::CrossEntropy, {3}, "label 3.000000 is not a class of a model with 3 outputs"},
      {{}, Loss::CrossEntropy, {-1}, "is not a class"},
      {{}, Loss::CrossEntropy, {0.5f}, "is not a class"},
      {{}, Loss::CrossEntropy, {std::nanf("")}, "is not a class"},
      {{}, Loss::CrossEntropy, {1, 0, 0}, "one label an example, not 3"},
      {{}, Loss::BinaryCrossEntropy, {1, 0}, "the model has 3 outputs, an example 2 labels"},
      {{}, Loss::BinaryCrossEntropy, {1, 0, 1.5f}, "is not in [0, 1]"},
      {{}, Loss::MeanSquaredError, {1}, "the model has 3 outputs, an example 1 labels"},
      {{"Sigmoid"}, Loss::CrossEntropy, {1}, "use binary_cross_entropy"},
      {{"Softmax"}, Loss::BinaryCrossEntropy, {1, 0, 0}, "use cross_entropy"},
      {{"LogSoftmax"}, Loss::BinaryCrossEntropy, {1, 0, 0}, "use cross_entropy"},
  };
  for (const auto& one : cases) {
    try {
      ask(linear_model(one.ending), one.loss, one.labels);
      ADD_FAILURE() << one.message;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(one.message));
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

TEST(Loss, NamesGoThereAndBackAndAMisspeltOneIsSuggested) {
  for (const Loss loss : {Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::MeanSquaredError})
    EXPECT_EQ(loss_from(name_of(loss)), loss);
  try {
    loss_from("cross_entrpy");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Malformed);
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'cross_entropy'"));
  }
}

}  // namespace
}  // namespace tributary::learn::testing
