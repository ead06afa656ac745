// participant/predictor/engine.h
//
// A compiled model and the values it is served with. An Engine outlives many Deployments: every new edge copy of a
// federation brings new values for the same model. Both immutable but for the engine's idle networks; any thread.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "common/learn/network.h"
#include "common/model/graph.h"
#include "common/model/parameters.h"

namespace tributary::predictor {

class Engine {
 public:
  // Compiles `networks` of the model, one for each inference at a time, and warms each up with batches of 1 and
  // `max_batch`. Throws Unsupported naming the operator or the second input, Malformed.
  Engine(const model::Graph& graph, const model::ParameterSet& values, unsigned networks, std::size_t max_batch);

  const model::ValueInfo& input() const { return input_; }
  const model::ValueInfo& output() const { return output_; }  // shape as it came out of the warm-up, first axis -1
  const model::LayoutPtr& layout() const { return layout_; }

  // Throws what Network::predict throws.
  learn::Network::Output predict(const model::ParameterSet& values, std::span<const float> features,
                                 std::size_t examples) const;

 private:
  class Loan;

  model::ValueInfo input_, output_;
  model::LayoutPtr layout_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<learn::Network>> idle_;
};

struct Deployment {
  std::shared_ptr<const Engine> engine;
  model::ParameterSet values;
  std::string version;
};
using DeploymentPtr = std::shared_ptr<const Deployment>;

// An engine and its first deployment from a model with its values.
DeploymentPtr deploy(const model::Graph& graph, std::string version, unsigned networks, std::size_t max_batch);

}  // namespace tributary::predictor
