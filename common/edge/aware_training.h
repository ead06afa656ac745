// common/edge/aware_training.h
//
// Quantisation-aware training (Jacob et al. 2018): a model is trained through the rounding that its quantised form will
// have, so that it learns to bear it. Weights are rounded by the codec before every step and the gradient with respect
// to the rounded weights moves the float ones ("straight through", Bengio et al. 2013). Activations go through 256
// levels, whose ranges are moving averages of what is seen, or learnt (learnt_ranges.h).
// Functions of one thread.
#pragma once

#include <memory>
#include <optional>

#include "common/edge/calibration.h"
#include "common/edge/central_training.h"
#include "common/edge/quantization.h"

namespace tributary::edge {

// A network that sees the weights rounded as `plan` says wherever it is run, in training too; the parameters that it is
// given stay as they are but for batch statistics. So it trains by whatever trainer there is, with float32 weights.
// Throws Malformed when a weight is not finite.
std::unique_ptr<learn::Network> rounding_network(std::unique_ptr<learn::Network> network, const WeightPlan& plan);

struct AwarePlan {
  enum class Ranges : std::uint8_t {
    Averaged,  // between epochs, towards what calibration finds then
    Learnt,    // by gradient, with every step
  };
  WeightPlan weights;
  CentralPlan training;
  CalibrationPlan calibration;
  Ranges ranges = Ranges::Averaged;
  double moving_average = 0.5;  // share of the old range that stays, after each epoch (Averaged)
};

// Trains `graph`, folded, and gives it quantised (quantize_static()). The watch is shown the float32 parameters, in the
// layout of fold(graph). Throws Unsupported below opset 13, Malformed when training diverges, and what
// train_centrally() and calibrate() throw.
model::Graph train_aware(const model::Graph& graph, const data::View& examples, const AwarePlan& plan,
                         const Clock& clock, const TrainingWatch& watch = {});

}  // namespace tributary::edge
