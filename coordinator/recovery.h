// coordinator/recovery.h
//
// From what a store holds back to what the run was. Blocks; before the run begins.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "coordinator/accumulator.h"
#include "coordinator/ensemble.h"
#include "coordinator/global_model.h"
#include "coordinator/spool.h"
#include "coordinator/store/run_store.h"

namespace tributary::coordinator {

// Refines the model of a round whose accepted updates, in whatever order, are these: as it was refined the first time.
using MakeAgain = std::function<void(std::uint64_t round, std::vector<Ensemble::Member> members,
                                     model::ParameterSet& global, const model::ParameterSet& start)>;

// Brings the models, as new, to the last published round: reads those saved, and makes the rounds since then again from
// their updates, refined by `refine` where there is one. `sum` is clear then. Throws Refused when the model is not the
// one that the run began with; Corrupt when something is missing or damaged, or when a round made again gives other
// models than it gave.
void recover_models(const store::RunStore& store, GlobalModel& models, Accumulator& sum, unsigned threads,
                    const MakeAgain& refine = {});

// The accepted updates of the unfinished round, as files; their order is that of acceptance.
std::vector<std::shared_ptr<Upload>> recover_uploads(const store::RunStore& store);

}  // namespace tributary::coordinator
