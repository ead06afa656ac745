#include "common/edge/inference_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/edge/models.h"
#include "tests/learn/graph_maker.h"
#include "tests/learn/ort.h"
#include "tests/learn/run_graph.h"

namespace tributary::edge {
namespace {

using learn::testing::floats;
using learn::testing::GraphMaker;
using testing::all_graphs;
using testing::examples;
using testing::exported_graphs;
using ::testing::HasSubstr;

// Normalises by the batch and hands the batch's mean on as `mean`.
model::Graph normalising_graph(const std::string& output) {
  GraphMaker maker({-1, 2});
  for (const char* name : {"scale", "shift", "running_mean", "running_var"}) maker.value(name, floats({2}, {1, 2}));
  maker.node("y", "BatchNormalization", {"x", "scale", "shift", "running_mean", "running_var"},
             {{"training_mode", std::int64_t{1}}});
  maker.graph().nodes.back().outputs = {"y", "mean", "var"};
  maker.node("z", "Relu", {"mean"});
  return maker.output(output);
}

TEST(InferenceGraph, KeepsTheLayout) {
  for (const auto& [name, graph] : all_graphs())
    EXPECT_EQ(inference_graph(graph).layout()->digest(), graph.layout()->digest()) << name;
}

TEST(InferenceGraph, LeavesAModelExportedForInferenceAsItIs) {
  for (const auto& [name, graph] : all_graphs()) {
    if (!name.ends_with("_training.onnx")) {
      EXPECT_EQ(inference_graph(graph), graph) << name;
    }
  }
}

TEST(InferenceGraph, OfATrainingExportPredictsOnOnnxRuntimeWhatTheTrainingExportPredictsHere) {
  if (const std::string reason = learn::testing::why_no_ort(); !reason.empty()) GTEST_SKIP() << reason;
  std::vector<learn::testing::OrtCase> asked;
  const auto graphs = exported_graphs();
  for (const auto& [name, graph] : graphs)
    asked.push_back({inference_graph(graph).serialize(), {{graph.inputs[0].name, examples(graph)}}});
  const auto results = learn::testing::run_on_ort(asked);
  for (std::size_t i = 0; i < graphs.size(); ++i) {
    SCOPED_TRACE(graphs[i].name);
    ASSERT_EQ(results[i].error, "");
    const auto ours = learn::testing::run_graph(graphs[i].graph, examples(graphs[i].graph));
    EXPECT_EQ(learn::testing::difference(ours, results[i].outputs.at(0), 1e-4), "");
  }
}

TEST(InferenceGraph, RefusesAModelThatReadsTheStatisticsOfTraining) {
  for (const char* output : {"z", "mean"}) {
    try {
      inference_graph(normalising_graph(output));
      FAIL() << output;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Unsupported);
      EXPECT_THAT(error.what(), HasSubstr("node 'y' (BatchNormalization): its output 1"));
    }
  }
}

}  // namespace
}  // namespace tributary::edge
