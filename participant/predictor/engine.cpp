#include "participant/predictor/engine.h"

#include <utility>

#include "common/base/error.h"

namespace tributary::predictor {

namespace {

// Of one example; 0 where an axis besides the batch is not fixed.
std::size_t features_of(const model::ValueInfo& input) {
  std::size_t features = 1;
  for (std::size_t d = 1; d < input.shape.size(); ++d)
    features *= input.shape[d] < 0 ? 0 : static_cast<std::size_t>(input.shape[d]);
  return features;
}

}  // namespace

// One network, back in its place afterwards.
class Engine::Loan {
 public:
  explicit Loan(const Engine& engine) : engine_(engine) {
    const std::lock_guard lock(engine_.mutex_);
    if (engine_.idle_.empty()) return;
    network_ = std::move(engine_.idle_.back());
    engine_.idle_.pop_back();
  }
  ~Loan() {
    if (!network_) return;
    const std::lock_guard lock(engine_.mutex_);
    engine_.idle_.push_back(std::move(network_));
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  learn::Network& network() {
    TRIBUTARY_CHECK(network_ != nullptr);  // as many as inferences at a time
    return *network_;
  }

 private:
  const Engine& engine_;
  std::unique_ptr<learn::Network> network_;
};

Engine::Engine(const model::Graph& graph, const model::ParameterSet& values, unsigned networks, std::size_t max_batch)
    : input_(graph.example_input()), layout_(values.layout_ptr()) {
  if (graph.inputs.size() != 1)
    fail(Error::Kind::Unsupported, "model '" + graph.name + "' takes " + std::to_string(graph.inputs.size()) +
                                       " inputs; models of one input are served");
  if (graph.outputs.empty()) fail(Error::Kind::Malformed, "model '" + graph.name + "' has no output");
  output_ = graph.outputs.front();
  if (!input_.shape.empty()) input_.shape.front() = -1;
  for (unsigned i = 0; i < networks; ++i) idle_.push_back(learn::Network::compile(graph));
  const std::size_t features = features_of(input_);
  if (features == 0) return;  // an axis that only a request knows
  const std::vector<float> zeros(features * max_batch);
  for (const auto& network : idle_) {
    (void)network->predict(values, zeros, max_batch);
    output_.shape = network->predict(values, std::span(zeros).first(features), 1).shape;
  }
  output_.shape.front() = -1;
}

learn::Network::Output Engine::predict(const model::ParameterSet& values, std::span<const float> features,
                                       std::size_t examples) const {
  Loan loan(*this);
  return loan.network().predict(values, features, examples);
}

DeploymentPtr deploy(const model::Graph& graph, std::string version, unsigned networks, std::size_t max_batch) {
  auto deployment = std::make_shared<Deployment>();
  deployment->values = graph.parameters();
  deployment->engine = std::make_shared<Engine>(graph, deployment->values, networks, max_batch);
  deployment->version = std::move(version);
  return deployment;
}

}  // namespace tributary::predictor
