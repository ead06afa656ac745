#include "common/edge/quantization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/calibration.h"
#include "common/edge/folding.h"
#include "common/edge/inspection.h"
#include "common/learn/network.h"
#include "tests/edge/models.h"
#include "tests/learn/graph_maker.h"
#include "tests/learn/ort.h"
#include "tests/learn/run_graph.h"

namespace tributary::edge {
namespace {

using learn::testing::difference;
using learn::testing::floats;
using learn::testing::GraphMaker;
using learn::testing::run_graph;
using learn::testing::uniform;
using model::DType;
using model::Graph;
using model::Tensor;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::examples;
using ::testing::HasSubstr;
using ::testing::Not;

// The three examples of models.h as a data set.
data::View view_of(const Graph& graph) {
  const Tensor x = learn::testing::as(DType::Float32, examples(graph));
  const auto values = x.as<float>();
  std::vector<std::int64_t> shape(x.shape.begin() + 1, x.shape.end());
  return data::whole(data::in_memory(shape, {values.begin(), values.end()}, std::vector<float>(3), 2));
}

Graph quantize_by_own_examples(const Graph& graph, const WeightPlan& plan = {}) {
  return quantize_static(graph, calibrate(graph, view_of(graph), quantized_values(graph), {}), plan);
}

std::vector<std::string> operators_of(const Graph& graph) {
  std::vector<std::string> operators;
  for (const auto& node : graph.nodes) operators.push_back(node.op);
  return operators;
}

double largest(const Tensor& tensor) {
  double most = 0;
  for (const float value : tensor.as<float>()) most = std::max(most, std::abs(double{value}));
  return most;
}

double mean_difference(const Tensor& a, const Tensor& b) {
  const auto x = a.as<float>(), y = b.as<float>();
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += std::abs(double{x[i]} - double{y[i]});
  return sum / static_cast<double>(x.size());
}

// Of the values that Network gives: integer kernels where it has them.
Tensor predicted(const Graph& graph) {
  const Tensor x = learn::testing::as(DType::Float32, examples(graph));
  const auto output = learn::Network::compile(graph)->predict(graph.parameters(), x.as<float>(), 3);
  return floats(output.shape, output.values);
}

std::vector<testing::NamedGraph> folded_graphs() {
  auto graphs = testing::all_graphs();
  for (auto& [name, graph] : graphs) graph = fold(graph);
  return graphs;
}

using Quantise = Graph (*)(const Graph&, const WeightPlan&);

void expect_close_here_and_on_onnx_runtime(Quantise quantise, const WeightPlan& plan, double share,
                                           bool needs_axis = true) {
  std::vector<learn::testing::OrtCase> asked;
  std::vector<Graph> made;
  auto graphs = folded_graphs();
  if (needs_axis) std::erase_if(graphs, [](const auto& one) { return one.graph.opset < 13; });
  EXPECT_GE(graphs.size(), 5U);
  for (const auto& [name, graph] : graphs) {
    SCOPED_TRACE(name);
    made.push_back(quantise(graph, plan));
    asked.push_back({made.back().serialize(), {{graph.inputs[0].name, examples(graph)}}});
    const Tensor exact = run_graph(graph, examples(graph));
    EXPECT_LE(mean_difference(predicted(made.back()), exact), share * largest(exact));
  }
  if (!learn::testing::why_no_ort().empty()) return;
  const auto results = learn::testing::run_on_ort(asked);
  for (std::size_t i = 0; i < graphs.size(); ++i) {
    SCOPED_TRACE(graphs[i].name);
    ASSERT_EQ(results[i].error, "");
    const Tensor& theirs = results[i].outputs.at(0);
    // A value in the middle between two levels may fall on either side, here and there: the mean shows no more.
    EXPECT_LE(mean_difference(predicted(made[i]), theirs), 0.004 * largest(theirs));
    EXPECT_EQ(difference(run_graph(made[i], examples(graphs[i].graph)), theirs, 0.03 * largest(theirs)), "");
  }
}

TEST(StaticQuantization, OfEveryModelStaysCloseHereAndOnOnnxRuntime) {
  expect_close_here_and_on_onnx_runtime(quantize_by_own_examples, {}, 0.03);
}

TEST(DynamicQuantization, OfEveryModelStaysCloseHereAndOnOnnxRuntime) {
  expect_close_here_and_on_onnx_runtime(quantize_dynamic, {}, 0.03);
}

TEST(WeightQuantization, OfEveryModelStaysCloseHereAndOnOnnxRuntime) {
  expect_close_here_and_on_onnx_runtime(quantize_weights, {}, 0.02, false);
  expect_close_here_and_on_onnx_runtime(quantize_weights, {.per_channel = false}, 0.02, false);
}

TEST(StaticQuantization, PutsOneOperatorBetweenTwoQuantizations) {
  const Graph graph = model::make_zoo_model("cnn", 1);
  EXPECT_THAT(quantized_values(graph), ElementsAre("x", "relu1.out", "relu2.out", "relu3.out"));
  const Graph made = quantize_by_own_examples(graph);
  std::map<std::string, const model::Node*> makers;
  for (const auto& node : made.nodes)
    for (const auto& output : node.outputs) makers[output] = &node;
  for (const auto& node : made.nodes) {
    if (node.op == "Conv" || node.op == "Gemm") {
      for (const auto& input : node.inputs) EXPECT_EQ(makers.at(input)->op, "DequantizeLinear") << input;
    }
    if (node.op == "MaxPool" || node.op == "Flatten") {
      // The same levels before and behind what only moves values.
      const auto* before = makers.at(node.inputs[0]);
      const auto after = std::find_if(made.nodes.begin(), made.nodes.end(),
                                      [&](const auto& other) { return other.inputs[0] == node.outputs[0]; });
      EXPECT_EQ(after->op, "QuantizeLinear");
      EXPECT_EQ(before->inputs[1], after->inputs[1]);
      EXPECT_EQ(before->inputs[2], after->inputs[2]);
    }
  }
  EXPECT_EQ(made.layout()->size(), 0U);
}

TEST(StaticQuantization, OfTwoReadersAndOfASharedWeightQuantizesEachOnce) {
  GraphMaker maker({-1, 4});
  maker.value("W", uniform({4, 4}, 1)).value("b", uniform({4}, 2));
  maker.node("a", "Gemm", {"x", "W", "b"}).node("r", "Relu", {"a"});
  maker.node("c", "Gemm", {"r", "W", "b"}).node("y", "Add", {"c", "r"});
  const Graph graph = maker.output("y");
  const Graph made = quantize_by_own_examples(graph);
  EXPECT_TRUE(made.initializers.contains("W_quantized"));
  EXPECT_EQ(std::ranges::count(operators_of(made), "QuantizeLinear"), 2);
  EXPECT_LE(mean_difference(predicted(made), run_graph(graph, examples(graph))), 0.02);
}

TEST(StaticQuantization, CalibratedOnZerosStillKeepsTheBiases) {
  const Graph graph = model::make_zoo_model("mlp:20-30-10-3", 1);
  const auto zeros = data::whole(data::in_memory({20}, std::vector<float>(40), std::vector<float>(2), 2));
  const Graph made = quantize_static(graph, calibrate(graph, zeros, quantized_values(graph), {}), {});
  const auto output = learn::Network::compile(made)->predict(made.parameters(), std::vector<float>(20), 1);
  const auto exact = learn::Network::compile(graph)->predict(graph.parameters(), std::vector<float>(20), 1);
  for (std::size_t i = 0; i < output.values.size(); ++i) EXPECT_NEAR(output.values[i], exact.values[i], 0.02);
}

TEST(StaticQuantization, NeedsExamplesAndRanges) {
  const Graph graph = model::make_zoo_model("mlp:20-30-10-3", 1);
  const data::View none{view_of(graph).dataset, {}};
  EXPECT_THROW(calibrate(graph, none, quantized_values(graph), {}), Error);
  try {
    quantize_static(graph, {}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no range was found for value 'x'"));
  }
}

TEST(Quantization, OfActivationsNeedsOpset13) {
  Graph old = model::make_zoo_model("mlp:20-30-10-3", 1);
  old.opset = 12;
  for (const auto& quantise : {+[](const Graph& graph) { return quantize_by_own_examples(graph); },
                               +[](const Graph& graph) { return quantize_dynamic(graph); }}) {
    try {
      quantise(old);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Unsupported);
      EXPECT_THAT(error.what(), HasSubstr("quantised activations need 13 or later"));
    }
  }
  EXPECT_NO_THROW(quantize_weights(old));
}

TEST(Quantization, OfFourBitsHasFifteenLevels) {
  const Graph made = quantize_weights(model::make_zoo_model("linear", 1), {.bits = 4});
  int most = 0;
  for (const auto value : made.initializers.at("fc1.weight_quantized").as<std::int8_t>())
    most = std::max(most, std::abs(value));
  EXPECT_EQ(most, 7);
  EXPECT_THROW(quantize_weights(model::make_zoo_model("linear", 1), {.bits = 5}), Error);
}

TEST(Quantization, OfALinearLayerTakesAQuarterOfItsBytes) {
  const Graph graph = model::make_zoo_model("linear:1024-256", 1);
  const auto bytes = [](const Graph& one) { return static_cast<double>(inspect(one).tensor_bytes); };
  EXPECT_GE(bytes(graph) / bytes(quantize_dynamic(graph)), 3.965);
  EXPECT_GE(bytes(graph) / bytes(quantize_dynamic(graph, {.per_channel = false})), 3.98);
}

}  // namespace
}  // namespace tributary::edge
