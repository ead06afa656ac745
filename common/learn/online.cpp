#include "common/learn/online.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/error.h"

namespace tributary::learn {

namespace {

void check_range(double value, double low, double high, std::string_view key, std::string_view allowed) {
  if (!(value >= low && value <= high))
    fail(Error::Kind::Malformed,
         std::string(key) + " = " + std::to_string(value) + ": must be " + std::string(allowed));
}

// A probability that a logarithm can be taken of.
double at_least_tiny(double probability) {
  return std::max(probability, 1e-12);
}

}  // namespace

void check(const OnlinePlan& plan) {
  check_range(plan.learning_rate, 0, 1e6, "online.learning_rate", "at least 0");
  check_range(plan.hedge.beta, 1e-6, 1 - 1e-9, "online.beta", "above 0 and below 1");
  check_range(plan.hedge.floor, 0, 1, "online.floor", "at least 0 and at most 1");
  check_range(plan.boost, 1, 1000, "online.boost", "from 1 to 1000");
}

std::uint32_t largest_of(std::span<const float> row) {
  return static_cast<std::uint32_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

double loss_of_answers(Loss loss, std::span<const float> rows, std::span<const float> labels, std::size_t examples) {
  const std::size_t width = rows.size() / examples;
  double sum = 0;
  if (loss == Loss::CrossEntropy) {
    for (std::size_t e = 0; e < examples; ++e)
      sum -= std::log(at_least_tiny(rows[e * width + static_cast<std::size_t>(labels[e])]));
    return sum / static_cast<double>(examples);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double answer = rows[i], label = labels[i];
    sum += loss == Loss::MeanSquaredError
               ? (answer - label) * (answer - label)
               : -label * std::log(at_least_tiny(answer)) - (1 - label) * std::log(at_least_tiny(1 - answer));
  }
  return sum / static_cast<double>(rows.size());
}

OnlineLearner::OnlineLearner(ExitNetwork& network, model::ParameterSet& parameters, const OnlinePlan& plan,
                             std::uint64_t seed)
    : network_(network),
      parameters_(parameters),
      plan_(plan),
      step_size_(plan.schedule, plan.learning_rate),
      hedge_(network.exits(), plan.hedge),
      random_(seed, "online") {
  check(plan);
  if (const auto* alpha = network.alpha()) hedge_.set_logarithms(parameters.tensor(*alpha));
}

void OnlineLearner::mix() {
  const std::size_t values = answers_.examples * answers_.outputs;
  ensemble_.assign(values, 0.0f);
  for (std::size_t l = 0; l < answers_.exits; ++l) {
    const auto alpha = static_cast<float>(hedge_.alphas()[l]);
    const auto rows = answers_.of(l);
    for (std::size_t i = 0; i < values; ++i) ensemble_[i] += alpha * rows[i];
  }
}

std::span<const float> OnlineLearner::predict(std::span<const float> features, std::size_t examples) {
  network_.predict(parameters_, features, examples, plan_.loss, answers_);
  mix();
  return ensemble_;
}

double OnlineLearner::boost() const {
  if (!alarm_ || plan_.boost_examples == 0) return 1;
  const double since = static_cast<double>(examples_ - *alarm_) / plan_.boost_examples;
  return since >= 1 ? 1 : plan_.boost + (1 - plan_.boost) * since;
}

bool OnlineLearner::step(const Batch& batch, double weight) {
  const double scale = weight * boost();
  const auto alphas = hedge_.alphas();
  if (!step_size_.is_per_value())
    return network_.sgd_step(parameters_, batch, plan_.loss, alphas, static_cast<float>(step_size_.next() * scale),
                             random_, trained_);
  gradient_.resize(parameters_.layout().size());
  network_.gradient(parameters_, batch, plan_.loss, alphas, random_, trained_, gradient_);
  return std::all_of(trained_.losses.begin(), trained_.losses.end(), [](double l) { return std::isfinite(l); }) &&
         step_size_.step(parameters_.layout(), parameters_.values(), gradient_, scale);
}

bool OnlineLearner::learn(const Batch& batch, double weight) {
  const bool alike = network_.answers_alike();
  if (!alike) network_.predict(parameters_, batch.features, batch.examples, plan_.loss, answers_);
  if (!step(batch, weight)) return false;
  if (alike) {
    std::swap(answers_, trained_);
  } else {
    answers_.losses = trained_.losses;
  }
  mix();
  loss_ = loss_of_answers(plan_.loss, ensemble_, batch.labels, batch.examples);
  hedge_.update(answers_.losses, batch.examples);
  if (const auto* alpha = network_.alpha()) hedge_.get_logarithms(parameters_.tensor(*alpha));
  examples_ += batch.examples;
  return true;
}

void OnlineLearner::on_drift() {
  step_size_.restart();
  alarm_ = examples_;
}

}  // namespace tributary::learn
