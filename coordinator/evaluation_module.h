// coordinator/evaluation_module.h
//
// Central evaluation and distillation need LibTorch, whose libraries alone take 150 MB of memory and half a second to
// load. So they live in a module beside the program, tributary-evaluation.so, which is loaded when one of them is
// configured and not before.
#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/data/dataset.h"
#include "common/model/graph.h"
#include "coordinator/distillation.h"
#include "coordinator/evaluator.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

// evaluate_on() of held_out.h, out of the module. `loss` as learn::loss_from takes it. Throws Unavailable when the
// module cannot be loaded, what evaluate_on and learn::loss_from throw. `clock` must outlive it.
std::unique_ptr<Evaluator> load_evaluator(const model::Graph& graph, data::View examples, const std::string& loss,
                                          const Clock& clock);

// distil_on() of distillation.h, out of the module. Throws Unavailable when the module cannot be loaded, and what
// distil_on throws. What distil_on needs to outlive it must.
std::unique_ptr<Distiller> load_distiller(const model::Graph& graph, data::View examples, const Settings& settings,
                                          Files& files, std::unique_ptr<StudentPlace> student);

// What the module exports under the name kEvaluatorEntry: load_evaluator, its result owned by the caller.
using EvaluatorEntry = Evaluator*(const model::Graph& graph, data::View& examples, const std::string& loss,
                                  const Clock& clock);
inline constexpr const char* kEvaluatorEntry = "tributary_make_evaluator";

// The same of load_distiller, under the name kDistillerEntry.
using DistillerEntry = Distiller*(const model::Graph& graph, data::View& examples, const Settings& settings,
                                  Files& files, std::unique_ptr<StudentPlace>& student);
inline constexpr const char* kDistillerEntry = "tributary_make_distiller";

}  // namespace tributary::coordinator
