// tests/learn/cases.h
//
// Single-node graphs, one for each operator and each way in which its meaning changes between opsets: the table that
// operators_test.cpp compares with ONNX Runtime and gradients_test.cpp with finite differences.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/model/graph.h"

namespace tributary::learn::testing {

struct OperatorCase {
  std::string what;  // unique
  std::string op;
  std::int64_t opset = 17;
  // The first is fed, the others are initialisers; nullopt = left out. Without inputs, the graph's input is unused.
  std::vector<std::optional<model::Tensor>> inputs;
  std::map<std::string, model::Attribute> attributes = {};
  std::vector<model::DType> outputs = {model::DType::Float32};
  bool differentiable = false;
  std::set<std::size_t> constants = {};  // float inputs without a gradient, such as Clip's bounds
  double tolerance = 1e-5;               // absolute and relative, against ONNX Runtime
};

std::vector<OperatorCase> pointwise_cases();
std::vector<OperatorCase> shape_cases();
std::vector<OperatorCase> reduction_cases();
std::vector<OperatorCase> layer_cases();
std::vector<OperatorCase> window_cases();
std::vector<OperatorCase> recurrent_cases();
std::vector<OperatorCase> quantization_cases();
std::vector<OperatorCase> all_cases();

using Ints = std::vector<std::int64_t>;

// Uniform values in [low, high), the same for the same seed.
model::Tensor uniform(Ints shape, std::uint64_t seed, double low = -1, double high = 1);
// The same without values closer than `gap` to any multiple of `period`: away from kinks.
model::Tensor smooth(Ints shape, std::uint64_t seed, double low = -2, double high = 2, double period = 1,
                     double gap = 0.05);
// Distinct values in random order, `step` apart: no ties for maxima.
model::Tensor distinct(Ints shape, std::uint64_t seed, double step = 0.25);
model::Tensor floats(Ints shape, std::vector<float> values);
model::Tensor ints(std::vector<std::int64_t> values);
model::Tensor ints(Ints shape, std::vector<std::int64_t> values);
model::Tensor bools(Ints shape, std::vector<bool> values);
model::Tensor scalar(float value);
model::Tensor scalar_int(std::int64_t value);
// Values converted to `type`, truncating.
model::Tensor as(model::DType type, const model::Tensor& tensor);

// The graph of a case that computes output `output` (0: the first).
model::Graph graph_of(const OperatorCase& one, std::size_t output = 0);

}  // namespace tributary::learn::testing
