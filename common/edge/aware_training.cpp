#include "common/edge/aware_training.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/edge/folding.h"
#include "common/edge/learnt_ranges.h"

namespace tributary::edge {

namespace {

using learn::Batch;
using learn::BatchResult;
using learn::Loss;
using model::ParameterSet;

class Rounding final : public learn::Network {
 public:
  Rounding(std::unique_ptr<learn::Network> network, const WeightPlan& plan)
      : network_(std::move(network)), plan_(plan) {
    check(plan);
  }

  const model::LayoutPtr& layout() const override { return network_->layout(); }

  Output predict(const ParameterSet& parameters, std::span<const float> features, std::size_t examples) override {
    return network_->predict(rounded(parameters), features, examples);
  }
  BatchResult evaluate(const ParameterSet& parameters, const Batch& batch, Loss loss) override {
    return network_->evaluate(rounded(parameters), batch, loss);
  }
  BatchResult gradient(ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream& random,
                       std::span<float> gradient) override {
    ParameterSet& seen = rounded(parameters);
    const BatchResult result = network_->gradient(seen, batch, loss, random, gradient);
    for (const auto& spec : parameters.layout().tensors())
      if (spec.role == model::Role::State) std::ranges::copy(seen.tensor(spec), parameters.tensor(spec).begin());
    return result;
  }

 private:
  // In one place, so that a network that has bound its leaves to it need not do so again.
  ParameterSet& rounded(const ParameterSet& parameters) {
    const ParameterSet values = round_weights(parameters, plan_).values;
    if (rounded_.empty()) rounded_ = ParameterSet(parameters.layout_ptr());
    std::ranges::copy(values.values(), rounded_.values().begin());
    return rounded_;
  }

  std::unique_ptr<learn::Network> network_;
  WeightPlan plan_;
  ParameterSet rounded_;
};

using Ranges = std::map<std::string, Range>;

Ranges observed(model::Graph graph, const ParameterSet& parameters, const data::View& examples, const AwarePlan& plan) {
  const ParameterSet rounded = round_weights(parameters, plan.weights).values;
  graph.set_parameters(rounded);
  return calibrate(graph, examples, quantized_values(graph), plan.calibration);
}

void move_towards(Ranges& ranges, const Ranges& seen, double stays) {
  const auto mix = [&](float was, float is) {
    return static_cast<float>(stays * double{was} + (1 - stays) * double{is});
  };
  for (auto& [name, range] : ranges) {
    const Range& now = seen.at(name);
    range = {mix(range.low, now.low), mix(range.high, now.high)};
  }
}

void copy_by_name(const ParameterSet& from, ParameterSet& to) {
  for (const auto& spec : to.layout().tensors())
    std::ranges::copy(from.tensor(*from.layout().find(spec.name)), to.tensor(spec).begin());
}

// Trains parameters and ranges between calibrations.
void train_averaged(const model::Graph& folded, ParameterSet& parameters, Ranges& ranges, const data::View& examples,
                    const AwarePlan& plan, const Clock& clock, const TrainingWatch& watch) {
  const auto epochs = static_cast<std::uint32_t>(std::ceil(plan.training.training.epochs - 1e-9));
  TrainingWatch inner;
  bool stopped = false;
  inner.epoch_done = [&](const EpochDone& done, const ParameterSet& now) {
    if (watch.epoch_done) watch.epoch_done({done.epoch, epochs, done.result}, now);
  };
  for (std::uint32_t epoch = 0; epoch < epochs && !stopped; ++epoch) {
    inner.step = [&](double share) {
      stopped = watch.step && watch.step(share * (epoch + 1) / epochs);
      return stopped;
    };
    const auto network = rounding_network(learn::Network::compile(quantize_activations(folded, ranges)), plan.weights);
    TRIBUTARY_CHECK(network->layout()->digest() == parameters.layout().digest());
    CentralPlan part = plan.training;
    part.epochs_done = epoch;
    part.training.epochs = std::min<double>(epoch + 1, plan.training.training.epochs);
    const auto done = train_centrally(*network, parameters, examples, part, clock, inner);
    if (done) require_finite(*done);
    move_towards(ranges, observed(folded, parameters, examples, plan), plan.moving_average);
  }
}

// Trains parameters and ranges together.
void train_learnt(const model::Graph& folded, ParameterSet& parameters, Ranges& ranges, const data::View& examples,
                  const AwarePlan& plan, const Clock& clock, const TrainingWatch& watch) {
  const LearntRanges learnt = learn_ranges(folded, ranges);
  const auto network = step_network(rounding_network(learn::Network::compile(learnt.graph), plan.weights), learnt);
  ParameterSet all = learnt.graph.parameters();
  TrainingWatch inner{{}, watch.step};
  inner.epoch_done = [&](const EpochDone& done, const ParameterSet& now) {
    copy_by_name(now, parameters);
    if (watch.epoch_done) watch.epoch_done(done, parameters);
  };
  const auto last = train_centrally(*network, all, examples, plan.training, clock, inner);
  if (last) require_finite(*last);
  copy_by_name(all, parameters);
  ranges = ranges_of(learnt, all);
}

}  // namespace

std::unique_ptr<learn::Network> rounding_network(std::unique_ptr<learn::Network> network, const WeightPlan& plan) {
  return std::make_unique<Rounding>(std::move(network), plan);
}

model::Graph train_aware(const model::Graph& graph, const data::View& examples, const AwarePlan& plan,
                         const Clock& clock, const TrainingWatch& watch) {
  model::Graph folded = fold(graph);
  ParameterSet parameters = folded.parameters();
  Ranges ranges = observed(folded, parameters, examples, plan);
  const auto train = plan.ranges == AwarePlan::Ranges::Learnt ? train_learnt : train_averaged;
  train(folded, parameters, ranges, examples, plan, clock, watch);
  folded.set_parameters(parameters);
  return quantize_static(folded, ranges, plan.weights);
}

}  // namespace tributary::edge
