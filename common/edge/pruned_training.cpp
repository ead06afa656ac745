#include "common/edge/pruned_training.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/codec/edge_copy.h"

namespace tributary::edge {

namespace {

using model::ParameterSet;
using Schedule = PrunedPlan::Schedule;

// One run of several legs: what the watch is told counts through all of them.
class Trainer {
 public:
  Trainer(const model::Graph& graph, ParameterSet& parameters, const data::View& examples, const PrunedPlan& plan,
          const Clock& clock, const TrainingWatch& watch)
      : mask_(std::make_shared<Mask>(parameters.values().size(), std::uint8_t{1})),
        network_(masked_network(learn::Network::compile(graph), mask_)),
        parameters_(parameters),
        examples_(examples),
        plan_(plan),
        clock_(clock),
        watch_(watch) {
    epochs_ = static_cast<std::uint32_t>(std::ceil(plan.training.training.epochs - 1e-9));
  }

  void one_shot() {
    prune(plan_.pruning.sparsity);
    train(0, epochs_, epochs_);
  }

  void gradual() {
    const std::uint32_t end = std::max<std::uint32_t>(1, epochs_ * 2 / 3);
    for (std::uint32_t epoch = 0; epoch < epochs_ && !stopped_; ++epoch) {
      prune(codec::cubic_sparsity(0, plan_.pruning.sparsity, 0, end, epoch + 1));
      train(epoch, epoch + 1, epochs_);
    }
  }

  void lottery() {
    const ParameterSet first = parameters_;
    train(0, epochs_, 2 * epochs_);
    if (stopped_) return;
    *mask_ = choose_mask(parameters_, plan_.pruning);
    std::ranges::copy(first.values(), parameters_.values().begin());
    apply_mask(*mask_, parameters_);
    past_ = epochs_;
    train(0, epochs_, 2 * epochs_);
  }

 private:
  void prune(double sparsity) {
    PruningPlan now = plan_.pruning;
    now.sparsity = sparsity;
    *mask_ = choose_mask(parameters_, now);
    apply_mask(*mask_, parameters_);
  }

  // Epochs [from, to); `all` is the length of the whole run.
  void train(std::uint32_t from, std::uint32_t to, std::uint32_t all) {
    CentralPlan part = plan_.training;
    part.epochs_done = from;
    part.training.epochs = std::min<double>(to, plan_.training.training.epochs);
    TrainingWatch inner;
    inner.step = [&](double share) {
      stopped_ = watch_.step && watch_.step((past_ + share * to) / all);
      return stopped_;
    };
    inner.epoch_done = [&](const EpochDone& done, const ParameterSet& now) {
      if (watch_.epoch_done && done.result.finite) watch_.epoch_done({past_ + done.epoch, all, done.result}, now);
    };
    const auto last = train_centrally(*network_, parameters_, examples_, part, clock_, inner);
    if (last) require_finite({past_ + last->epoch, last->epochs, last->result});
  }

  std::shared_ptr<Mask> mask_;
  std::unique_ptr<learn::Network> network_;
  ParameterSet& parameters_;
  const data::View& examples_;
  const PrunedPlan& plan_;
  const Clock& clock_;
  const TrainingWatch& watch_;
  std::uint32_t epochs_ = 0, past_ = 0;
  bool stopped_ = false;
};

}  // namespace

void train_pruned(const model::Graph& graph, ParameterSet& parameters, const data::View& examples,
                  const PrunedPlan& plan, const Clock& clock, const TrainingWatch& watch) {
  check(plan.pruning);
  learn::check(plan.training.training);
  Trainer trainer(graph, parameters, examples, plan, clock, watch);
  switch (plan.schedule) {
    case Schedule::OneShot:
      return trainer.one_shot();
    case Schedule::Gradual:
      if (plan.pruning.m != 0)
        fail(Error::Kind::Malformed, "a pattern n:m has no degrees: take the one-shot or the lottery schedule with it");
      return trainer.gradual();
    case Schedule::Lottery:
      return trainer.lottery();
  }
}

}  // namespace tributary::edge
