// common/learn/planned.h
//
// The executor for small feed-forward models: chains of dense layers, 2-d convolutions, max pooling and pointwise
// activations (chain.h says exactly which). Shapes and buffers are planned once and kept while the batches do not grow,
// gradients go straight to where they belong, and a plain SGD step needs no gradient arena at all. No LibTorch.
// The bits of a result depend on the batch, the parameters and the processor's instruction set, never on what ran
// before. Private to the room.
#pragma once

#include <memory>

#include "common/learn/kernels.h"
#include "common/learn/network.h"

namespace tributary::learn {

// Nullptr when the graph is not such a chain: the eager executor runs those, and names what it cannot run.
std::unique_ptr<Network> compile_planned(const model::Graph& graph, const Kernels& kernels = best_kernels());

}  // namespace tributary::learn
