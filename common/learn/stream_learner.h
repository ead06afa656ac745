// common/learn/stream_learner.h
//
// A learner on a stream of labelled examples, from end to end: prepares the features, tests, keeps the prequential
// figures, learns when the label is known, watches for drift. Deterministic as OnlineLearner is.
//
// Life: see() for every example in order of time, and finish() once when no more will come. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/data/running_scale.h"
#include "common/learn/adwin.h"
#include "common/learn/online.h"
#include "common/learn/prequential.h"
#include "common/learn/steady_copy.h"

namespace tributary::learn {

struct StreamPlan {
  OnlinePlan online = {};
  std::uint32_t batch_size = 1;    // examples learnt in one step
  std::uint32_t label_delay = 0;   // examples that come between an example and its label
  bool standardize = true;         // each feature, by what came before (data::RunningScale)
  std::uint32_t scale_window = 0;  // examples of which it takes mean and deviation; 0 = all so far
  double scale = 1;                // what a deviation becomes then
  bool last_label = false;         // the last label known is one more feature
  double fading = 0.999;           // of the prequential figures
  AdwinRule drift = {};
  // Whose wrong answers the detector watches: a copy that follows the learner over so many examples (steady_copy.h), at
  // the price of a second answer to every example; 0 = the learner's own.
  std::uint32_t drift_memory = 5000;
};

// Throws Malformed naming the key of the first field out of range.
void check(const StreamPlan& plan);

class StreamLearner {
 public:
  // Examples of `features` values and of `classes` classes. `parameters` is learnt in place; it and `network` must
  // outlive the learner.
  StreamLearner(ExitNetwork& network, model::ParameterSet& parameters, std::size_t features, std::uint32_t classes,
                const StreamPlan& plan, std::uint64_t seed);

  struct Seen {
    std::uint32_t predicted = 0;
    bool drift = false;  // an alarm: the mean of wrong answers has risen
    bool finite = true;  // false: the learner is of no more use
  };
  // `weight` scales the step that the example takes part in (sample age). Throws Malformed when the model does not take
  // such examples, or has fewer outputs than there are classes. REQUIRES: the number of features said; a label below
  // `classes`.
  Seen see(std::span<const float> features, std::uint32_t label, double weight = 1.0);
  // Learns what waits for its label or for the rest of its batch. False as Seen::finite.
  bool finish();

  PrequentialFigures figures() const { return prequential_.figures(); }
  std::span<const double> alphas() const { return learner_.alphas(); }
  std::uint64_t examples() const { return prequential_.examples(); }
  // Examples that were tested when an alarm came.
  const std::vector<std::uint64_t>& drifts() const { return drifts_; }

  // What besides the parameters must survive a restart (state.h): scales, weights, step sizes, figures, what waits for
  // its label. Not the drift detector, which begins anew. load() throws Malformed when `state` is another learner's.
  Bytes save();
  void load(ByteSpan state);

 private:
  struct Waiting {
    std::vector<float> features;
    std::vector<float> ensemble;
    std::vector<std::uint32_t> exit_predicted;
    std::vector<float> exit_rows;
    std::optional<std::uint32_t> no_change, majority;
    std::uint32_t label = 0;
    double weight = 1;
    std::optional<bool> steady_wrong;

    template <class Archive>
    void visit(Archive& archive) {
      archive(features, ensemble, exit_predicted, exit_rows, no_change, majority, label, weight, steady_wrong);
    }
  };
  template <class Archive>
  void visit(Archive& archive) {
    archive(learner_, scale_, prequential_, baselines_, waiting_, batch_features_, batch_labels_, batch_weight_,
            drifts_);
  }

  std::span<const float> prepare(std::span<const float> features);
  void check_outputs(std::size_t outputs) const;
  Seen see_and_learn(std::span<const float> features, std::uint32_t label, double weight);
  // Takes in the oldest waiting example, whose label has come.
  Seen receive_label();
  bool learn_batch();
  // What the detector watches, before the example is learnt: is the answer wrong?
  std::optional<bool> watched(std::span<const float> features, std::uint32_t label);
  // Whether there was an alarm.
  bool note(const Tested& tested, std::optional<bool> steady_wrong);
  void predictions(const ExitAnswers& answers, std::vector<std::uint32_t>& predicted) const;

  StreamPlan plan_;
  std::size_t features_;
  std::uint32_t classes_;
  OnlineLearner learner_;
  data::RunningScale scale_;
  Prequential prequential_;
  Baselines baselines_;
  Adwin adwin_;
  SteadyCopy steady_;
  std::deque<Waiting> waiting_;
  std::vector<float> prepared_, batch_features_, batch_labels_;
  double batch_weight_ = 0;
  std::vector<std::uint32_t> exit_predicted_;
  std::vector<double> exit_losses_;
  std::vector<std::uint64_t> drifts_;
};

}  // namespace tributary::learn
