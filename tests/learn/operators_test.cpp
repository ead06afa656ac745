#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/learn/cases.h"
#include "tests/learn/ort.h"
#include "tests/learn/run_graph.h"

namespace tributary::learn::testing {
namespace {

model::Tensor input_of(const OperatorCase& one) {
  return one.inputs.empty() ? floats({1}, {0}) : *one.inputs[0];
}

// What our executor gives for each output.
std::vector<model::Tensor> our_outputs(const OperatorCase& one) {
  std::vector<model::Tensor> outputs;
  for (std::size_t k = 0; k < one.outputs.size(); ++k) outputs.push_back(run_graph(graph_of(one, k), input_of(one)));
  return outputs;
}

// The case's graph with every output declared as ours came out, for ONNX Runtime to contradict.
OrtCase for_ort(const OperatorCase& one, const std::vector<model::Tensor>& ours) {
  model::Graph graph = graph_of(one);
  graph.outputs.clear();
  for (std::size_t k = 0; k < ours.size(); ++k)
    graph.outputs.push_back({graph.nodes[0].outputs[k], one.outputs[k], ours[k].shape});
  return {graph.serialize(), {{graph.inputs[0].name, input_of(one)}}};
}

void expect_equal_to_ort(const std::vector<OperatorCase>& cases) {
  if (const std::string reason = why_no_ort(); !reason.empty()) GTEST_SKIP() << reason;
  std::vector<std::vector<model::Tensor>> ours;
  std::vector<OrtCase> asked;
  for (const auto& one : cases) {
    SCOPED_TRACE(one.what);
    ASSERT_NO_THROW(ours.push_back(our_outputs(one)));
    ASSERT_NO_THROW(asked.push_back(for_ort(one, ours.back())));
  }
  const auto results = run_on_ort(asked);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].what);
    EXPECT_EQ(results[i].error, "");
    EXPECT_EQ(results[i].outputs.size(), ours[i].size());
    for (std::size_t k = 0; k < results[i].outputs.size(); ++k)
      EXPECT_EQ(difference(ours[i][k], results[i].outputs[k], cases[i].tolerance), "") << "output " << k;
  }
}

TEST(Operators, PointwiseOnesAgreeWithOnnxRuntime) {
  expect_equal_to_ort(pointwise_cases());
}
TEST(Operators, ShapeOnesAgreeWithOnnxRuntime) {
  expect_equal_to_ort(shape_cases());
}
TEST(Operators, ReductionsAgreeWithOnnxRuntime) {
  expect_equal_to_ort(reduction_cases());
}
TEST(Operators, LayersAgreeWithOnnxRuntime) {
  expect_equal_to_ort(layer_cases());
}
TEST(Operators, WindowsAgreeWithOnnxRuntime) {
  expect_equal_to_ort(window_cases());
}
TEST(Operators, RecurrentOnesAgreeWithOnnxRuntime) {
  expect_equal_to_ort(recurrent_cases());
}
TEST(Operators, QuantizationAgreesWithOnnxRuntime) {
  expect_equal_to_ort(quantization_cases());
}

TEST(Operators, EveryOperatorOfTheClosedListHasACase) {
  std::set<std::string> tested;
  for (const auto& one : all_cases()) tested.insert(one.op);
  for (const auto& op : model::supported_operators()) EXPECT_TRUE(tested.contains(op)) << op;
}

TEST(Operators, EveryGradientAgreesWithCentralDifferences) {
  for (const auto& one : all_cases()) {
    if (!one.differentiable) continue;
    SCOPED_TRACE(one.what);
    std::vector<std::string> wanted;
    for (std::size_t i = 0; i < one.inputs.size(); ++i)
      if (one.inputs[i] && one.inputs[i]->type == model::DType::Float32 && !one.constants.contains(i))
        wanted.push_back("in" + std::to_string(i));
    for (std::size_t k = 0; k < one.outputs.size(); ++k) {
      if (one.outputs[k] != model::DType::Float32) continue;
      double error = 1;
      EXPECT_NO_THROW(error = gradient_error(graph_of(one, k), input_of(one), wanted));
      EXPECT_LE(error, 2e-6) << "output " << k;
    }
  }
}

}  // namespace
}  // namespace tributary::learn::testing
