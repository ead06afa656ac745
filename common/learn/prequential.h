// common/learn/prequential.h
//
// Prequential evaluation (Dawid 1984; Gama et al. 2013): every example is a test before it is learnt. Accuracy and loss
// over all examples and with a fading factor, Cohen's kappa, what two trivial predictors would have reached on the same
// stream, and the regret against the best single exit. Values; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tributary::learn {

// Answers without a model: the last label, and the most frequent one so far.
class Baselines {
 public:
  void learn(std::uint32_t label);
  // Nullopt before the first label.
  std::optional<std::uint32_t> no_change() const { return last_; }
  std::optional<std::uint32_t> majority() const { return most_; }

  template <class Archive>
  void visit(Archive& archive) {  // state.h
    archive(counts_, last_, most_);
  }

 private:
  std::vector<std::uint64_t> counts_;
  std::optional<std::uint32_t> last_, most_;
};

// One example, as it was tested.
struct Tested {
  std::uint32_t label = 0;
  std::uint32_t predicted = 0;
  double loss = 0;
  std::optional<std::uint32_t> no_change, majority;  // what the baselines said at that time
  std::span<const std::uint32_t> exit_predicted = {};
  std::span<const double> exit_losses = {};
};

struct PrequentialFigures {
  std::uint64_t examples = 0;
  double accuracy = 0;
  double fading_accuracy = 0;
  double loss = 0;
  double fading_loss = 0;
  double kappa = 0;                    // (accuracy - chance) / (1 - chance); 0 where chance is certain
  double no_change = 0, majority = 0;  // their accuracies
  std::vector<double> exit_accuracy, exit_loss;
  std::uint32_t best_exit = 0;  // the one of the least cumulative loss, from 0
  // Cumulative loss (wrong answers) less that of the exit with the least of it; below 0 where the ensemble was better.
  double regret_loss = 0;
  double regret_errors = 0;
};

class Prequential {
 public:
  // `fading` in (0, 1]: the weight of an example falls by this factor with each later one.
  explicit Prequential(double fading = 0.999) : fading_(fading) {}

  // REQUIRES: as many exits as before.
  void add(const Tested& tested);
  PrequentialFigures figures() const;
  std::uint64_t examples() const { return examples_; }

  template <class Archive>
  void visit(Archive& archive) {  // state.h
    archive(examples_, correct_, no_change_correct_, majority_correct_, loss_, faded_accuracy_, faded_loss_, labels_,
            predictions_, exit_correct_, exit_loss_);
  }

 private:
  struct Fading {
    double sum = 0, weight = 0;
    template <class Archive>
    void visit(Archive& archive) {
      archive(sum, weight);
    }
    void add(double value, double factor) {
      sum = sum * factor + value;
      weight = weight * factor + 1;
    }
    double mean() const { return weight == 0 ? 0 : sum / weight; }
  };

  double kappa() const;

  double fading_;
  std::uint64_t examples_ = 0, correct_ = 0, no_change_correct_ = 0, majority_correct_ = 0;
  double loss_ = 0;
  Fading faded_accuracy_, faded_loss_;
  std::vector<std::uint64_t> labels_, predictions_;  // by class
  std::vector<std::uint64_t> exit_correct_;
  std::vector<double> exit_loss_;
};

}  // namespace tributary::learn
