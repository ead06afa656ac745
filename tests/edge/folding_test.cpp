#include "common/edge/folding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
using model::Graph;
using model::Tensor;
using testing::all_graphs;
using testing::examples;
using Ints = std::vector<std::int64_t>;

void expect_same(const Graph& before, const Graph& after, double tolerance = 1e-5) {
  const Tensor x = examples(before);
  EXPECT_EQ(difference(run_graph(after, x), run_graph(before, x), tolerance), "");
}

std::vector<std::string> operators_of(const Graph& graph) {
  std::vector<std::string> operators;
  for (const auto& node : graph.nodes) operators.push_back(node.op);
  return operators;
}

// `first` (Conv or Gemm) and a normalisation of its four channels.
GraphMaker normalised(const std::string& first, Ints input, Tensor weight,
                      std::map<std::string, model::Attribute> attributes, bool bias = true) {
  GraphMaker maker(std::move(input));
  maker.value("W", std::move(weight)).value("b", uniform({4}, 2));
  maker.value("scale", uniform({4}, 3, 0.5, 2)).value("shift", uniform({4}, 4));
  maker.value("mean", uniform({4}, 5)).value("var", uniform({4}, 6, 0.1, 3));
  std::vector<std::string> inputs{"x", "W"};
  if (bias) inputs.push_back("b");
  maker.node("c", first, inputs, std::move(attributes));
  maker.node("n", "BatchNormalization", {"c", "scale", "shift", "mean", "var"});
  return maker;
}

TEST(Folding, OfEveryModelGivesTheSameOutputs) {
  for (const auto& [name, graph] : all_graphs()) {
    SCOPED_TRACE(name);
    const Graph folded = fold(graph);
    expect_same(graph, folded);
    EXPECT_LE(folded.nodes.size(), graph.nodes.size());
  }
}

TEST(Folding, OpensInOnnxRuntimeWithTheSameOutputs) {
  if (const std::string reason = learn::testing::why_no_ort(); !reason.empty()) GTEST_SKIP() << reason;
  std::vector<learn::testing::OrtCase> asked;
  const auto graphs = all_graphs();
  for (const auto& [name, graph] : graphs)
    asked.push_back({fold(graph).serialize(), {{graph.inputs[0].name, examples(graph)}}});
  const auto results = learn::testing::run_on_ort(asked);
  for (std::size_t i = 0; i < graphs.size(); ++i) {
    SCOPED_TRACE(graphs[i].name);
    ASSERT_EQ(results[i].error, "");
    EXPECT_EQ(difference(run_graph(graphs[i].graph, examples(graphs[i].graph)), results[i].outputs.at(0), 1e-4), "");
  }
}

TEST(Folding, PutsANormalizationIntoTheLayerBeforeIt) {
  const std::vector<std::pair<std::string, Graph>> graphs{
      {"Conv", normalised("Conv", {-1, 2, 5, 5}, uniform({4, 2, 3, 3}, 1), {}).node("y", "Relu", {"n"}).output("y")},
      {"Conv without bias",
       normalised("Conv", {-1, 2, 5, 5}, uniform({4, 2, 3, 3}, 1), {}, false).node("y", "Relu", {"n"}).output("y")},
      {"Gemm", normalised("Gemm", {-1, 3}, uniform({3, 4}, 1), {}).node("y", "Relu", {"n"}).output("y")},
      {"Gemm transposed", normalised("Gemm", {-1, 3}, uniform({4, 3}, 1), {{"transB", std::int64_t{1}}}).output("n")}};
  for (const auto& [name, graph] : graphs) {
    SCOPED_TRACE(name);
    FoldReport report;
    const Graph folded = fold(graph, &report);
    EXPECT_EQ(report.normalizations, 1U);
    EXPECT_EQ(folded.nodes.size(), graph.nodes.size() - 1);
    EXPECT_EQ(folded.initializers.size(), 2U);
    expect_same(graph, folded);
  }
}

TEST(Folding, LeavesANormalizationWhoseInputIsReadElsewhere) {
  GraphMaker maker = normalised("Conv", {-1, 2, 5, 5}, uniform({4, 2, 3, 3}, 1), {});
  const Graph graph = maker.node("y", "Add", {"c", "n"}).output("y", {-1, 4, 3, 3});
  EXPECT_EQ(operators_of(fold(graph)), operators_of(graph));
  expect_same(graph, fold(graph));
}

TEST(Folding, CopiesAWeightThatIsShared) {
  GraphMaker maker = normalised("Conv", {-1, 2, 5, 5}, uniform({4, 2, 3, 3}, 1), {});
  const Graph graph =
      maker.node("other", "Conv", {"x", "W", "b"}).node("y", "Add", {"other", "n"}).output("y", {-1, 4, 3, 3});
  const Graph folded = fold(graph);
  EXPECT_EQ(folded.initializers.at("W"), graph.initializers.at("W"));
  EXPECT_EQ(folded.nodes.size(), 3U);
  expect_same(graph, folded);
}

TEST(Folding, ComputesWhatDependsOnNoInputAndKeepsItTrainable) {
  GraphMaker maker({-1, 3});
  maker.value("W", uniform({4, 3}, 1));
  maker.node("Wt", "Transpose", {"W"}).node("y", "MatMul", {"x", "Wt"});
  const Graph graph = maker.output("y");
  const Graph folded = fold(graph);
  EXPECT_EQ(operators_of(folded), std::vector<std::string>{"MatMul"});
  EXPECT_EQ(folded.layout()->size(), 12U);
  expect_same(graph, folded);
}

TEST(Folding, DropsWhatPassesOnAndWhatNothingNeeds) {
  GraphMaker maker({-1, 3});
  maker.value("W", uniform({3, 4}, 1)).value("V", uniform({3, 4}, 2));
  maker.node("a", "Identity", {"x"}).node("m", "MatMul", {"a", "W"}).node("d", "Dropout", {"m"});
  maker.node("unused", "MatMul", {"x", "V"}).node("y", "Identity", {"d"});
  const Graph graph = maker.output("y");
  FoldReport report;
  const Graph folded = fold(graph, &report);
  EXPECT_EQ(operators_of(folded), std::vector<std::string>{"MatMul"});
  EXPECT_EQ(folded.outputs, graph.outputs);
  EXPECT_EQ(report.passing, 3U);
  EXPECT_EQ(report.unused, 1U);
  EXPECT_FALSE(folded.initializers.contains("V"));
  expect_same(graph, folded);
}

}  // namespace
}  // namespace tributary::edge
