// coordinator/server_optimizer.h
//
// How the aggregated update moves the global model (Reddi et al. 2021, "Adaptive Federated Optimization", with SGD and
// heavy-ball momentum as server optimiser: FedAvg and FedAvgM, Hsu et al. 2019). One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/model/parameters.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

class ServerOptimizer {
 public:
  ServerOptimizer(model::LayoutPtr layout, const ServerRule& rule);

  // velocity = momentum * velocity + update; values += learning_rate * velocity. Role::State values move by the update
  // itself, whatever the rule. REQUIRES: spans of the layout's size.
  void apply(std::span<float> values, std::span<const float> update);
  // The same for the part of the update that begins at `first`; parts that do not overlap may be applied at a time.
  void apply(std::span<float> values, std::uint64_t first, std::span<const float> part);

  // What it remembers from one update to the next; empty without momentum.
  const std::vector<float>& velocity() const { return velocity_; }
  // REQUIRES: of velocity()'s size.
  void restore(std::vector<float> velocity);

 private:
  model::LayoutPtr layout_;
  ServerRule rule_;
  std::vector<float> velocity_;  // empty without momentum
};

}  // namespace tributary::coordinator
