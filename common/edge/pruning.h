// common/edge/pruning.h
//
// Weights set to zero and kept there: which ones, and a network that trains around them. The shapes stay; structured
// pruning, which makes a graph smaller, is in shrinking.h.
// Functions of any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/learn/network.h"
#include "common/model/parameters.h"

namespace tributary::edge {

struct PruningPlan {
  enum class Choice : std::uint8_t {
    Magnitude,  // the smallest go (Han et al. 2015)
    Random,     // for comparison
  };
  enum class Scope : std::uint8_t {
    Layer,   // every weight tensor loses the same share
    Global,  // one threshold over all weights
  };
  Choice choice = Choice::Magnitude;
  Scope scope = Scope::Layer;
  double sparsity = 0.5;  // share of the weights that become zero, 0 <= sparsity < 1
  // n of every m neighbours along a weight's inputs stay, the largest (2:4 is what some processors multiply at twice
  // the speed); `sparsity` and `scope` do not matter then. 0: no pattern.
  std::uint32_t n = 0, m = 0;
  std::uint64_t seed = 1;  // of Choice::Random
};

// Throws Malformed naming what is out of range.
void check(const PruningPlan& plan);

// For each value of the arena: 1 stays, 0 is pruned. Only Role::Weight tensors are pruned.
using Mask = std::vector<std::uint8_t>;
// Exactly round(sparsity * weights) are 0, of each tensor or of all; of equal magnitudes those that come first. A
// pattern leaves a last group of fewer than m neighbours as it is. Throws Malformed as check() does.
Mask choose_mask(const model::ParameterSet& parameters, const PruningPlan& plan);

// Sets what the mask prunes to 0. REQUIRES: the mask has the arena's length.
void apply_mask(const Mask& mask, model::ParameterSet& parameters);

// Zeros / weights.
double sparsity_of(const model::ParameterSet& parameters);

// `network` whose gradient is 0 where the mask is, so that pruned weights stay 0 under any trainer. The mask may be
// changed between calls.
std::unique_ptr<learn::Network> masked_network(std::unique_ptr<learn::Network> network,
                                               std::shared_ptr<const Mask> mask);

}  // namespace tributary::edge
