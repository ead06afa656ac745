// common/learn/planned_exits.h
//
// The planned executor for graphs of several exits: a trunk of layers, each exit a chain of its own (chain.h, Tree).
// A step at batch 1 is products of a row with matrices and nothing else, so its cost is that of reading and writing
// the weights. Private to the room.
#pragma once

#include <memory>

#include "common/learn/exits.h"
#include "common/learn/kernels.h"

namespace tributary::learn {

// Nullptr when the graph is not such a tree.
std::unique_ptr<ExitNetwork> compile_planned_exits(const model::Graph& graph, const Kernels& kernels = best_kernels());

}  // namespace tributary::learn
