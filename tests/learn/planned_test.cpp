// The planned executor against the eager one, for every kind of layer, on every instruction set this machine has.

#include "common/learn/planned.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/learn/eager.h"
#include "common/learn/sgd.h"
#include "common/learn/training.h"
#include "common/model/zoo.h"
#include "tests/learn/graph_maker.h"
#include "tests/learn/toy_data.h"

namespace tributary::learn::testing {
namespace {

using ::testing::HasSubstr;

std::vector<const Kernels*> kernels_here() {
  const auto runnable = runnable_kernels();
  std::vector<const Kernels*> all;
  for (const auto* kernels : runnable.entries)
    if (kernels != nullptr) all.push_back(kernels);
  return all;
}

// ||a - b|| / ||b||, or the norm of a where b is zero.
double distance(std::span<const float> a, std::span<const float> b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  return std::sqrt(difference) / (norm > 0 ? std::sqrt(norm) : 1.0);
}

// The largest over the tensors of a layout.
double distance(const model::ParameterLayout& layout, std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  for (const auto& spec : layout.tensors())
    largest = std::max(largest, distance(a.subspan(spec.offset, spec.size), b.subspan(spec.offset, spec.size)));
  return largest;
}

struct Examples {
  std::vector<float> features, labels;
  std::size_t count = 0;
  Batch batch() const { return {features, labels, count}; }
};

// Half of the features are zero, whole blocks of columns among them.
Examples examples_for(const model::Graph& graph, Loss loss, std::size_t count, std::uint64_t seed = 1) {
  RandomStream random(seed, "examples");
  std::size_t size = 1;
  for (std::size_t i = 1; i < graph.inputs[0].shape.size(); ++i)
    size *= static_cast<std::size_t>(graph.inputs[0].shape[i]);
  const auto outputs = static_cast<std::uint64_t>(graph.outputs[0].shape[1]);
  Examples examples{{}, {}, count};
  for (std::size_t i = 0; i < count * size; ++i) {
    const bool blank = (i % size) / 100 % 3 == 1 || random.below(4) == 0;
    examples.features.push_back(blank ? 0.0f : static_cast<float>(random.normal()));
  }
  const std::size_t labels = loss == Loss::CrossEntropy ? 1 : outputs;
  for (std::size_t i = 0; i < count * labels; ++i)
    examples.labels.push_back(loss == Loss::CrossEntropy ? static_cast<float>(random.below(outputs))
                                                         : static_cast<float>(random.uniform()));
  return examples;
}

struct Learnt {
  BatchResult result;
  std::vector<float> gradient;
};

Learnt gradient_of(Network& network, const model::ParameterSet& parameters, const Batch& batch, Loss loss) {
  Learnt learnt;
  learnt.gradient.assign(parameters.layout().size(), std::nanf(""));
  RandomStream random(1, "unused");
  model::ParameterSet copy = parameters;
  learnt.result = network.gradient(copy, batch, loss, random, learnt.gradient);
  return learnt;
}

constexpr double kTolerance = 1e-5;

void expect_agreement(const model::Graph& graph, Network& planned, Network& eager, Loss loss, std::size_t count) {
  SCOPED_TRACE(std::string(name_of(loss)) + ", batch of " + std::to_string(count));
  const auto examples = examples_for(graph, loss, count, count);
  const auto parameters = graph.parameters();
  const auto ours = gradient_of(planned, parameters, examples.batch(), loss);
  const auto theirs = gradient_of(eager, parameters, examples.batch(), loss);
  EXPECT_NEAR(ours.result.loss, theirs.result.loss, kTolerance * std::max(1.0, theirs.result.loss));
  EXPECT_EQ(ours.result.correct, theirs.result.correct);
  EXPECT_LE(distance(parameters.layout(), ours.gradient, theirs.gradient), kTolerance);
  const auto evaluated = planned.evaluate(parameters, examples.batch(), loss);
  EXPECT_NEAR(evaluated.loss, theirs.result.loss, kTolerance * std::max(1.0, theirs.result.loss));
  EXPECT_EQ(evaluated.correct, theirs.result.correct);
  const auto output = planned.predict(parameters, examples.features, count);
  const auto expected = eager.predict(parameters, examples.features, count);
  EXPECT_EQ(output.shape, expected.shape);
  EXPECT_LE(distance(output.values, expected.values), kTolerance);
}

void expect_step_agreement(const model::Graph& graph, Network& planned, Network& eager, std::size_t count) {
  SCOPED_TRACE("step, batch of " + std::to_string(count));
  const auto examples = examples_for(graph, Loss::CrossEntropy, count, 100 + count);
  auto ours = graph.parameters(), theirs = graph.parameters();
  const auto start = ours;
  const auto step = planned.sgd_step(ours, examples.batch(), Loss::CrossEntropy, 0.25f);
  ASSERT_TRUE(step.has_value());
  EXPECT_TRUE(step->finite);
  const auto learnt = gradient_of(eager, theirs, examples.batch(), Loss::CrossEntropy);
  EXPECT_TRUE(Sgd(theirs, {.learning_rate = 0.25}).step(theirs.values(), learnt.gradient));
  EXPECT_NEAR(step->batch.loss, learnt.result.loss, kTolerance * std::max(1.0, learnt.result.loss));
  EXPECT_LE(distance(ours.layout(), ours.values(), theirs.values()), kTolerance);
  EXPECT_GT(distance(ours.layout(), ours.values(), start.values()), kTolerance) << "something moved";
}

void expect_agreement(const model::Graph& graph, const std::vector<std::size_t>& counts) {
  const auto eager = compile_eager(graph);
  for (const Kernels* kernels : kernels_here()) {
    SCOPED_TRACE(graph.name + " with " + kernels->name);
    const auto planned = compile_planned(graph, *kernels);
    ASSERT_NE(planned, nullptr);
    for (const std::size_t count : counts) {
      for (const Loss loss : {Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::MeanSquaredError})
        expect_agreement(graph, *planned, *eager, loss, count);
      expect_step_agreement(graph, *planned, *eager, count);
    }
  }
}

// Larger batches before smaller ones: what is left of them must not be seen.
const std::vector<std::size_t> kCounts{1, 10, 3, 33, 64, 7};

TEST(Planned, AgreesWithEagerOnDenseZooModels) {
  for (const std::string model : {"linear", "2nn", "linear:5-3", "mlp:70-33-17-5", "mlp:1700-12-2"})
    expect_agreement(model::make_zoo_model(model, 3), kCounts);
}

TEST(Planned, AgreesWithEagerOnConvolutionalZooModels) {
  for (const std::string model : {"cnn", "lenet", "lenet5"})
    expect_agreement(model::make_zoo_model(model, 3), {2, 1, 10, 3});
}

using Attributes = std::map<std::string, model::Attribute>;

TEST(Planned, AgreesWithEagerOnMatMulWithABiasOnEitherSide) {
  const auto graph = GraphMaker({-1, 130})
                         .value("V", uniform({130, 37}, 1))
                         .value("c", uniform({37}, 2))
                         .value("W", uniform({37, 5}, 3))
                         .value("b", uniform({1, 5}, 4))
                         .node("h", "MatMul", {"x", "V"})
                         .node("hb", "Add", {"c", "h"})
                         .node("r", "Tanh", {"hb"})
                         .node("y", "MatMul", {"r", "W"})
                         .node("z", "Add", {"y", "b"})
                         .output("z", {-1, 5});
  expect_agreement(graph, kCounts);
}

TEST(Planned, AgreesWithEagerOnEveryActivation) {
  for (const auto& [op, attributes] : std::vector<std::pair<std::string, Attributes>>{
           {"Relu", {}}, {"Tanh", {}}, {"Sigmoid", {}}, {"LeakyRelu", {{"alpha", 0.2f}}}, {"Identity", {}}}) {
    SCOPED_TRACE(op);
    const auto graph = GraphMaker({-1, 20})
                           .value("V", uniform({30, 20}, 1))
                           .value("W", uniform({4, 30}, 2))
                           .node("h", "Gemm", {"x", "V"}, {{"transB", std::int64_t{1}}})
                           .node("a", op, {"h"}, attributes)
                           .node("y", "Gemm", {"a", "W"}, {{"transB", std::int64_t{1}}})
                           .output("y", {-1, 4});
    expect_agreement(graph, {5, 1});
  }
}

struct ConvCase {
  std::string what;
  Attributes conv, pool;
};

TEST(Planned, AgreesWithEagerOnStridesAndEveryPadding) {
  const std::string upper = "SAME_UPPER", lower = "SAME_LOWER";
  const Attributes plain{}, pool2{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
  const std::vector<ConvCase> cases{
      {"valid", plain, pool2},
      {"symmetric pads", {{"pads", Ints{1, 1, 1, 1}}}, pool2},
      {"asymmetric pads", {{"pads", Ints{0, 2, 1, 0}}}, pool2},
      {"strides", {{"strides", Ints{2, 1}}, {"pads", Ints{1, 1, 1, 1}}}, {{"kernel_shape", Ints{1, 2}}}},
      {"same upper", {{"auto_pad", upper}, {"strides", Ints{2, 2}}}, {{"kernel_shape", Ints{2, 2}}}},
      {"same lower", {{"auto_pad", lower}, {"strides", Ints{2, 2}}}, {{"kernel_shape", Ints{2, 2}}}},
      {"overlapping padded pools",
       {{"pads", Ints{1, 1, 1, 1}}},
       {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.what);
    auto graph = GraphMaker({-1, 3, 11, 10})
                     .value("K", uniform({6, 3, 3, 3}, 1))
                     .value("k", uniform({6}, 2))
                     .value("L", uniform({7, 6, 3, 3}, 3))
                     .node("c1", "Conv", {"x", "K", "k"}, one.conv)
                     .node("r1", "Relu", {"c1"})
                     .node("p1", "MaxPool", {"r1"}, one.pool)
                     .node("c2", "Conv", {"p1", "L"}, one.conv)
                     .node("a2", "Sigmoid", {"c2"})
                     .node("f", "Flatten", {"a2"})
                     .node("y", "MatMul", {"f", "W"})
                     .output("y", {-1, 5});
    // How many values reach the last layer is left to the executor that computes shapes as it runs.
    auto probe = graph;
    probe.nodes.pop_back();
    probe.outputs = {{"f", model::DType::Float32, {-1, -1}}};
    const auto flat = compile_eager(probe)->predict(probe.parameters(), std::vector<float>(330, 0.5f), 1).shape[1];
    graph.initializers["W"] = uniform({flat, 5}, 4, -0.2, 0.2);
    expect_agreement(graph, {3, 1, 9});
  }
}

TEST(Planned, AgreesWithEagerOnReshapesBetweenRowsAndPictures) {
  const auto graph = GraphMaker({-1, 60})
                         .value("picture", ints({-1, 3, 4, 5}))
                         .value("row", ints({0, -1}))
                         .value("A", uniform({60, 60}, 1))
                         .value("K", uniform({4, 3, 2, 2}, 2))
                         .value("W", uniform({48, 3}, 3))
                         .node("h", "Gemm", {"x", "A"})
                         .node("p", "Reshape", {"h", "picture"})
                         .node("c", "Conv", {"p", "K"})
                         .node("q", "MaxPool", {"c"}, {{"kernel_shape", Ints{1, 1}}})
                         .node("f", "Reshape", {"q", "row"})
                         .node("y", "MatMul", {"f", "W"})
                         .output("y", {-1, 3});
  expect_agreement(graph, {4, 1});
}

TEST(Planned, ProbabilitiesAtTheEndAreTreatedAsEagerTreatsThem) {
  for (const std::string head : {"Softmax", "LogSoftmax", "Sigmoid"}) {
    SCOPED_TRACE(head);
    const auto graph = linear_model({"Identity", head, "Identity"});
    const auto eager = compile_eager(graph), planned = compile_planned(graph);
    ASSERT_NE(planned, nullptr);
    auto shaped = graph;
    shaped.outputs[0].shape = {-1, 3};
    for (const Loss loss : {Loss::MeanSquaredError, head == "Sigmoid" ? Loss::BinaryCrossEntropy : Loss::CrossEntropy})
      expect_agreement(shaped, *planned, *eager, loss, 5);
  }
}

TEST(Planned, GradientsAreTheFiniteDifferencesOfTheLoss) {
  const auto graph = model::make_zoo_model("mlp:6-9-4", 5);
  const auto planned = compile_planned(graph);
  const auto examples = examples_for(graph, Loss::CrossEntropy, 4);
  auto parameters = graph.parameters();
  const auto gradient = gradient_of(*planned, parameters, examples.batch(), Loss::CrossEntropy).gradient;
  constexpr float kStep = 1e-2f;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const float before = parameters.values()[i];
    const auto loss_at = [&](float value) {
      parameters.values()[i] = value;
      return planned->evaluate(parameters, examples.batch(), Loss::CrossEntropy).loss;
    };
    const double slope = (loss_at(before + kStep) - loss_at(before - kStep)) / (2 * double{kStep});
    parameters.values()[i] = before;
    EXPECT_NEAR(gradient[i], slope, 2e-3);
  }
}

TEST(Planned, ParametersOfAnotherArenaMayTakeTheirPlace) {
  const auto graph = model::make_zoo_model("mlp:70-33-5", 1);
  const auto planned = compile_planned(graph), eager = compile_eager(graph);
  const auto first = graph.parameters();
  const auto second = model::make_zoo_model("mlp:70-33-5", 2).parameters();
  const auto examples = examples_for(graph, Loss::CrossEntropy, 10);
  for (const auto* parameters : {&first, &second, &first}) {
    const auto ours = gradient_of(*planned, *parameters, examples.batch(), Loss::CrossEntropy);
    const auto theirs = gradient_of(*eager, *parameters, examples.batch(), Loss::CrossEntropy);
    EXPECT_LE(distance(first.layout(), ours.gradient, theirs.gradient), kTolerance);
  }
}

TEST(Planned, BitsDoNotDependOnTheBatchesBefore) {
  for (const std::string model : {"mlp:70-33-5", "lenet"}) {
    const auto graph = model::make_zoo_model(model, 1);
    const auto fresh = compile_planned(graph), used = compile_planned(graph);
    const auto parameters = graph.parameters();
    const auto large = examples_for(graph, Loss::CrossEntropy, 20, 2),
               small = examples_for(graph, Loss::CrossEntropy, 7);
    gradient_of(*used, parameters, large.batch(), Loss::CrossEntropy);
    used->predict(parameters, large.features, 20);
    EXPECT_EQ(gradient_of(*used, parameters, small.batch(), Loss::CrossEntropy).gradient,
              gradient_of(*fresh, parameters, small.batch(), Loss::CrossEntropy).gradient);
  }
}

TEST(Planned, PlainTrainingGivesTheModelThatEagerGives) {
  const auto graph = model::make_zoo_model("mlp:300-33-5", 1);
  const auto examples = toy_problem({300}, 5, 95);
  const auto trained = [&](std::unique_ptr<Network> network) {
    auto parameters = graph.parameters();
    RandomStream random(1, "shuffle");
    const auto result = train(*network, parameters, examples, {.learning_rate = 0.02}, 0, random, ManualClock());
    EXPECT_TRUE(result.finite);
    EXPECT_EQ(result.steps, 10u);
    return parameters;
  };
  const auto ours = trained(compile_planned(graph)), theirs = trained(compile_eager(graph));
  EXPECT_LE(distance(ours.layout(), ours.values(), theirs.values()), 10 * kTolerance);
}

TEST(Planned, TrainingFromAnInfiniteParameterStopsThoughItsColumnIsBlank) {
  const auto graph = model::make_zoo_model("mlp:300-3", 1);
  auto parameters = graph.parameters();
  parameters.values()[150] = INFINITY;
  auto features = std::vector<float>(300, 0.0f);
  features[0] = 1;
  const auto examples = data::whole(data::in_memory({300}, features, {1}, 3));
  RandomStream random(1, "shuffle");
  const auto result = train(*compile_planned(graph), parameters, examples, {}, 0, random, ManualClock());
  EXPECT_FALSE(result.finite);
}

TEST(Planned, AStepThatBlowsUpSaysSo) {
  for (const Kernels* kernels : kernels_here()) {
    const auto graph = model::make_zoo_model("mlp:70-33-5", 1);
    const auto planned = compile_planned(graph, *kernels);
    auto parameters = graph.parameters();
    const auto examples = examples_for(graph, Loss::CrossEntropy, 5);
    EXPECT_FALSE(planned->sgd_step(parameters, examples.batch(), Loss::CrossEntropy, INFINITY)->finite);
  }
}

TEST(Planned, AStepWhoseLossIsNotFiniteMovesNothing) {
  const auto graph = model::make_zoo_model("mlp:70-33-5", 1);
  const auto planned = compile_planned(graph);
  auto parameters = graph.parameters();
  auto examples = examples_for(graph, Loss::CrossEntropy, 5);
  examples.features[7] = std::nanf("");
  const auto step = planned->sgd_step(parameters, examples.batch(), Loss::CrossEntropy, 0.1f);
  EXPECT_FALSE(step->finite);
  EXPECT_TRUE(std::isnan(step->batch.loss));
  EXPECT_EQ(distance(parameters.values(), graph.parameters().values()), 0.0);
}

TEST(Planned, BlankExamplesMoveOnlyBiases) {
  const auto graph = model::make_zoo_model("mlp:70-5", 1);
  const auto planned = compile_planned(graph);
  auto parameters = graph.parameters();
  const std::vector<float> blank(70 * 3, 0.0f), labels{0, 1, 2};
  ASSERT_TRUE(planned->sgd_step(parameters, {blank, labels, 3}, Loss::CrossEntropy, 0.1f)->finite);
  const auto before = graph.parameters();
  for (const auto& spec : parameters.layout().tensors())
    EXPECT_EQ(distance(parameters.tensor(spec), before.tensor(spec)) > 0, spec.role == model::Role::Vector);
}

TEST(Planned, LabelsThatDoNotFitAreRefusedBeforeAnythingMoves) {
  const auto graph = model::make_zoo_model("mlp:4-3", 1);
  const auto planned = compile_planned(graph);
  auto parameters = graph.parameters();
  const std::vector<float> features(8, 1.0f), labels{0, 3};
  try {
    planned->sgd_step(parameters, {features, labels, 2}, Loss::CrossEntropy, 0.1f);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("is not a class of a model with 3 outputs"));
  }
  EXPECT_EQ(distance(parameters.values(), graph.parameters().values()), 0.0);
}

TEST(Planned, WhatIsNotAChainOfItsLayersIsLeftToEager) {
  const auto left = [](const model::Graph& graph) { return compile_planned(graph) == nullptr; };
  const auto dense = [](const std::string& input) {
    GraphMaker maker({-1, 4});
    maker.value("W", uniform({4, 4}, 1)).value("b", uniform({4}, 2));
    maker.node("h", "MatMul", {input, "W"});
    return maker;
  };
  EXPECT_FALSE(left(dense("x").output("h")));
  EXPECT_TRUE(left(dense("x").node("y", "Exp", {"h"}).output("y"))) << "an operator it does not have";
  EXPECT_TRUE(left(dense("x").node("y", "Add", {"h", "x"}).output("y"))) << "a second path";
  EXPECT_TRUE(left(dense("x").node("y", "MatMul", {"h", "W"}).output("y"))) << "shared weights";
  EXPECT_TRUE(left(dense("x").node("y", "Relu", {"h"}).node("z", "Tanh", {"y"}).output("z"))) << "two activations";
  EXPECT_TRUE(left(dense("x").node("y", "Softmax", {"h"}).node("z", "Relu", {"y"}).output("z"))) << "softmax inside";
  EXPECT_TRUE(left(dense("x").node("y", "Gemm", {"h", "b"}).output("y"))) << "a weight that is no matrix";
  EXPECT_TRUE(left(dense("x").node("y", "Dropout", {"h"}).output("y"))) << "dropout draws";
  auto frozen = dense("x").output("h");
  frozen.metadata["tributary.frozen"] = "W";
  EXPECT_TRUE(left(frozen)) << "nothing to train";
  EXPECT_TRUE(left(GraphMaker({-1, -1}).value("W", uniform({4, 4}, 1)).node("y", "MatMul", {"x", "W"}).output("y")))
      << "an open dimension";
  EXPECT_TRUE(left(GraphMaker({-1, 4, 4, 4})
                       .value("K", uniform({4, 2, 1, 1}, 1))
                       .node("c", "Conv", {"x", "K"}, {{"group", std::int64_t{2}}})
                       .node("y", "Flatten", {"c"})
                       .output("y")))
      << "groups";
  EXPECT_TRUE(left(GraphMaker({-1, 1, 4, 4})
                       .value("K", uniform({4, 1, 2, 2}, 1))
                       .node("c", "Conv", {"x", "K"}, {{"dilations", Ints{2, 2}}})
                       .node("y", "Flatten", {"c"})
                       .output("y")))
      << "dilation";
}

}  // namespace
}  // namespace tributary::learn::testing
