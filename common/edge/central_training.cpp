#include "common/edge/central_training.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/augmentation.h"

namespace tributary::edge {

namespace {

constexpr const char* kKey = "tributary.training";

std::uint32_t epochs_of(const CentralPlan& plan) {
  return static_cast<std::uint32_t>(std::ceil(plan.training.epochs - 1e-9));
}

// How much of it epoch `index` (from 0) is.
double length_of(std::uint32_t index, const CentralPlan& plan) {
  return std::min(1.0, plan.training.epochs - static_cast<double>(index));
}

std::uint64_t steps_of(double epochs, std::uint32_t examples, const learn::TrainingPlan& plan) {
  const double batch = plan.batch_size == 0 ? examples : plan.batch_size;
  const auto steps = static_cast<std::uint64_t>(std::ceil(epochs * static_cast<double>(examples) / batch));
  return plan.max_steps == 0 ? steps : std::min<std::uint64_t>(steps, plan.max_steps);
}

}  // namespace

std::optional<EpochDone> train_centrally(learn::Network& network, model::ParameterSet& parameters,
                                         const data::View& examples, const CentralPlan& plan, const Clock& clock,
                                         const TrainingWatch& watch) {
  learn::check(plan.training);
  const std::uint32_t epochs = epochs_of(plan);
  std::optional<EpochDone> last;
  for (std::uint32_t epoch = plan.epochs_done; epoch < epochs; ++epoch) {
    learn::TrainingPlan part = plan.training;
    part.epochs = length_of(epoch, plan);
    RandomStream random({plan.seed, "central training", epoch, {}});
    const double steps = static_cast<double>(std::max<std::uint64_t>(1, steps_of(part.epochs, examples.size(), part)));
    double taken = 0;
    bool stopped = false;
    const auto stop = [&] {
      if (taken >= steps) return false;  // the last step of the epoch is done
      const double share = (static_cast<double>(epoch) + taken++ / steps) / static_cast<double>(epochs);
      stopped = watch.step && watch.step(share);
      return stopped;
    };
    const auto result = learn::train(network, parameters, shifted(examples, plan.shift, plan.seed, epoch), part, epoch,
                                     random, clock, stop);
    if (stopped) break;
    last = EpochDone{epoch + 1, epochs, result};
    if (watch.epoch_done) watch.epoch_done(*last, parameters);
    if (!result.finite) break;
  }
  return last;
}

void require_finite(const EpochDone& done) {
  if (!done.result.finite)
    fail(Error::Kind::Malformed, "training diverged: a loss or parameter became infinite in epoch " +
                                     std::to_string(done.epoch) + "; lower training.learning_rate");
}

void set_epochs_done(model::Graph& graph, const CentralPlan& plan, std::uint32_t epochs) {
  graph.metadata[kKey] = std::to_string(epochs) + " epochs, seed " + std::to_string(plan.seed);
}

std::uint32_t epochs_done(const model::Graph& graph, const CentralPlan& plan) {
  const auto found = graph.metadata.find(kKey);
  if (found == graph.metadata.end()) return 0;
  const auto words = split(found->second, ' ');
  const auto epochs = parse_int(words.front());
  constexpr std::int64_t kMost = 1'000'000;
  if (words.size() != 4 || !epochs || *epochs < 0 || *epochs > kMost)
    fail(Error::Kind::Malformed, "metadata " + std::string(kKey) + " of model '" + graph.name + "' is '" +
                                     found->second + "': not written by tributary-model");
  if (words[3] != std::to_string(plan.seed))
    fail(Error::Kind::Malformed, "model '" + graph.name + "' was trained with seed " + std::string(words[3]) +
                                     ": resume with --seed " + std::string(words[3]));
  return static_cast<std::uint32_t>(*epochs);
}

}  // namespace tributary::edge
