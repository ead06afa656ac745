// Networks of several exits: the planned executor and the eager one against a plain LibTorch network and against finite
// differences.

#include "common/learn/exits.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "common/base/error.h"
#include "common/learn/eager_exits.h"
#include "common/learn/planned_exits.h"
#include "common/learn/sgd.h"
#include "common/model/exits.h"
#include "common/model/zoo.h"
#include "tests/learn/graph_maker.h"

namespace tributary::learn::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::NotNull;

struct Examples {
  std::vector<float> features, labels;
  Batch batch() const { return {features, labels, labels.size()}; }
};

Examples examples_of(std::size_t count, std::size_t features, std::uint64_t classes) {
  RandomStream random(count, "examples");
  Examples examples;
  for (std::size_t i = 0; i < count * features; ++i) examples.features.push_back(static_cast<float>(random.normal()));
  for (std::size_t i = 0; i < count; ++i) examples.labels.push_back(static_cast<float>(random.below(classes)));
  return examples;
}

double distance(std::span<const float> a, std::span<const float> b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  return std::sqrt(difference) / std::max(std::sqrt(norm), 1e-12);
}

struct Learnt {
  ExitAnswers answers;
  std::vector<float> gradient;
};

Learnt gradient_of(ExitNetwork& network, const model::Graph& graph, const Examples& examples,
                   std::span<const double> weights, Loss loss = Loss::CrossEntropy) {
  Learnt learnt;
  auto parameters = graph.parameters();
  RandomStream random(1, "unused");
  learnt.gradient.assign(parameters.layout().size(), std::nanf(""));
  network.gradient(parameters, examples.batch(), loss, weights, random, learnt.answers, learnt.gradient);
  return learnt;
}

// Three hidden layers with a classifier behind each, written as one would with LibTorch: the sum of the exits' losses,
// weighted; its gradient in the order of the layout.
std::vector<float> reference_gradient(const model::Graph& graph, const Examples& examples,
                                      std::span<const double> weights) {
  const auto parameters = graph.parameters();
  const at::AutoGradMode on(true);
  torch::autograd::variable_list leaves;
  std::map<std::string, at::Tensor> named;
  for (const auto& spec : parameters.layout().tensors()) {
    auto* data = const_cast<float*>(parameters.tensor(spec).data());
    named[spec.name] = at::from_blob(data, spec.shape).clone().set_requires_grad(spec.role != model::Role::State);
  }
  const auto count = static_cast<std::int64_t>(examples.labels.size());
  at::Tensor hidden = at::from_blob(const_cast<float*>(examples.features.data()), {count, 6});
  const at::Tensor labels = at::from_blob(const_cast<float*>(examples.labels.data()), {count}).to(at::kLong);
  at::Tensor sum = at::zeros({});
  for (std::size_t l = 1; l <= weights.size(); ++l) {
    const std::string fc = "fc" + std::to_string(l), exit = "exit" + std::to_string(l) + ".fc";
    hidden = at::relu(at::linear(hidden, named[fc + ".weight"], named[fc + ".bias"]));
    const at::Tensor logits = at::linear(hidden, named[exit + ".weight"], named[exit + ".bias"]);
    sum = sum + weights[l - 1] * at::cross_entropy_loss(logits, labels);
  }
  for (const auto& spec : parameters.layout().tensors())
    if (spec.role != model::Role::State) leaves.push_back(named[spec.name]);
  const auto found = torch::autograd::grad({sum}, leaves);
  std::vector<float> gradient;
  auto next = found.begin();
  for (const auto& spec : parameters.layout().tensors()) {
    const at::Tensor part =
        spec.role == model::Role::State ? at::zeros(spec.shape) : (next++)->contiguous().to(at::kFloat);
    gradient.insert(gradient.end(), part.data_ptr<float>(), part.data_ptr<float>() + part.numel());
  }
  return gradient;
}

const std::vector<double> kWeights{0.5, 0.2, 0.3};

model::Graph three_exits() {
  return model::make_zoo_model("odl:6-16x3-4", 3);
}

TEST(ExitsTest, TheGradientOfBothExecutorsIsThatOfAPlainLibTorchNetwork) {
  const auto graph = three_exits();
  auto planned = compile_planned_exits(graph);
  ASSERT_THAT(planned, NotNull());
  auto eager = compile_eager_exits(graph);
  for (const std::size_t count : {1u, 2u, 7u, 64u}) {
    const auto examples = examples_of(count, 6, 4);
    const auto reference = reference_gradient(graph, examples, kWeights);
    EXPECT_LE(distance(gradient_of(*planned, graph, examples, kWeights).gradient, reference), 1e-5) << count;
    EXPECT_LE(distance(gradient_of(*eager, graph, examples, kWeights).gradient, reference), 1e-5) << count;
  }
}

// In float32 a difference over a step h has an error of about 1e-7 / h and h^2, so the reference is the loss in double.
double weighted_loss(const model::Graph& graph, const model::ParameterSet& parameters, const Examples& examples,
                     std::span<const double> weights, std::uint64_t at, double moved) {
  std::map<std::string, std::vector<double>> values;
  for (const auto& spec : parameters.layout().tensors()) {
    auto& tensor = values[spec.name];
    for (const float value : parameters.tensor(spec)) tensor.push_back(value);
    if (at >= spec.offset && at < spec.offset + spec.size) tensor[at - spec.offset] += moved;
  }
  const auto dense = [&](const std::vector<double>& in, const std::string& name) {
    const auto &weight = values[name + ".weight"], &bias = values[name + ".bias"];
    std::vector<double> out(bias);
    for (std::size_t o = 0; o < out.size(); ++o)
      for (std::size_t i = 0; i < in.size(); ++i) out[o] += weight[o * in.size() + i] * in[i];
    return out;
  };
  double sum = 0;
  const std::size_t width = examples.features.size() / examples.labels.size();
  for (std::size_t e = 0; e < examples.labels.size(); ++e) {
    const auto begin = examples.features.begin() + static_cast<std::ptrdiff_t>(e * width);
    std::vector<double> hidden(begin, begin + static_cast<std::ptrdiff_t>(width));
    for (std::size_t l = 0; l < weights.size(); ++l) {
      hidden = dense(hidden, "fc" + std::to_string(l + 1));
      for (double& value : hidden) value = std::max(value, 0.0);
      const auto logits = dense(hidden, "exit" + std::to_string(l + 1) + ".fc");
      double total = 0;
      for (const double logit : logits) total += std::exp(logit);
      sum += weights[l] * (std::log(total) - logits[static_cast<std::size_t>(examples.labels[e])]);
    }
  }
  static_cast<void>(graph);
  return sum / static_cast<double>(examples.labels.size());
}

TEST(ExitsTest, TheGradientIsThatOfFiniteDifferences) {
  const auto graph = three_exits();
  const auto examples = examples_of(5, 6, 4);
  const auto parameters = graph.parameters();
  std::vector<float> differences(parameters.layout().size());
  constexpr double kStep = 1e-6;
  for (std::uint64_t i = 0; i < differences.size(); ++i)
    differences[i] = static_cast<float>((weighted_loss(graph, parameters, examples, kWeights, i, kStep) -
                                         weighted_loss(graph, parameters, examples, kWeights, i, -kStep)) /
                                        (2 * kStep));
  EXPECT_LE(distance(gradient_of(*compile_planned_exits(graph), graph, examples, kWeights).gradient, differences),
            1e-5);
  EXPECT_LE(distance(gradient_of(*compile_eager_exits(graph), graph, examples, kWeights).gradient, differences), 1e-5);
}

TEST(ExitsTest, AStepIsTheGradientTimesTheRateForBothExecutors) {
  const auto graph = model::make_zoo_model("odl:30-40x5-3", 3);
  const std::vector<double> weights{0.1, 0.2, 0.3, 0.25, 0.15};
  for (const std::size_t count : {1u, 9u}) {
    const auto examples = examples_of(count, 30, 3);
    auto expected = graph.parameters();
    auto eager = compile_eager_exits(graph);
    Sgd(expected, {.learning_rate = 0.5})
        .step(expected.values(), gradient_of(*eager, graph, examples, weights).gradient);
    for (auto* network : {compile_planned_exits(graph).release(), compile_eager_exits(graph).release()}) {
      const std::unique_ptr<ExitNetwork> owner(network);
      auto moved = graph.parameters();
      RandomStream random(1, "unused");
      ExitAnswers answers;
      EXPECT_TRUE(network->sgd_step(moved, examples.batch(), Loss::CrossEntropy, weights, 0.5f, random, answers));
      EXPECT_LE(distance(moved.values(), expected.values()), 1e-5);
      EXPECT_GT(distance(moved.values(), graph.parameters().values()), 1e-3) << "something moved";
    }
  }
}

TEST(ExitsTest, BothExecutorsAnswerAndScoreAlike) {
  const auto graph = three_exits();
  const auto examples = examples_of(3, 6, 4);
  const auto ours = gradient_of(*compile_planned_exits(graph), graph, examples, kWeights).answers;
  const auto theirs = gradient_of(*compile_eager_exits(graph), graph, examples, kWeights).answers;
  EXPECT_LE(distance(ours.rows, theirs.rows), 1e-5);
  ASSERT_EQ(ours.losses.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(ours.losses[i], theirs.losses[i], 1e-5);
  double sum = 0;
  for (const float p : ours.of(2, 1)) sum += p;
  EXPECT_NEAR(sum, 1.0, 1e-5) << "answers are probabilities";
}

TEST(ExitsTest, AGraphWithOneOutputIsOneOfASingleExit) {
  const auto graph = model::make_zoo_model("mlp:6-8-4", 1);
  auto network = ExitNetwork::compile(graph);
  EXPECT_EQ(network->exits(), 1u);
  EXPECT_EQ(network->alpha(), nullptr);
  const auto examples = examples_of(4, 6, 4);
  const std::vector<double> one{1.0};
  auto parameters = graph.parameters();
  RandomStream random(1, "unused");
  std::vector<float> expected(parameters.layout().size());
  Network::compile(graph)->gradient(parameters, examples.batch(), Loss::CrossEntropy, random, expected);
  EXPECT_LE(distance(gradient_of(*network, graph, examples, one).gradient, expected), 1e-6);
}

// x -> Gemm -> h; exit1 from h before its ReLU, exit2 behind it.
model::Graph tapped_before_its_activation() {
  GraphMaker maker({-1, 2});
  maker.value("W", floats({3, 2}, {1, -2, 3, 4, -5, 6})).value("V", floats({2, 3}, {1, 2, -3, 4, 5, -6}));
  maker.value("U", floats({2, 3}, {3, 1, -1, 2, -2, 1}));
  maker.node("h", "Gemm", {"x", "W"}, {{"transB", std::int64_t{1}}});
  maker.node("exit1", "Gemm", {"h", "V"}, {{"transB", std::int64_t{1}}});
  maker.node("r", "Relu", {"h"});
  maker.node("exit2", "Gemm", {"r", "U"}, {{"transB", std::int64_t{1}}});
  auto graph = maker.output("exit1", {-1, 2});
  graph.outputs.push_back({"exit2", model::DType::Float32, {-1, 2}});
  return graph;
}

TEST(ExitsTest, AnExitThatLeavesBeforeAnActivationIsNotChangedByIt) {
  const auto graph = tapped_before_its_activation();
  EXPECT_EQ(compile_planned_exits(graph), nullptr);
  const auto network = ExitNetwork::compile(graph);
  const auto parameters = graph.parameters();
  ExitAnswers answers;
  const std::vector<float> x{1, 1};
  network->predict(parameters, x, 1, Loss::MeanSquaredError, answers);
  // h = (-1, 7, 1): exit1 = (-1 + 14 - 3, -4 + 35 - 6), exit2 of (0, 7, 1) = (7 - 1, -14 + 1).
  EXPECT_THAT(answers.rows, ::testing::ElementsAre(10, 25, 6, -13));
}

TEST(ExitsTest, WhatDoesNotFitIsRefused) {
  const auto graph = three_exits();
  auto network = ExitNetwork::compile(graph);
  ExitAnswers answers;
  const std::vector<float> five(5);
  const auto parameters = graph.parameters();
  try {
    network->predict(parameters, five, 1, Loss::CrossEntropy, answers);
    FAIL() << "five features were taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("5 values"));
  }
}

TEST(ExitsTest, AStepWhoseLossIsNotFiniteMovesNothing) {
  const auto graph = three_exits();
  auto network = ExitNetwork::compile(graph);
  auto examples = examples_of(1, 6, 4);
  examples.features[0] = std::nanf("");
  auto parameters = graph.parameters();
  RandomStream random(1, "unused");
  ExitAnswers answers;
  EXPECT_FALSE(network->sgd_step(parameters, examples.batch(), Loss::CrossEntropy, kWeights, 0.1f, random, answers));
  EXPECT_EQ(distance(parameters.values(), graph.parameters().values()), 0);
}

}  // namespace
}  // namespace tributary::learn::testing
