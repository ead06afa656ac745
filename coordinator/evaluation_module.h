// coordinator/evaluation_module.h
//
// Central evaluation needs LibTorch, whose libraries alone take 150 MB of memory and half a second to load. So it lives
// in a module beside the program, tributary-evaluation.so, which is loaded when evaluation is configured and not
// before.
#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/data/dataset.h"
#include "common/model/graph.h"
#include "coordinator/evaluator.h"

namespace tributary::coordinator {

// evaluate_on() of held_out.h, out of the module. `loss` as learn::loss_from takes it. Throws Unavailable when the
// module cannot be loaded, what evaluate_on and learn::loss_from throw. `clock` must outlive it.
std::unique_ptr<Evaluator> load_evaluator(const model::Graph& graph, data::View examples, const std::string& loss,
                                          const Clock& clock);

// What the module exports under the name kEvaluatorEntry: load_evaluator, its result owned by the caller.
using EvaluatorEntry = Evaluator*(const model::Graph& graph, data::View& examples, const std::string& loss,
                                  const Clock& clock);
inline constexpr const char* kEvaluatorEntry = "tributary_make_evaluator";

}  // namespace tributary::coordinator
