// tests/learn/run_graph.h
//
// Runs a graph's program directly, below Network: any types, any shapes, no batch axis; and its gradients in float64.
// The one place of these tests that includes LibTorch.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/model/graph.h"

namespace tributary::learn::testing {

// The graph's first output for its first input.
model::Tensor run_graph(const model::Graph& graph, const model::Tensor& input);

// The largest difference, over all elements of `wanted` (the fed input and initialisers), between the gradient of a
// fixed random weighting of the outputs and its central difference, relative to the larger of 1 and the gradient. All
// floats of the graph are raised to float64 first.
double gradient_error(const model::Graph& graph, const model::Tensor& input, const std::vector<std::string>& wanted);

}  // namespace tributary::learn::testing
