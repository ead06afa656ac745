#include "common/edge/shrinking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/layers.h"
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
using testing::all_graphs;
using ::testing::ElementsAre;
using testing::examples;
using Ints = std::vector<std::int64_t>;

Ints shape_of(const Graph& graph, const std::string& name) {
  return graph.initializers.at(name).shape;
}

TEST(Shrinking, TakesChannelsOutOfALayerAndOfAllThatReadsIt) {
  const Graph made = shrink(model::make_zoo_model("cnn", 1), {.keep = 0.5});
  EXPECT_THAT(shape_of(made, "conv1.weight"), ElementsAre(16, 1, 5, 5));
  EXPECT_THAT(shape_of(made, "conv1.bias"), ElementsAre(16));
  EXPECT_THAT(shape_of(made, "conv2.weight"), ElementsAre(32, 16, 5, 5));
  EXPECT_THAT(shape_of(made, "fc1.weight"), ElementsAre(256, 32 * 49));
  EXPECT_THAT(shape_of(made, "fc2.weight"), ElementsAre(10, 256));
  EXPECT_LE(static_cast<double>(multiply_adds_of(made)),
            0.3 * static_cast<double>(multiply_adds_of(model::make_zoo_model("cnn", 1))));
}

TEST(Shrinking, OfDeadChannelsChangesNothing) {
  // Neurons 1 and 3 of the first layer, and channel 0 of a picture, give nothing to who reads them.
  Graph graph = model::make_zoo_model("mlp:20-4-3", 1);
  auto weight = graph.initializers.at("fc1.weight").as<float>();
  auto bias = graph.initializers.at("fc1.bias").as<float>();
  for (const std::size_t dead : {1U, 3U}) {
    std::fill_n(weight.begin() + static_cast<std::ptrdiff_t>(dead * 20), 20, 0.0F);
    bias[dead] = 0;
  }
  const Graph made = shrink(graph, {.keep = 0.5});
  EXPECT_THAT(shape_of(made, "fc2.weight"), ElementsAre(3, 2));
  EXPECT_EQ(difference(run_graph(made, examples(graph)), run_graph(graph, examples(graph)), 1e-6), "");

  Graph cnn = model::make_zoo_model("lenet", 1);
  for (const auto& [name, alive] : std::map<std::string, int>{{"conv1", 10}, {"conv2", 25}, {"fc1", 250}}) {
    auto& w = cnn.initializers.at(name + ".weight");
    const auto each = w.elements() / static_cast<std::uint64_t>(w.shape[0]);
    std::ranges::fill(w.as<float>().subspan(static_cast<std::size_t>(alive) * each), 0.0F);
    std::ranges::fill(cnn.initializers.at(name + ".bias").as<float>().subspan(static_cast<std::size_t>(alive)), 0.0F);
  }
  EXPECT_EQ(difference(run_graph(shrink(cnn, {.keep = 0.5}), examples(cnn)), run_graph(cnn, examples(cnn)), 1e-6), "");
}

TEST(Shrinking, OfEveryModelStillRunsHereAndOnOnnxRuntime) {
  std::vector<learn::testing::OrtCase> asked;
  const auto graphs = all_graphs();
  for (const auto& [name, graph] : graphs) {
    SCOPED_TRACE(name);
    asked.push_back({shrink(graph, {.keep = 0.4}).serialize(), {{graph.inputs[0].name, examples(graph)}}});
    EXPECT_NO_THROW(run_graph(shrink(graph, {.keep = 0.4}), examples(graph)));
  }
  if (!learn::testing::why_no_ort().empty()) return;
  for (const auto& result : learn::testing::run_on_ort(asked)) EXPECT_EQ(result.error, "");
}

// A block whose input is added to what it makes of it, then a dense head.
Graph residual() {
  GraphMaker maker({-1, 3, 6, 6});
  maker.value("A", uniform({8, 3, 3, 3}, 1)).value("B", uniform({6, 8, 3, 3}, 2)).value("C", uniform({8, 6, 3, 3}, 3));
  maker.value("D", uniform({5, 8}, 4));
  const std::map<std::string, model::Attribute> same{{"pads", Ints{1, 1, 1, 1}}};
  maker.node("a", "Conv", {"x", "A"}, same).node("b", "Conv", {"a", "B"}, same).node("r", "Relu", {"b"});
  maker.node("c", "Conv", {"r", "C"}, same).node("s", "Add", {"a", "c"}).node("g", "GlobalAveragePool", {"s"});
  maker.node("f", "Flatten", {"g"}).node("y", "Gemm", {"f", "D"}, {{"transB", std::int64_t{1}}});
  return maker.output("y", {-1, 5});
}

TEST(Shrinking, KeepsTheSameChannelsOnBothSidesOfABranch) {
  const Graph graph = residual();
  ShrinkReport report;
  const Graph made = shrink(graph, {.keep = 0.5}, &report);
  EXPECT_THAT(shape_of(made, "A"), ElementsAre(4, 3, 3, 3));
  EXPECT_THAT(shape_of(made, "B"), ElementsAre(3, 4, 3, 3));
  EXPECT_THAT(shape_of(made, "C"), ElementsAre(4, 3, 3, 3));
  EXPECT_THAT(shape_of(made, "D"), ElementsAre(5, 4));
  EXPECT_EQ(report.layers, 2U);
  EXPECT_NO_THROW(run_graph(made, examples(graph)));
}

TEST(Shrinking, LeavesSharedWeightsAndWhatItDoesNotUnderstandWhole) {
  GraphMaker maker({-1, 4});
  maker.value("W", uniform({4, 4}, 1)).value("V", uniform({4, 4}, 2)).value("U", uniform({4, 2}, 3));
  maker.node("a", "Gemm", {"x", "W"}).node("b", "Gemm", {"a", "W"});  // shared
  maker.node("c", "Gemm", {"b", "V"}).node("d", "Softmax", {"c"}).node("y", "Gemm", {"d", "U"});
  const Graph graph = maker.output("y");
  EXPECT_EQ(shrink(graph, {.keep = 0.5}), graph);
}

TEST(Shrinking, RefusesToKeepNothing) {
  EXPECT_THROW(shrink(residual(), {.keep = 0}), Error);
  EXPECT_THROW(shrink(residual(), {.keep = 1.5}), Error);
  EXPECT_THAT(shape_of(shrink(residual(), {.keep = 0.001}), "A"), ElementsAre(1, 3, 3, 3));
}

}  // namespace
}  // namespace tributary::edge
