#include "common/learn/prequential.h"

#include <algorithm>

#include "common/base/error.h"

namespace tributary::learn {

namespace {

void count(std::vector<std::uint64_t>& counts, std::uint32_t value) {
  if (counts.size() <= value) counts.resize(value + std::size_t{1});
  ++counts[value];
}

}  // namespace

void Baselines::learn(std::uint32_t label) {
  count(counts_, label);
  last_ = label;
  if (!most_ || counts_[label] > counts_[*most_]) most_ = label;
}

void Prequential::add(const Tested& tested) {
  const bool correct = tested.predicted == tested.label;
  ++examples_;
  correct_ += correct;
  loss_ += tested.loss;
  faded_accuracy_.add(correct, fading_);
  faded_loss_.add(tested.loss, fading_);
  no_change_correct_ += tested.no_change == tested.label;
  majority_correct_ += tested.majority == tested.label;
  count(labels_, tested.label);
  count(predictions_, tested.predicted);
  if (examples_ == 1) {
    exit_correct_.assign(tested.exit_predicted.size(), 0);
    exit_loss_.assign(tested.exit_losses.size(), 0);
  }
  TRIBUTARY_CHECK(tested.exit_predicted.size() == exit_correct_.size() &&
                  tested.exit_losses.size() == exit_loss_.size());
  for (std::size_t i = 0; i < exit_correct_.size(); ++i) exit_correct_[i] += tested.exit_predicted[i] == tested.label;
  for (std::size_t i = 0; i < exit_loss_.size(); ++i) exit_loss_[i] += tested.exit_losses[i];
}

// Chance is that of two independent draws with the frequencies of labels and of predictions (Cohen 1960).
double Prequential::kappa() const {
  const auto total = static_cast<double>(examples_);
  double chance = 0;
  for (std::size_t c = 0; c < std::min(labels_.size(), predictions_.size()); ++c)
    chance += static_cast<double>(labels_[c]) / total * static_cast<double>(predictions_[c]) / total;
  return chance >= 1 ? 0 : (static_cast<double>(correct_) / total - chance) / (1 - chance);
}

PrequentialFigures Prequential::figures() const {
  PrequentialFigures figures;
  figures.examples = examples_;
  if (examples_ == 0) return figures;
  const auto total = static_cast<double>(examples_);
  const auto share = [&](std::uint64_t part) { return static_cast<double>(part) / total; };
  figures.accuracy = share(correct_);
  figures.fading_accuracy = faded_accuracy_.mean();
  figures.loss = loss_ / total;
  figures.fading_loss = faded_loss_.mean();
  figures.kappa = kappa();
  figures.no_change = share(no_change_correct_);
  figures.majority = share(majority_correct_);
  for (const auto correct : exit_correct_) figures.exit_accuracy.push_back(share(correct));
  for (const double loss : exit_loss_) figures.exit_loss.push_back(loss / total);
  if (!exit_loss_.empty()) {
    const auto best = std::min_element(exit_loss_.begin(), exit_loss_.end());
    figures.best_exit = static_cast<std::uint32_t>(best - exit_loss_.begin());
    figures.regret_loss = loss_ - *best;
  }
  if (!exit_correct_.empty())
    figures.regret_errors = static_cast<double>(*std::max_element(exit_correct_.begin(), exit_correct_.end())) -
                            static_cast<double>(correct_);
  return figures;
}

}  // namespace tributary::learn
