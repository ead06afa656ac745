// common/learn/eager.h
//
// The executor that runs every operator: one LibTorch call after the other, gradients by autograd. Another executor,
// made for the shapes of some models (planned.h), stands beside it behind Network::compile() and must agree with it.
#pragma once

#include <memory>

#include "common/learn/network.h"

namespace tributary::learn {

// `layout`, when given, is that of the graph that this one stands for (int8_fusion.h).
// Throws Unsupported or Malformed as Network::compile() does.
std::unique_ptr<Network> compile_eager(const model::Graph& graph, model::LayoutPtr layout = nullptr);

}  // namespace tributary::learn
