// common/edge/central_training.h
//
// Training where the examples lie, with the trainer of the participants (learn/training.h): what `tributary-model
// train` does. A run is cut into epochs; the random stream of each is keyed by seed and epoch, and momentum starts from
// 0 in each, so a run that is resumed after any epoch gives the bits of one that was not interrupted.
// Functions of one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "common/base/clock.h"
#include "common/learn/training.h"
#include "common/model/graph.h"

namespace tributary::edge {

struct CentralPlan {
  learn::TrainingPlan training;   // `epochs` of it is the length of the whole run, max_steps that of one epoch
  std::uint64_t seed = 1;         // of the order of the examples, and of dropout
  std::uint32_t epochs_done = 0;  // by the run that this one goes on with
  std::uint32_t shift = 0;        // pixels that pictures are moved by at most, each epoch anew (augmentation.h)
};

struct EpochDone {
  std::uint32_t epoch = 0;   // from 1
  std::uint32_t epochs = 0;  // of the run
  learn::TrainingResult result;
};

struct TrainingWatch {
  // After each epoch, with the parameters as they are then; where checkpoints are written.
  std::function<void(const EpochDone&, const model::ParameterSet&)> epoch_done = {};
  // Before each step: the share of the run that is done, 0 to 1. True ends the run there.
  std::function<bool(double share)> step = {};
};

// Trains `parameters` in place. Returns the last epoch; nullopt when nothing was left to do. Ends early when a loss or
// parameter becomes inf or nan (result.finite says so). Throws Malformed for a plan out of range or examples that do
// not fit.
std::optional<EpochDone> train_centrally(learn::Network& network, model::ParameterSet& parameters,
                                         const data::View& examples, const CentralPlan& plan, const Clock& clock,
                                         const TrainingWatch& watch = {});

// Throws Malformed, naming the epoch and what to change, when the training ended there because it diverged.
void require_finite(const EpochDone& done);

// Where a run stands, kept in a model file's metadata ("tributary.training").
void set_epochs_done(model::Graph& graph, const CentralPlan& plan, std::uint32_t epochs);
// The epochs that a run with this plan has done on `graph`; 0 without such metadata. Throws Malformed when they were
// done with another seed.
std::uint32_t epochs_done(const model::Graph& graph, const CentralPlan& plan);

}  // namespace tributary::edge
