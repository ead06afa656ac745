// common/edge/layers.h
//
// What each node of a model makes and costs, for one example: what `tributary-model inspect` lists as layers.
// Functions of any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/model/graph.h"

namespace tributary::edge {

struct LayerFacts {
  std::string name;
  std::string op;
  std::vector<std::int64_t> shape;  // of its first output, for a batch of one
  std::uint64_t parameters = 0;     // elements of the parameters and quantised weights that it is the first to read
  std::uint64_t bytes = 0;          // that they take in the file
  std::uint64_t multiply_adds = 0;  // Conv, Gemm and MatMul; 0 for others
  std::string output;               // name of its first output
};

// The nodes that the output depends on, in order, without those that only prepare constants (DequantizeLinear of a
// weight, Transpose of one): what these read counts as the reader's. The graph is run once, on zeros. Throws
// Unsupported when the input leaves more than the batch axis open, and what learn::Trace throws.
std::vector<LayerFacts> layers_of(const model::Graph& graph);

// Of all layers. Throws as layers_of() does.
std::uint64_t multiply_adds_of(const model::Graph& graph);

std::string as_table(const std::vector<LayerFacts>& layers);

}  // namespace tributary::edge
