// common/learn/sgd.h
//
// Stochastic gradient descent over a flat arena, as torch.optim.SGD defines it, with gradient-norm clipping before and
// the FedProx term beside the weight decay. Every step is one pass. One object serves one training run on one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/model/parameters.h"

namespace tributary::learn {

struct SgdRule {
  double learning_rate = 0.1;
  double momentum = 0.0;      // velocity = momentum * velocity + gradient, from 0
  double weight_decay = 0.0;  // adds weight_decay * w to the gradient
  double proximal_mu = 0.0;   // adds proximal_mu * (w - w at construction)
  double clip_norm = 0.0;     // scales the gradient of the loss down to this L2 norm; 0 = off
};

class Sgd {
 public:
  // Starts from `parameters`; values of Role::State are never touched.
  Sgd(const model::ParameterSet& parameters, const SgdRule& rule);

  // Moves `values` against `gradient`, both in layout order. False when a value became inf or nan.
  // REQUIRES: both spans have the layout's size.
  bool step(std::span<float> values, std::span<const float> gradient);

 private:
  struct Range {
    std::uint64_t begin, end;
  };

  double norm(std::span<const float> gradient) const;

  SgdRule rule_;
  std::vector<Range> trainable_;  // neighbours joined
  std::vector<float> velocity_;   // empty without momentum
  std::vector<float> received_;   // empty without the proximal term
};

}  // namespace tributary::learn
