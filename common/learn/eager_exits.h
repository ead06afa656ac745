// common/learn/eager_exits.h
//
// The executor of graphs of several exits that runs every operator, on LibTorch with autograd. The planned one
// (planned_exits.h) must agree with it. Private to the room.
#pragma once

#include <memory>

#include "common/learn/exits.h"

namespace tributary::learn {

// Throws as ExitNetwork::compile() does.
std::unique_ptr<ExitNetwork> compile_eager_exits(const model::Graph& graph);

}  // namespace tributary::learn
