#include "common/edge/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/edge/edge_graph.h"
#include "tests/edge/models.h"
#include "tests/learn/graph_maker.h"

namespace tributary::edge {
namespace {

using learn::testing::floats;
using learn::testing::GraphMaker;
using nlohmann::json;
using testing::all_graphs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::vector<std::string> names_of(const Inspection& inspection, TensorKind kind) {
  std::vector<std::string> names;
  for (const auto& facts : inspection.tensors)
    if (facts.kind == kind) names.push_back(facts.name);
  return names;
}

// Two layers, the first weight half zero, a constant, and an initialiser that nothing reads.
model::Graph small() {
  return GraphMaker({-1, 2})
      .value("unread", floats({3}, {0, 0, 1}))
      .value("W", floats({2, 2}, {0, 1, 0, 2}))
      .value("b", floats({2}, {0, 1}))
      .value("half", learn::testing::scalar(0.5f))
      .node("a", "Gemm", {"x", "W", "b"})
      .node("h", "Mul", {"a", "half"})
      .node("y", "Relu", {"h"})
      .output("y");
}

TEST(Inspection, CountsTheParametersOfTheZooAsTheLiteratureDoes) {
  EXPECT_EQ(inspect(model::make_zoo_model("2nn", 1)).parameters, 199'210u);
  EXPECT_EQ(inspect(model::make_zoo_model("cnn", 1)).parameters, 1'663'370u);
}

TEST(Inspection, SaysWhatEachTensorIsForInOrderOfUse) {
  const Inspection found = inspect(small());
  EXPECT_THAT(names_of(found, TensorKind::Weight), ElementsAre("W"));
  EXPECT_THAT(names_of(found, TensorKind::Vector), ElementsAre("b"));
  EXPECT_THAT(names_of(found, TensorKind::Constant), ElementsAre("half", "unread"));
  EXPECT_EQ(found.tensors.front().op, "Gemm");
  EXPECT_EQ(found.tensors.front().node, "a");
  EXPECT_EQ(found.tensors.back().op, "");
  EXPECT_THAT(found.operators, ElementsAre(Pair("Gemm", 1), Pair("Mul", 1), Pair("Relu", 1)));
}

TEST(Inspection, CountsZerosOfWeightsAndOfNothingElse) {
  const Inspection found = inspect(small());
  EXPECT_EQ(found.parameters, 6u);
  EXPECT_EQ(found.weights, 4u);
  EXPECT_EQ(found.weight_zeros, 2u);
  EXPECT_DOUBLE_EQ(found.sparsity(), 0.5);
  EXPECT_EQ(found.tensor_bytes, 4u * (3 + 4 + 2 + 1));
}

TEST(Inspection, OfAnEdgeGraphCountsTheSameParametersAndTheSparsityOfTheCopy) {
  for (const auto& [name, graph] : all_graphs()) {
    const auto copy = codec::encode_edge_copy(graph.parameters(), {}, {.sparsity = 0.75});
    const Inspection before = inspect(graph), after = inspect(edge_graph(graph, copy));
    EXPECT_EQ(after.parameters, before.parameters) << name;
    EXPECT_EQ(after.weights, before.weights) << name;
    EXPECT_DOUBLE_EQ(after.sparsity(), copy.sparsity) << name;
    EXPECT_LT(after.tensor_bytes, before.tensor_bytes) << name;
  }
}

TEST(Inspection, DoesNotTakeIntegersWithZeroPointsForWeightsOfAnEdgeGraph) {
  const auto asymmetric = [](std::int8_t zero_point) {
    const auto bytes = [](std::vector<std::int64_t> shape, std::int8_t value) {
      model::Tensor tensor{model::DType::Int8, std::move(shape), {}};
      tensor.data.assign(tensor.elements(), static_cast<std::byte>(value));
      return tensor;
    };
    return inspect(GraphMaker({-1, 2})
                       .value("q", bytes({2, 2}, 1))
                       .value("scale", learn::testing::scalar(0.5f))
                       .value("zero", bytes({}, zero_point))
                       .node("W", "DequantizeLinear", {"q", "scale", "zero"})
                       .node("y", "MatMul", {"x", "W"})
                       .output("y"));
  };
  EXPECT_EQ(asymmetric(0).weights, 4u);
  EXPECT_EQ(asymmetric(3).weights, 0u);
}

TEST(Inspection, ReadsAFileAndNamesItsBytes) {
  const Path path = Path(::testing::TempDir()) / "inspected.onnx";
  const model::Graph graph = small();
  graph.save(path);
  const Inspection found = inspect_file(path);
  EXPECT_EQ(found.file_bytes, graph.serialize().size());
  EXPECT_EQ(found.file_digest, sha256(graph.serialize()));
  EXPECT_EQ(found.model_digest, digest_of(graph.parameters()));
  std::filesystem::remove(path);
  EXPECT_THROW(inspect_file(path), Error);
}

TEST(Inspection, AsJsonHoldsWhatTheTableShows) {
  const Inspection found = inspect(small());
  const json read = json::parse(as_json(found));
  EXPECT_EQ(read.at("parameters"), 6);
  EXPECT_EQ(read.at("sparsity"), 0.5);
  EXPECT_EQ(read.at("operators").at("Gemm"), 1);
  EXPECT_EQ(read.at("inputs").at(0).at("shape"), json({-1, 2}));
  EXPECT_EQ(read.at("tensors").at(0), json({{"name", "W"},
                                            {"node", "a"},
                                            {"operator", "Gemm"},
                                            {"kind", "weight"},
                                            {"type", "float32"},
                                            {"shape", {2, 2}},
                                            {"elements", 4},
                                            {"bytes", 16},
                                            {"zeros", 2}}));
  EXPECT_EQ(read.at("model_digest"), found.model_digest.hex());
  EXPECT_FALSE(read.contains("file_bytes"));
}

TEST(Inspection, AsTableNamesParametersOneByOneAndConstantsAsASum) {
  const std::string table = as_table(inspect(small()));
  EXPECT_THAT(table, HasSubstr("input       x  float32  ?x2\n"));
  EXPECT_THAT(table, HasSubstr("operators   Gemm 1, Mul 1, Relu 1\n"));
  EXPECT_THAT(table, HasSubstr("parameters  6, 4 of them weights\n"));
  EXPECT_THAT(table, HasSubstr("sparsity    50.0 % of the weights are zero\n"));
  EXPECT_THAT(table, HasSubstr("W          Gemm     weight  float32  2x2           4     16  50.0 %\n"));
  EXPECT_THAT(table, HasSubstr("and 2 constant tensors of 16 B\n"));
}

TEST(Inspection, OfNamesThatAreNoTextStaysJson) {
  model::Graph graph = small();
  graph.name = "caf\xe9";
  EXPECT_NO_THROW(json::parse(as_json(inspect(graph))));
}

}  // namespace
}  // namespace tributary::edge
