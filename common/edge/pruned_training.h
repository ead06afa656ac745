// common/edge/pruned_training.h
//
// Pruning with retraining: pruned weights stay 0 while the others learn to do without them.
// Functions of one thread.
#pragma once

#include "common/edge/central_training.h"
#include "common/edge/pruning.h"

namespace tributary::edge {

struct PrunedPlan {
  enum class Schedule : std::uint8_t {
    OneShot,  // prunes, then trains
    Gradual,  // prunes more before each epoch of the first two thirds, along a cubic (Zhu & Gupta 2017); the mask is
              // chosen anew each time
    Lottery,  // trains, prunes, takes the weights that stay back to what they were in the beginning, and trains again
              // (Frankle & Carbin 2019); twice the epochs
  };
  PruningPlan pruning;
  CentralPlan training;
  Schedule schedule = Schedule::Gradual;
};

// Trains `parameters` in place to the plan's sparsity. Throws Malformed for a plan out of range, for a pattern n:m with
// the gradual schedule, and when training diverges.
void train_pruned(const model::Graph& graph, model::ParameterSet& parameters, const data::View& examples,
                  const PrunedPlan& plan, const Clock& clock, const TrainingWatch& watch = {});

}  // namespace tributary::edge
