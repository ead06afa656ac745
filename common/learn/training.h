// common/learn/training.h
//
// Local training: online gradient descent over a participant's examples; and evaluation. Deterministic: the same
// network, parameters, examples, plan and random stream give the same bits.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/data/dataset.h"
#include "common/learn/exits.h"
#include "common/learn/hedge.h"
#include "common/learn/network.h"

namespace tributary::learn {

// What a participant does in one round. Sent in the offer.
struct TrainingPlan {
  Loss loss = Loss::CrossEntropy;
  double learning_rate = 0.1;
  double learning_rate_decay = 1.0;  // multiplied in once per round: rate = learning_rate * decay^round
  double momentum = 0.0;             // heavy ball, from 0 at the start of the round
  double weight_decay = 0.0;         // L2, added to the gradient (as torch.optim.SGD)
  double clip_norm = 0.0;            // L2 norm that a step's gradient is scaled down to; 0 = off
  double proximal_mu = 0.0;          // FedProx (Li et al. 2020, eq. 2): adds mu * (w - w_received) to the gradient
  std::uint32_t batch_size = 10;     // 0 = all examples in one batch
  double epochs = 1.0;               // passes over the examples; a fraction ends a pass early
  std::uint32_t max_steps = 0;       // 0 = no limit
  double max_seconds = 0.0;          // 0 = no limit; a run that hits it is not reproducible
  // A stream: the examples in their order, once, whatever `epochs` says; each batch a test before it is learnt.
  bool online = false;
  HedgeRule hedge = {};  // online, a network of several exits
};

// Throws Malformed naming the key of the first field out of range.
void check(const TrainingPlan& plan);

struct TrainingResult {
  std::uint64_t examples = 0;  // examples seen, with repetition
  std::uint32_t steps = 0;
  double loss = 0;      // mean over the examples seen, each before its step
  double accuracy = 0;  // the same, for class labels
  double seconds = 0;
  bool finite = true;  // false: the loss or the parameters became inf or nan; training stopped there
};

// Trains `parameters` in place on `examples`, shuffled each pass by `random`. `stop`, when given, is asked before each
// step; true ends the training early (not an error).
TrainingResult train(Network& network, model::ParameterSet& parameters, const data::View& examples,
                     const TrainingPlan& plan, std::uint64_t round, RandomStream& random, const Clock& clock,
                     const std::function<bool()>& stop = {});

// The same for a network of several exits, by hedge backpropagation (online.h), with loss and accuracy of the ensemble.
// REQUIRES: plan.online.
TrainingResult train(ExitNetwork& network, model::ParameterSet& parameters, const data::View& examples,
                     const TrainingPlan& plan, std::uint64_t round, RandomStream& random, const Clock& clock,
                     const std::function<bool()>& stop = {});

struct Evaluation {
  double loss = 0;      // mean
  double accuracy = 0;  // correct / examples; 0 for MeanSquaredError
  std::uint64_t examples = 0;
  double seconds = 0;
};

// Mean loss and accuracy over `examples`, in batches of `batch_size`, in order.
Evaluation evaluate(Network& network, const model::ParameterSet& parameters, const data::View& examples, Loss loss,
                    const Clock& clock, std::uint32_t batch_size = 256);

}  // namespace tributary::learn
