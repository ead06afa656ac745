#include "common/learn/network.h"

#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/learn/graph_maker.h"

namespace tributary::learn::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

std::vector<float> predicted(const model::Graph& graph, const std::vector<float>& features, std::size_t examples) {
  return Network::compile(graph)->predict(graph.parameters(), features, examples).values;
}

std::string refusal_of(const model::Graph& graph, Error::Kind kind) {
  try {
    Network::compile(graph);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "compiled";
}

template <class Call>
std::string failure_of(Call call, Error::Kind kind) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "nothing thrown";
}

TEST(Network, ALinearModelPredictsItsFormula) {
  const auto network = Network::compile(linear_model());
  const auto output = network->predict(linear_model().parameters(), std::vector<float>{1, -1, 0, 2}, 2);
  EXPECT_THAT(output.shape, ElementsAre(2, 3));
  EXPECT_THAT(output.values, Pointwise(FloatNear(1e-6f), {-0.9f, -0.8f, -0.7f, 4.1f, 8.2f, 12.3f}));
}

TEST(Network, PredictsProbabilitiesOfAModelThatEndsInSoftmax) {
  const auto values = predicted(linear_model({"Softmax"}), {1, -1}, 1);
  EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0), 1.0, 1e-6);
}

TEST(Network, OneNetworkServesSeveralParameterSetsInTurn) {
  const auto graph = linear_model();
  const auto network = Network::compile(graph);
  auto first = graph.parameters(), second = graph.parameters();
  for (auto& value : second.values()) value *= 2;
  const std::vector<float> x{1, 1};
  const float one = network->predict(first, x, 1).values[0];
  EXPECT_FLOAT_EQ(network->predict(second, x, 1).values[0], 2 * one);
  EXPECT_FLOAT_EQ(network->predict(first, x, 1).values[0], one);
  for (auto& value : first.values()) value *= 3;
  EXPECT_FLOAT_EQ(network->predict(first, x, 1).values[0], 3 * one) << "values changed in place";
}

TEST(Network, ParametersOfAnotherModelAreRefused) {
  const auto other =
      GraphMaker({-1, 2}).value("V", floats({2, 2}, {1, 2, 3, 4})).node("y", "MatMul", {"x", "V"}).output("y");
  const auto network = Network::compile(linear_model());
  const auto message = failure_of(
      [&] {
        network->predict(other.parameters(), std::vector<float>{1, 1}, 1);
      },
      Error::Kind::Malformed);
  EXPECT_THAT(message, HasSubstr("another model"));
}

TEST(Network, NodesThatTheOutputDoesNotNeedAreNotRun) {
  auto graph = linear_model();
  graph.nodes.push_back({"stray", "LSTM", {"x", "W", "W", "", "", "", "", "W"}, {"unused"}, {}});
  EXPECT_NO_THROW(Network::compile(graph));
}

TEST(Network, AParameterThatTheLossDoesNotReachHasGradientZero) {
  auto graph = GraphMaker({-1, 2})
                   .value("W", floats({2, 2}, {1, 2, 3, 4}))
                   .value("V", floats({2, 2}, {1, 2, 3, 4}))
                   .node("dead", "MatMul", {"x", "V"})
                   .node("y", "MatMul", {"x", "W"})
                   .output("y");
  const auto network = Network::compile(graph);
  auto parameters = graph.parameters();
  std::vector<float> gradient(parameters.layout().size(), 9.0f);
  RandomStream random(1, "test");
  const std::vector<float> x{1, 2}, labels{0};
  network->gradient(parameters, {x, labels, 1}, Loss::CrossEntropy, random, gradient);
  const auto* dead = parameters.layout().find("V");
  ASSERT_NE(dead, nullptr);
  for (std::uint64_t i = 0; i < dead->size; ++i) EXPECT_EQ(gradient[dead->offset + i], 0.0f);
}

TEST(Network, TokensReachTheGraphAsIntegers) {
  const auto graph = GraphMaker({-1, -1}, model::DType::Int64)
                         .value("table", floats({3, 2}, {0, 1, 10, 11, 20, 21}))
                         .node("rows", "Gather", {"table", "x"})
                         .node("y", "ReduceMean", {"rows"}, {{"axes", Ints{1}}, {"keepdims", std::int64_t{0}}})
                         .output("y");
  EXPECT_THAT(predicted(graph, {0, 1, 2, 2}, 2), ElementsAre(5, 6, 20, 21));
  EXPECT_THAT(predicted(graph, {0, 1, 2, 2}, 1), ElementsAre(12.5f, 13.5f)) << "the open dimension is the rows' length";
  const auto network = Network::compile(graph);
  const auto message = failure_of(
      [&] {
        network->predict(graph.parameters(), std::vector<float>{0, 3}, 1);
      },
      Error::Kind::Malformed);
  EXPECT_THAT(message, HasSubstr("node 'rows' (Gather)"));
}

TEST(Network, FeaturesThatDoNotFitTheInputAreRefusedNamingIt) {
  const auto network = Network::compile(linear_model());
  const auto ask = [&](std::vector<float> features, std::size_t examples) {
    return failure_of([&] { network->predict(linear_model().parameters(), features, examples); },
                      Error::Kind::Malformed);
  };
  EXPECT_THAT(ask({1, 2, 3}, 1), HasSubstr("input 'x' of model 'small' does not take examples of 3 values"));
  EXPECT_THAT(ask({1, 2}, 2), HasSubstr("does not take examples of 1 values"));
  EXPECT_THAT(ask({}, 0), HasSubstr("no examples"));
}

TEST(Network, ShapesThatDoNotFitAreRefusedNamingTheNode) {
  const auto graph = GraphMaker({-1, -1})
                         .value("W", floats({2, 2}, {1, 2, 3, 4}))
                         .node("product", "MatMul", {"x", "W"})
                         .output("product");
  const auto network = Network::compile(graph);
  const auto parameters = graph.parameters();
  const std::vector<float> three{1, 2, 3};
  const auto message = failure_of([&] { network->predict(parameters, three, 1); }, Error::Kind::Malformed);
  EXPECT_THAT(message, HasSubstr("node 'product' (MatMul)"));
  EXPECT_EQ(network->predict(parameters, std::vector<float>{1, 0}, 1).values[0], 1) << "the network still works";
}

TEST(Network, AModelWithoutABatchAxisInItsOutputIsRefused) {
  const auto graph = GraphMaker({-1, 2}).value("shape", ints({1, -1})).node("y", "Reshape", {"x", "shape"}).output("y");
  const auto network = Network::compile(graph);
  EXPECT_THAT(failure_of(
                  [&] {
                    network->predict(graph.parameters(), std::vector<float>{1, 2, 3, 4}, 2);
                  },
                  Error::Kind::Malformed),
              HasSubstr("batch axis"));
}

TEST(Network, ASecondInputIsRefusedByName) {
  auto graph = GraphMaker({-1, 2}).node("y", "Add", {"x", "mask"}).output("y");
  graph.inputs.push_back({"mask", model::DType::Float32, {-1, 2}});
  EXPECT_THAT(refusal_of(graph, Error::Kind::Unsupported), HasSubstr("second input, 'mask'"));
}

struct RefusedPart {
  std::string op;
  std::vector<std::string> inputs;
  std::map<std::string, model::Attribute> attributes;
  std::string message;
};

TEST(Network, WhatCannotBeRunIsRefusedWhenCompiledNamingNodeAndPart) {
  const std::int64_t one = 1;
  const std::vector<RefusedPart> parts{
      {"Det", {"x"}, {}, "node 'y' (Det): this operator cannot be run"},
      {"LSTM", {"x", "w", "w", "", "", "", "", "w"}, {}, "node 'y' (LSTM): peephole weights (input P)"},
      {"LSTM",
       {"x", "w", "w"},
       {{"activations", std::vector<std::string>{"Relu", "Tanh", "Tanh"}}},
       "activations other"},
      {"LSTM", {"x", "w", "w"}, {{"clip", 1.0f}}, "attribute clip"},
      {"LSTM", {"x", "w", "w"}, {{"input_forget", one}}, "coupled gates"},
      {"GRU", {"x", "w", "w"}, {{"activations", std::vector<std::string>{"Sigmoid", "Relu"}}}, "activations other"},
      {"MaxPool", {"x"}, {{"kernel_shape", Ints{2, 2, 2}}}, "pooling over 3 axes"},
      {"AveragePool", {"x"}, {{"kernel_shape", Ints{2, 2, 2}}}, "pooling over 3 axes"},
      {"Cast", {"x"}, {{"to", std::int64_t{10}}}, "element type 10"},
      {"Pad", {"x", "w"}, {{"mode", std::string("wrap")}}, "mode 'wrap'"},
      {"BatchNormalization", {"x", "w", "w", "w", "w"}, {{"spatial", std::int64_t{0}}}, "spatial = 0"},
  };
  for (const auto& part : parts) {
    auto graph =
        GraphMaker({-1, 2}).value("w", floats({1}, {1})).node("y", part.op, part.inputs, part.attributes).output("y");
    EXPECT_THAT(refusal_of(graph, Error::Kind::Unsupported), HasSubstr(part.message)) << part.op;
  }
}

TEST(Network, AMaxPoolWhoseIndicesAreReadIsRefused) {
  auto graph =
      GraphMaker({-1, 1, 4, 4}).node("values", "MaxPool", {"x"}, {{"kernel_shape", Ints{2, 2}}}).output("indices");
  graph.nodes[0].outputs = {"values", "indices"};
  EXPECT_THAT(refusal_of(graph, Error::Kind::Unsupported), HasSubstr("indices"));
}

TEST(Network, BadAttributesAreRefusedWhenCompiled) {
  const auto pool = [](std::map<std::string, model::Attribute> attributes) {
    return GraphMaker({-1, 1, 4, 4}).node("y", "MaxPool", {"x"}, std::move(attributes)).output("y");
  };
  EXPECT_THAT(refusal_of(pool({{"kernel_shape", Ints{2, 2}}, {"strides", Ints{0, 1}}}), Error::Kind::Malformed),
              HasSubstr("strides is out of range"));
  EXPECT_THAT(refusal_of(pool({{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1}}}), Error::Kind::Malformed),
              HasSubstr("does not fit"));
  EXPECT_THAT(
      refusal_of(pool({{"kernel_shape", Ints{2, 2}}, {"auto_pad", std::string("SAME")}}), Error::Kind::Malformed),
      HasSubstr("auto_pad 'SAME'"));
}

TEST(Network, AGraphThatAsksForAHugeTensorIsRefusedBeforeItIsMade) {
  const auto graph_with = [](const std::string& op, std::vector<std::string> inputs) {
    return GraphMaker({-1, 1})
        .value("huge", ints({std::int64_t{1} << 40}))
        .value("zero", scalar_int(0))
        .value("one", scalar_int(1))
        .value("far", scalar_int(std::int64_t{1} << 40))
        .value("row", floats({1}, {1}))
        .node("big", op, std::move(inputs))
        .node("sum", "ReduceSum", {"big"})
        .node("cast", "Cast", {"sum"}, {{"to", std::int64_t{1}}})
        .node("y", "Add", {"x", "cast"})
        .output("y");
  };
  for (const auto& graph : {graph_with("ConstantOfShape", {"huge"}), graph_with("Tile", {"row", "huge"}),
                            graph_with("Range", {"zero", "far", "one"})})
    EXPECT_THAT(refusal_of(graph, Error::Kind::Overloaded), HasSubstr("node 'big'"));
}

TEST(Network, TheSameInputsGiveTheSameBits) {
  const auto graph = linear_model({"Relu"});
  const auto bits = [&] {
    const auto network = Network::compile(graph);
    auto parameters = graph.parameters();
    std::vector<float> gradient(parameters.layout().size());
    RandomStream random(1, "test");
    const auto x = uniform({20, 2}, 9);
    const std::vector<float> labels(20, 1.0f);
    network->gradient(parameters, {x.as<float>(), labels, 20}, Loss::CrossEntropy, random, gradient);
    return gradient;
  };
  EXPECT_EQ(bits(), bits());
}

}  // namespace
}  // namespace tributary::learn::testing
