#include "common/learn/training.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/error.h"
#include "common/learn/online.h"
#include "common/learn/sgd.h"

namespace tributary::learn {

namespace {

void check_range(double value, double low, double high, std::string_view key, std::string_view allowed) {
  if (!(value >= low && value <= high))
    fail(Error::Kind::Malformed,
         std::string(key) + " = " + std::to_string(value) + ": must be " + std::string(allowed));
}

// Rows of a data set, read batch by batch into buffers that are kept.
class BatchReader {
 public:
  explicit BatchReader(const data::View& examples) : dataset_(*examples.dataset) {}

  Batch read(std::span<const std::uint32_t> indices) {
    features_.resize(indices.size() * dataset_.feature_size());
    labels_.resize(indices.size() * dataset_.label_size());
    dataset_.read(indices, features_, labels_);
    return {features_, labels_, indices.size()};
  }

 private:
  const data::Dataset& dataset_;
  std::vector<float> features_, labels_;
};

// Indices of the view in a new order for each pass, cut into batches.
class BatchOrder {
 public:
  BatchOrder(const data::View& examples, const TrainingPlan& plan, RandomStream& random)
      : examples_(examples), random_(random), in_time_(plan.online) {
    const double passes = in_time_ ? 1 : plan.epochs;
    const auto total = std::ceil(passes * static_cast<double>(examples.size()) - 1e-6);
    remaining_ = static_cast<std::uint64_t>(std::max(total, 0.0));
    batch_ = plan.batch_size == 0 ? examples.size() : plan.batch_size;
  }

  // Empty when the plan's passes are over.
  std::span<const std::uint32_t> next() {
    if (remaining_ == 0) return {};
    if (at_ == pass_.size()) start_pass();
    const auto count = std::min<std::uint64_t>({batch_, pass_.size() - at_, remaining_});
    const auto batch = std::span(pass_).subspan(at_, count);
    at_ += count;
    remaining_ -= count;
    return batch;
  }

 private:
  void start_pass() {
    at_ = 0;
    if (in_time_) {
      pass_ = examples_.indices;
      return;
    }
    pass_ = random_.permutation(examples_.size());
    for (auto& index : pass_) index = examples_.indices[index];
  }

  const data::View& examples_;
  RandomStream& random_;
  bool in_time_;
  std::vector<std::uint32_t> pass_;
  std::size_t at_ = 0;
  std::uint64_t remaining_ = 0;
  std::uint64_t batch_ = 1;
};

SgdRule rule_of(const TrainingPlan& plan, std::uint64_t round) {
  return {plan.learning_rate * std::pow(plan.learning_rate_decay, static_cast<double>(round)), plan.momentum,
          plan.weight_decay, plan.proximal_mu, plan.clip_norm};
}

// Steps in the shortest way that network and rule allow.
class Stepper {
 public:
  Stepper(Network& network, model::ParameterSet& parameters, Loss loss, const SgdRule& rule)
      : network_(network),
        parameters_(parameters),
        loss_(loss),
        rate_(static_cast<float>(rule.learning_rate)),
        sgd_(parameters, rule) {
    const auto values = parameters.values();
    fused_ = rule.momentum == 0 && rule.weight_decay == 0 && rule.proximal_mu == 0 && rule.clip_norm == 0 &&
             std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  }

  Network::Step step(const Batch& batch, RandomStream& random) {
    if (fused_)
      if (const auto step = network_.sgd_step(parameters_, batch, loss_, rate_)) return *step;
    fused_ = false;
    gradient_.resize(parameters_.layout().size());
    const BatchResult result = network_.gradient(parameters_, batch, loss_, random, gradient_);
    return {result, std::isfinite(result.loss) && sgd_.step(parameters_.values(), gradient_)};
  }

 private:
  Network& network_;
  model::ParameterSet& parameters_;
  Loss loss_;
  float rate_;
  bool fused_ = false;
  Sgd sgd_;
  std::vector<float> gradient_;
};

// Sums over batches, and their means.
struct Tally {
  double loss = 0;
  std::uint64_t correct = 0;
  std::uint64_t examples = 0;

  void add(const BatchResult& result, std::size_t count) {
    loss += result.loss * static_cast<double>(count);
    correct += result.correct;
    examples += count;
  }
  double mean_loss() const { return examples == 0 ? 0 : loss / static_cast<double>(examples); }
  double accuracy() const { return examples == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(examples); }
};

}  // namespace

void check(const TrainingPlan& plan) {
  constexpr double kMany = 1e6;
  check_range(plan.learning_rate, 0, kMany, "training.learning_rate", "at least 0");
  check_range(plan.learning_rate_decay, 1e-6, 1, "training.learning_rate_decay", "above 0 and at most 1");
  check_range(plan.momentum, 0, 0.999999, "training.momentum", "at least 0 and below 1");
  check_range(plan.weight_decay, 0, kMany, "training.weight_decay", "at least 0");
  check_range(plan.clip_norm, 0, 1e30, "training.clip_norm", "at least 0");
  check_range(plan.proximal_mu, 0, kMany, "training.proximal_mu", "at least 0");
  check_range(plan.epochs, 1e-9, kMany, "training.epochs", "above 0 and at most 1000000");
  check_range(plan.hedge.beta, 1e-6, 1 - 1e-9, "training.hedge_beta", "above 0 and below 1");
  check_range(plan.hedge.floor, 0, 1, "training.hedge_floor", "at least 0 and at most 1");
  check_range(plan.max_seconds, 0, 1e9, "training.max_seconds", "at least 0");
}

TrainingResult train(Network& network, model::ParameterSet& parameters, const data::View& examples,
                     const TrainingPlan& plan, std::uint64_t round, RandomStream& random, const Clock& clock,
                     const std::function<bool()>& stop) {
  check(plan);
  const TimePoint start = clock.now();
  BatchReader reader(examples);
  BatchOrder order(examples, plan, random);
  Stepper stepper(network, parameters, plan.loss, rule_of(plan, round));
  TrainingResult result;
  Tally tally;
  const auto out_of_time = [&] { return plan.max_seconds > 0 && seconds(clock.now() - start) >= plan.max_seconds; };
  while (result.finite && (plan.max_steps == 0 || result.steps < plan.max_steps) && !out_of_time()) {
    if (stop && stop()) break;
    const auto indices = order.next();
    if (indices.empty()) break;
    const Network::Step step = stepper.step(reader.read(indices), random);
    tally.add(step.batch, indices.size());
    result.finite = step.finite;
    ++result.steps;
  }
  result.examples = tally.examples;
  result.loss = tally.mean_loss();
  result.accuracy = tally.accuracy();
  result.seconds = seconds(clock.now() - start);
  return result;
}

namespace {

std::uint32_t count_right(const OnlineLearner& learner, const Batch& batch) {
  const std::size_t width = learner.ensemble().size() / batch.examples;
  std::uint32_t right = 0;
  for (std::size_t e = 0; e < batch.examples; ++e)
    right += static_cast<float>(largest_of(learner.ensemble().subspan(e * width, width))) == batch.labels[e];
  return right;
}

}  // namespace

TrainingResult train(ExitNetwork& network, model::ParameterSet& parameters, const data::View& examples,
                     const TrainingPlan& plan, std::uint64_t round, RandomStream& random, const Clock& clock,
                     const std::function<bool()>& stop) {
  check(plan);
  TRIBUTARY_CHECK(plan.online);
  const TimePoint start = clock.now();
  BatchReader reader(examples);
  BatchOrder order(examples, plan, random);
  OnlinePlan online{.loss = plan.loss, .learning_rate = rule_of(plan, round).learning_rate, .hedge = plan.hedge};
  OnlineLearner learner(network, parameters, online, random.next_u64());
  TrainingResult result;
  Tally tally;
  const auto out_of_time = [&] { return plan.max_seconds > 0 && seconds(clock.now() - start) >= plan.max_seconds; };
  while (result.finite && (plan.max_steps == 0 || result.steps < plan.max_steps) && !out_of_time()) {
    if (stop && stop()) break;
    const auto indices = order.next();
    if (indices.empty()) break;
    const Batch batch = reader.read(indices);
    result.finite = learner.learn(batch);
    if (result.finite) tally.add({learner.loss(), count_right(learner, batch)}, indices.size());
    ++result.steps;
  }
  result.examples = tally.examples;
  result.loss = tally.mean_loss();
  result.accuracy = tally.accuracy();
  result.seconds = seconds(clock.now() - start);
  return result;
}

Evaluation evaluate(Network& network, const model::ParameterSet& parameters, const data::View& examples, Loss loss,
                    const Clock& clock, std::uint32_t batch_size) {
  TRIBUTARY_CHECK(batch_size > 0);
  const TimePoint start = clock.now();
  BatchReader reader(examples);
  Tally tally;
  const std::span indices(examples.indices);
  for (std::size_t at = 0; at < indices.size(); at += batch_size) {
    const auto batch = indices.subspan(at, std::min<std::size_t>(batch_size, indices.size() - at));
    tally.add(network.evaluate(parameters, reader.read(batch), loss), batch.size());
  }
  return {tally.mean_loss(), tally.accuracy(), tally.examples, seconds(clock.now() - start)};
}

}  // namespace tributary::learn
