// common/learn/online.h
//
// Online deep learning on a stream: test, then train, on each example or small batch as it comes, with the weights of
// the exits learnt beside (hedge.h). A graph with one exit is learnt by plain online gradient descent. Deterministic:
// the same parameters, plan, seed and examples give the same bits.
//
// Life: learn(), or predict() and later learn() where labels come late, any number of times; then the parameters are
// the caller's again. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/random.h"
#include "common/learn/exits.h"
#include "common/learn/hedge.h"
#include "common/learn/step_size.h"

namespace tributary::learn {

struct OnlinePlan {
  Loss loss = Loss::CrossEntropy;
  Schedule schedule = Schedule::Constant;
  double learning_rate = 0.05;
  HedgeRule hedge = {};
  // What follows an alarm of the drift detector (adwin.h): the schedule begins anew, and for `boost_examples` the rate
  // is `boost` times itself, falling to itself along a straight line.
  double boost = 1.0;
  std::uint32_t boost_examples = 1000;
};

// Throws Malformed naming the key ("online.learning_rate", ...) of the first field out of range.
void check(const OnlinePlan& plan);

class OnlineLearner {
 public:
  // Learns `parameters` in place. Where the graph keeps the exits' weights (ExitNetwork::alpha()), they are read from
  // there now and written back at every step. `network` and `parameters` must outlive the learner; the caller must not
  // change the values in between.
  OnlineLearner(ExitNetwork& network, model::ParameterSet& parameters, const OnlinePlan& plan, std::uint64_t seed);

  // What the ensemble says: sum over l of alpha_l f_l(x) (Sahoo et al. 2018, eq. 1), examples x outputs. Valid until
  // the next call. Throws Malformed when features do not fit.
  std::span<const float> predict(std::span<const float> features, std::size_t examples);
  // The same, and then a step: answers() and ensemble() are those before the step. `weight` scales the step (sample
  // age). False when a loss or a parameter became inf or nan: the learner is of no more use.
  bool learn(const Batch& batch, double weight = 1.0);

  const ExitAnswers& answers() const { return answers_; }
  std::span<const float> ensemble() const { return ensemble_; }
  // Loss of the ensemble, mean over the batch that was learnt last.
  double loss() const { return loss_; }
  std::span<const double> alphas() const { return hedge_.alphas(); }
  std::uint64_t examples() const { return examples_; }

  void on_drift();

  // All but the parameters and the random numbers of dropout; see state.h.
  template <class Archive>
  void visit(Archive& archive) {
    archive(step_size_, hedge_, examples_, alarm_);
  }

 private:
  void mix();
  bool step(const Batch& batch, double weight);
  double boost() const;

  ExitNetwork& network_;
  model::ParameterSet& parameters_;
  OnlinePlan plan_;
  StepSize step_size_;
  Hedge hedge_;
  RandomStream random_;
  ExitAnswers answers_, trained_;
  std::vector<float> ensemble_, gradient_;
  double loss_ = 0;
  std::uint64_t examples_ = 0;
  std::optional<std::uint64_t> alarm_;  // examples seen at the last one
};

// The first largest value of a row.
std::uint32_t largest_of(std::span<const float> row);

// Loss of answers as ExitAnswers has them: -log of the label's probability, and so on; mean over the rows.
double loss_of_answers(Loss loss, std::span<const float> rows, std::span<const float> labels, std::size_t examples);

}  // namespace tributary::learn
