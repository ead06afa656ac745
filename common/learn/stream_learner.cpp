#include "common/learn/stream_learner.h"

#include <algorithm>
#include <string>

#include "common/base/error.h"
#include "common/learn/state.h"

namespace tributary::learn {

namespace {

void check_range(double value, double low, double high, std::string_view key, std::string_view allowed) {
  if (!(value >= low && value <= high))
    fail(Error::Kind::Malformed,
         std::string(key) + " = " + std::to_string(value) + ": must be " + std::string(allowed));
}

}  // namespace

void check(const StreamPlan& plan) {
  check(plan.online);
  if (plan.online.loss != Loss::CrossEntropy)
    fail(Error::Kind::Unsupported, "unsupported: a stream is learnt with the loss cross_entropy");
  check_range(plan.batch_size, 1, 1e6, "online.batch_size", "from 1 to 1000000");
  check_range(plan.label_delay, 0, 1e6, "stream.label_delay", "from 0 to 1000000");
  check_range(plan.scale, 1e-6, 1e6, "stream.scale", "above 0 and at most 1000000");
  check_range(plan.fading, 1e-6, 1, "online.fading", "above 0 and at most 1");
  check_range(plan.drift.delta, 1e-12, 1, "drift.delta", "above 0 and at most 1");
}

StreamLearner::StreamLearner(ExitNetwork& network, model::ParameterSet& parameters, std::size_t features,
                             std::uint32_t classes, const StreamPlan& plan, std::uint64_t seed)
    : plan_(plan),
      features_(features),
      classes_(classes),
      learner_(network, parameters, plan.online, seed),
      scale_(features, plan.scale_window),
      prequential_(plan.fading),
      adwin_(plan.drift),
      steady_(network, parameters, plan.drift_memory) {
  check(plan);
}

// The label comes centred, as the features do: classes become -1 to 1.
std::span<const float> StreamLearner::prepare(std::span<const float> features) {
  prepared_.assign(features.begin(), features.end());
  if (plan_.standardize) scale_.add_and_scale(prepared_);
  const auto scale = static_cast<float>(plan_.scale);
  for (float& value : prepared_) value *= scale;
  if (plan_.last_label) {
    const auto label = static_cast<float>(baselines_.no_change().value_or(0));
    prepared_.push_back(scale * (2 * label / static_cast<float>(std::max(classes_, 2u) - 1) - 1));
  }
  return prepared_;
}

void StreamLearner::check_outputs(std::size_t outputs) const {
  if (outputs < classes_)
    fail(Error::Kind::Malformed, "the stream has " + std::to_string(classes_) + " classes, the model " +
                                     std::to_string(outputs) + " outputs: give a model with as many");
}

void StreamLearner::predictions(const ExitAnswers& answers, std::vector<std::uint32_t>& predicted) const {
  predicted.clear();
  for (std::size_t l = 0; l < answers.exits; ++l) predicted.push_back(largest_of(answers.of(l, 0)));
}

std::optional<bool> StreamLearner::watched(std::span<const float> features, std::uint32_t label) {
  if (!steady_.exists()) return std::nullopt;
  return steady_.predict(features, plan_.online.loss, learner_.alphas()) != label;
}

bool StreamLearner::note(const Tested& tested, std::optional<bool> steady_wrong) {
  prequential_.add(tested);
  baselines_.learn(tested.label);
  if (adwin_.add(steady_wrong.value_or(tested.predicted != tested.label) ? 1.0 : 0.0) != Change::Rise) return false;
  // What the window still holds from before the change would only sound the same alarm again.
  adwin_ = Adwin(plan_.drift);
  steady_.catch_up();
  drifts_.push_back(prequential_.examples());
  learner_.on_drift();
  return true;
}

StreamLearner::Seen StreamLearner::see(std::span<const float> features, std::uint32_t label, double weight) {
  const auto prepared = prepare(features);
  if (plan_.label_delay == 0 && plan_.batch_size == 1) return see_and_learn(prepared, label, weight);
  Waiting example;
  const auto said = learner_.predict(prepared, 1);
  check_outputs(said.size());
  example.features.assign(prepared.begin(), prepared.end());
  example.ensemble.assign(said.begin(), said.end());
  predictions(learner_.answers(), example.exit_predicted);
  example.exit_rows = learner_.answers().rows;
  example.no_change = baselines_.no_change();
  example.majority = baselines_.majority();
  example.label = label;
  example.weight = weight;
  example.steady_wrong = watched(prepared, label);
  const std::uint32_t predicted = largest_of(said);
  waiting_.push_back(std::move(example));
  if (waiting_.size() <= plan_.label_delay) return {predicted};
  Seen seen = receive_label();
  seen.predicted = predicted;
  return seen;
}

// Test and training share the forward pass.
StreamLearner::Seen StreamLearner::see_and_learn(std::span<const float> features, std::uint32_t label, double weight) {
  const auto value = static_cast<float>(label);
  const Batch batch{features, std::span(&value, 1), 1};
  const auto steady_wrong = watched(features, label);
  if (!learner_.learn(batch, weight)) return {0, false, false};
  check_outputs(learner_.ensemble().size());
  predictions(learner_.answers(), exit_predicted_);
  const std::uint32_t predicted = largest_of(learner_.ensemble());
  const bool drift = note({label, predicted, learner_.loss(), baselines_.no_change(), baselines_.majority(),
                           exit_predicted_, learner_.answers().losses},
                          steady_wrong);
  steady_.follow();
  return {predicted, drift, true};
}

StreamLearner::Seen StreamLearner::receive_label() {
  Waiting example = std::move(waiting_.front());
  waiting_.pop_front();
  const auto value = static_cast<float>(example.label);
  const std::span<const float> labels(&value, 1);
  const std::size_t outputs = example.ensemble.size();
  exit_losses_.clear();
  for (std::size_t at = 0; at < example.exit_rows.size(); at += outputs)
    exit_losses_.push_back(
        loss_of_answers(plan_.online.loss, std::span(example.exit_rows).subspan(at, outputs), labels, 1));
  Seen seen;
  seen.predicted = largest_of(example.ensemble);
  seen.drift = note({example.label, seen.predicted, loss_of_answers(plan_.online.loss, example.ensemble, labels, 1),
                     example.no_change, example.majority, example.exit_predicted, exit_losses_},
                    example.steady_wrong);
  batch_features_.insert(batch_features_.end(), example.features.begin(), example.features.end());
  batch_labels_.push_back(value);
  batch_weight_ += example.weight;
  if (batch_labels_.size() == plan_.batch_size) seen.finite = learn_batch();
  return seen;
}

bool StreamLearner::learn_batch() {
  if (batch_labels_.empty()) return true;
  const std::size_t count = batch_labels_.size();
  const bool finite =
      learner_.learn({batch_features_, batch_labels_, count}, batch_weight_ / static_cast<double>(count));
  for (std::size_t i = 0; i < count; ++i) steady_.follow();
  batch_features_.clear();
  batch_labels_.clear();
  batch_weight_ = 0;
  return finite;
}

bool StreamLearner::finish() {
  while (!waiting_.empty())
    if (!receive_label().finite) return false;
  return learn_batch();
}

Bytes StreamLearner::save() {
  ByteWriter out;
  StateWriter writer(out);
  visit(writer);
  return out.take();
}

void StreamLearner::load(ByteSpan state) {
  const std::size_t exits = learner_.alphas().size();
  ByteReader in(state, "a learner's state");
  StateReader reader(in);
  visit(reader);
  in.expect_end();
  if (!scale_.fits(features_) || learner_.alphas().size() != exits)
    fail(Error::Kind::Malformed,
         "the state is that of a learner of other features, another stream.scale_window or another model");
  steady_.catch_up();
}

}  // namespace tributary::learn
