// common/edge/folding.h
//
// The same function in fewer nodes: what a model that is only predicted with does not need. Exact up to the rounding of
// float32 (the tests hold 1e-5).
// Functions of any thread.
#pragma once

#include <cstddef>

#include "common/model/graph.h"

namespace tributary::edge {

struct FoldReport {
  std::size_t normalizations = 0;  // BatchNormalization folded into the Conv or Gemm before it
  std::size_t constants = 0;       // nodes that did not depend on the input
  std::size_t passing = 0;         // Identity and Dropout
  std::size_t unused = 0;          // nodes that no output depends on
};

// `graph` for inference (inference_graph.h) with
//   - Identity and Dropout left out,
//   - nodes that depend on no input computed once (learn::constant_values() says which),
//   - BatchNormalization y = a (x - mean) + shift, a = scale / sqrt(variance + epsilon), folded into the Conv or Gemm
//     that makes x for it alone: weights of each output channel times a, bias (bias - mean) a + shift. A weight that
//     another node reads too is copied first,
//   - nodes and initialisers that no output depends on removed.
// The layout changes. Throws Unsupported as inference_graph() does.
model::Graph fold(const model::Graph& graph, FoldReport* report = nullptr);

}  // namespace tributary::edge
