// coordinator/held_out.h
//
// The real Evaluator: runs models on held-out examples with LibTorch, which stays out of this header. The examples are
// loaded and the graph is compiled once.
#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/data/dataset.h"
#include "common/learn/network.h"
#include "common/model/graph.h"
#include "coordinator/evaluator.h"

namespace tributary::coordinator {

// Throws Unsupported when the graph cannot be run, Malformed when there are no examples. `clock` must outlive it.
std::unique_ptr<Evaluator> evaluate_on(const model::Graph& graph, data::View examples, learn::Loss loss,
                                       const Clock& clock);

}  // namespace tributary::coordinator
