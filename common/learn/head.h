// common/learn/head.h
//
// What a graph ends in, and what that means for a loss. Shared by the executors; no LibTorch.
#pragma once

#include <cstdint>

#include "common/learn/network.h"
#include "common/model/graph.h"

namespace tributary::learn {

// How the numbers that a loss is computed from relate to the graph's output.
enum class Head { Plain, Softmax, LogSoftmax, Sigmoid };

// The head that `node`, the last but Identity, makes. Softmax and LogSoftmax only where they normalise the last axis,
// or columns of a matrix.
Head head_of(const model::Node& node, std::int64_t opset);

// True when `loss` is computed from what the head takes, false when from what it gives. Throws Unsupported when the
// loss cannot be computed from a model that ends in `head`.
bool takes_logits(Loss loss, Head head);

}  // namespace tributary::learn
