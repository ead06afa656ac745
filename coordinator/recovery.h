// coordinator/recovery.h
//
// From what a store holds back to what the run was. Blocks; before the run begins.
#pragma once

#include <memory>
#include <vector>

#include "coordinator/accumulator.h"
#include "coordinator/global_model.h"
#include "coordinator/spool.h"
#include "coordinator/store/run_store.h"

namespace tributary::coordinator {

// Brings the models, as new, to the last published round: reads those saved, and makes the rounds since then again from
// their updates. `sum` is clear then. Throws Refused when the model is not the one that the run began with; Corrupt
// when something is missing or damaged, or when a round made again gives other models than it gave.
void recover_models(const store::RunStore& store, GlobalModel& models, Accumulator& sum, unsigned threads);

// The accepted updates of the unfinished round, as files; their order is that of acceptance.
std::vector<std::shared_ptr<Upload>> recover_uploads(const store::RunStore& store);

}  // namespace tributary::coordinator
