#include "common/edge/edge_graph.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/learn/network.h"
#include "tests/edge/models.h"
#include "tests/learn/graph_maker.h"
#include "tests/learn/ort.h"
#include "tests/learn/run_graph.h"

namespace tributary::edge {
namespace {

using codec::EdgeCopy;
using learn::testing::difference;
using learn::testing::floats;
using learn::testing::GraphMaker;
using learn::testing::uniform;
using model::DType;
using model::Graph;
using model::Role;
using model::Tensor;
using testing::all_graphs;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::examples;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

EdgeCopy copy_of(const Graph& graph, codec::EdgePlan plan = {}) {
  return codec::encode_edge_copy(graph.parameters(), {}, plan);
}

// The float graph that the edge graph must agree with.
Graph holding(Graph graph, const EdgeCopy& copy) {
  graph.set_parameters(copy.values);
  return graph;
}

// A matrix product with `weight`, one of three examples for each row of x.
Graph product_with(Tensor weight, std::int64_t opset = 17) {
  return GraphMaker({-1, weight.shape[0]}, DType::Float32, opset)
      .value("W", std::move(weight))
      .node("y", "MatMul", {"x", "W"})
      .output("y");
}

Graph both_ways(const std::string& op) {
  for (const auto& one : learn::testing::recurrent_cases())
    if (one.what == op + " both ways") return graph_of(one);
  fail(Error::Kind::Internal, "no such case");
}

// `graph` with its parameter `name` as the only output.
Graph showing(Graph graph, const model::TensorSpec& spec) {
  graph.outputs = {{spec.name, DType::Float32, spec.shape}};
  return graph;
}

std::vector<std::string> operators_of(const Graph& graph) {
  std::vector<std::string> operators;
  for (const auto& node : graph.nodes) operators.push_back(node.op);
  return operators;
}

std::uint64_t tensor_bytes(const Graph& graph) {
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : graph.initializers) bytes += tensor.data.size();
  for (const auto& node : graph.nodes)
    if (const auto* value = node.find("value")) bytes += std::get<Tensor>(*value).data.size();
  return bytes;
}

// Models and what they are fed, the ones whose channels span two axes among them.
struct Subject {
  std::string name;
  Graph graph;
  Tensor input;
};

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const auto& [name, graph] : all_graphs()) all.push_back({name, graph, examples(graph)});
  for (const char* op : {"LSTM", "GRU"}) {
    const Graph graph = both_ways(op);
    all.push_back({std::string(op) + " both ways", graph, uniform(graph.inputs[0].shape, 301)});
  }
  all.push_back({"one channel", product_with(uniform({5, 1}, 7)), uniform({3, 5}, 8)});
  all.push_back({"one channel, opset 9", product_with(uniform({5, 1}, 7), 9), uniform({3, 5}, 8)});
  return all;
}

// Ways to write weights: a scale a channel or a block, on odd sizes and even ones.
std::vector<codec::EdgePlan> plans() {
  return {{}, {.bits = 4}, {.bits = 2, .block = 64}, {.bits = 4, .block = 4096}};
}

void expect_values_of(const codec::EdgePlan& plan) {
  for (const auto& [name, graph, input] : subjects()) {
    const EdgeCopy copy = copy_of(graph, plan);
    const Graph edge = edge_graph(graph, copy);
    for (const auto& spec : copy.values.layout().tensors()) {
      const Tensor expected = Tensor::floats(spec.shape, copy.values.tensor(spec));
      if (edge.initializers.contains(spec.name)) {
        EXPECT_EQ(edge.initializers.at(spec.name), expected) << name << ", " << spec.name;
      } else {
        EXPECT_EQ(learn::testing::run_graph(showing(edge, spec), input), expected) << name << ", " << spec.name;
      }
    }
  }
}

TEST(EdgeGraph, GivesTheValuesOfTheCopyBitForBit) {
  for (const codec::EdgePlan& plan : plans()) {
    SCOPED_TRACE(std::to_string(plan.bits) + " bits, block " + std::to_string(plan.block));
    expect_values_of(plan);
  }
}

// A row a block, filled up where the last one is short; cut and brought to the weight's shape.
TEST(EdgeGraph, BlocksAreTheRowsOfAMatrixThatIsCutToTheWeight) {
  const Graph whole = product_with(uniform({32, 4}, 1)), odd = product_with(uniform({33, 5}, 1), 17);
  const Graph of_whole = edge_graph(whole, copy_of(whole, {.block = 64}));
  const Graph of_odd = edge_graph(odd, copy_of(odd, {.block = 64}));
  EXPECT_THAT(operators_of(of_whole), ElementsAre("DequantizeLinear", "Constant", "Reshape", "MatMul"));
  EXPECT_THAT(operators_of(of_odd), Contains("Slice"));
  EXPECT_EQ(of_whole.initializers.at("W_quantized").shape, (std::vector<std::int64_t>{2, 64}));
  EXPECT_EQ(of_odd.initializers.at("W_quantized").shape, (std::vector<std::int64_t>{3, 64}));
  EXPECT_EQ(of_odd.initializers.at("W_scale").shape, std::vector<std::int64_t>{3});
}

TEST(EdgeGraph, StoresEveryWeightAsInt8AndNoOtherParameter) {
  for (const auto& [name, graph, input] : subjects()) {
    SCOPED_TRACE(name);
    const EdgeCopy copy = copy_of(graph);
    const Graph edge = edge_graph(graph, copy);
    std::size_t weight = 0;
    for (const auto& spec : copy.values.layout().tensors()) {
      EXPECT_EQ(edge.initializers.contains(spec.name), spec.role != Role::Weight) << spec.name;
      if (spec.role != Role::Weight) continue;
      const Tensor& stored = edge.initializers.at(spec.name + "_quantized");
      EXPECT_EQ(stored.type, DType::Int8);
      EXPECT_EQ(stored.shape, spec.shape);
      EXPECT_TRUE(std::ranges::equal(stored.as<std::int8_t>(), copy.quantized.at(weight++).q));
    }
    EXPECT_GT(weight, 0u);
  }
}

TEST(EdgeGraph, PredictsWhatTheFloatGraphPredicts) {
  for (const auto& [name, graph, input] : subjects()) {
    const EdgeCopy copy = copy_of(graph);
    const Tensor expected = learn::testing::run_graph(holding(graph, copy), input);
    EXPECT_EQ(difference(learn::testing::run_graph(edge_graph(graph, copy), input), expected, 1e-6), "") << name;
  }
}

TEST(EdgeGraph, RunsAsANetworkAfterAnyFileOfIt) {
  for (const auto& [name, graph] : all_graphs()) {
    SCOPED_TRACE(name);
    const EdgeCopy copy = copy_of(graph);
    const Graph edge = edge_graph(graph, copy);
    const Graph read = Graph::parse(edge.serialize(), "edge.onnx");
    EXPECT_EQ(read, edge);
    const Tensor input = learn::testing::as(DType::Float32, examples(graph));
    const auto ours = learn::Network::compile(read)->predict(read.parameters(), input.as<float>(), 3);
    const auto theirs = learn::Network::compile(graph)->predict(copy.values, input.as<float>(), 3);
    EXPECT_EQ(difference(floats(ours.shape, ours.values), floats(theirs.shape, theirs.values), 1e-6), "");
  }
}

TEST(EdgeGraph, PredictsOnOnnxRuntimeWhatTheFloatGraphPredicts) {
  if (const std::string reason = learn::testing::why_no_ort(); !reason.empty()) GTEST_SKIP() << reason;
  std::vector<learn::testing::OrtCase> asked;
  std::vector<std::pair<std::string, Tensor>> expected;
  for (const auto& [name, graph, input] : subjects()) {
    for (const unsigned bits : {8u, 32u}) {
      const EdgeCopy copy = copy_of(graph, {.bits = bits});
      asked.push_back({edge_graph(graph, copy).serialize(), {{graph.inputs[0].name, input}}});
      expected.emplace_back(name + ", bits " + std::to_string(bits),
                            learn::testing::run_graph(holding(graph, copy), input));
    }
  }
  const auto results = learn::testing::run_on_ort(asked);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    SCOPED_TRACE(expected[i].first);
    ASSERT_EQ(results[i].error, "");
    EXPECT_EQ(difference(expected[i].second, results[i].outputs.at(0), 1e-4), "");
  }
}

TEST(EdgeGraph, GivesTheValuesOfTheCopyBitForBitOnOnnxRuntime) {
  if (const std::string reason = learn::testing::why_no_ort(); !reason.empty()) GTEST_SKIP() << reason;
  std::vector<learn::testing::OrtCase> asked;
  std::vector<std::pair<std::string, Tensor>> expected;
  std::size_t count = 0;
  for (const auto& [name, graph, input] : subjects()) {
    const EdgeCopy copy = copy_of(graph, plans()[count++ % plans().size()]);
    const Graph edge = edge_graph(graph, copy);
    for (const auto& spec : copy.values.layout().tensors()) {
      if (spec.role != Role::Weight) continue;
      asked.push_back({showing(edge, spec).serialize(), {{graph.inputs[0].name, input}}});
      expected.emplace_back(name + ", " + spec.name, Tensor::floats(spec.shape, copy.values.tensor(spec)));
    }
  }
  const auto results = learn::testing::run_on_ort(asked);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    SCOPED_TRACE(expected[i].first);
    ASSERT_EQ(results[i].error, "");
    EXPECT_EQ(results[i].outputs.at(0), expected[i].second);
  }
}

TEST(EdgeGraph, HasNothingToTrainButTheFloats) {
  for (const auto& [name, graph, input] : subjects()) {
    const auto before = graph.layout(), after = edge_graph(graph, copy_of(graph)).layout();
    std::vector<std::string> floats, left;
    for (const auto& spec : before->tensors())
      if (spec.role != Role::Weight) floats.push_back(spec.name);
    for (const auto& spec : after->tensors()) left.push_back(spec.name);
    EXPECT_EQ(left, floats) << name;
  }
}

TEST(EdgeGraph, DequantisesAlongTheAxisOfTheOutputChannels) {
  const Graph product = product_with(uniform({4, 3}, 1));
  const Graph dense = GraphMaker({-1, 4})
                          .value("W", uniform({3, 4}, 2))
                          .node("y", "Gemm", {"x", "W"}, {{"transB", std::int64_t{1}}})
                          .output("y");
  const Graph quantised_product = edge_graph(product, copy_of(product));
  const Graph quantised_dense = edge_graph(dense, copy_of(dense));
  EXPECT_THAT(operators_of(quantised_product), ElementsAre("DequantizeLinear", "MatMul"));
  EXPECT_EQ(quantised_product.nodes[0].integer("axis", -1), 1);
  EXPECT_EQ(quantised_dense.nodes[0].integer("axis", -1), 0);
  for (const Graph& graph : {quantised_product, quantised_dense}) {
    EXPECT_EQ(graph.initializers.at("W_scale").shape, std::vector<std::int64_t>{3});
    EXPECT_THAT(graph.initializers.at("W_zero_point").as<std::int8_t>(), ElementsAre(0, 0, 0));
  }
}

TEST(EdgeGraph, CastsAndMultipliesWhereOneAxisDoesNotDo) {
  const Graph both = both_ways("LSTM"), old = product_with(uniform({4, 3}, 1), 12);
  for (const Graph& graph : {both, old}) {
    const auto operators = operators_of(edge_graph(graph, copy_of(graph)));
    EXPECT_THAT(operators, Contains("Cast"));
    EXPECT_THAT(operators, Not(Contains("DequantizeLinear")));
  }
  EXPECT_EQ(edge_graph(old, copy_of(old)).opset, 12);
}

TEST(EdgeGraph, OfALinearLayerTakesAQuarterOfTheFloats) {
  const Graph layer = product_with(uniform({1024, 256}, 1));
  const Graph edge = edge_graph(layer, copy_of(layer));
  const auto ratio = static_cast<double>(tensor_bytes(layer)) / static_cast<double>(tensor_bytes(edge));
  EXPECT_GE(ratio, 3.97);
  EXPECT_GE(static_cast<double>(layer.serialize().size()), 3.97 * static_cast<double>(edge.serialize().size()));
}

TEST(EdgeGraph, WritesNoScaleOfZero) {
  const Graph graph = product_with(floats({2, 3}, {0, 1, 0, 0, 2, 0}));
  const Graph edge = edge_graph(graph, copy_of(graph, {.sparsity = 0}));
  EXPECT_THAT(edge.initializers.at("W_scale").as<float>(), Each(::testing::Gt(0.0f)));
  EXPECT_THAT(copy_of(graph, {.sparsity = 0}).quantized.at(0).scale, Contains(0.0f));
}

TEST(EdgeGraph, OfACopyOf32BitsIsTheFloatGraph) {
  for (const auto& [name, graph] : testing::zoo_graphs()) {
    const EdgeCopy copy = copy_of(graph, {.bits = 32});
    EXPECT_EQ(edge_graph(graph, copy), holding(graph, copy)) << name;
  }
}

TEST(EdgeGraph, OfAModelWithoutWeightsIsTheFloatGraph) {
  const Graph graph = GraphMaker({-1, 2}).value("b", floats({2}, {1, 2})).node("y", "Add", {"x", "b"}).output("y");
  const EdgeCopy copy = copy_of(graph);
  EXPECT_THAT(copy.quantized, IsEmpty());
  EXPECT_EQ(edge_graph(graph, copy), graph);
}

TEST(EdgeGraph, KeepsItsNamesApartFromThoseOfTheModel) {
  Graph graph = GraphMaker({-1, 2})
                    .value("W", uniform({2, 2}, 1))
                    .value("W_quantized", uniform({2, 2}, 2))
                    .value("W_scale", uniform({2}, 3))
                    .node("W_zero_point", "MatMul", {"x", "W"})
                    .node("z", "MatMul", {"W_zero_point", "W_quantized"})
                    .node("y", "Mul", {"z", "W_scale"})
                    .output("y");
  const Tensor input = uniform({3, 2}, 4);
  const EdgeCopy copy = copy_of(graph);
  const Graph edge = Graph::parse(edge_graph(graph, copy).serialize(), "edge.onnx");
  EXPECT_EQ(
      difference(learn::testing::run_graph(edge, input), learn::testing::run_graph(holding(graph, copy), input), 1e-6),
      "");
}

TEST(EdgeGraph, RefusesTheCopyOfAnotherModel) {
  const Graph graph = product_with(uniform({4, 3}, 1));
  EdgeCopy torn = copy_of(graph);
  torn.quantized[0].scale.pop_back();
  for (const EdgeCopy& copy : {copy_of(product_with(uniform({3, 4}, 1))), torn}) {
    try {
      edge_graph(graph, copy);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Malformed) << error.what();
    }
  }
}

}  // namespace
}  // namespace tributary::edge
