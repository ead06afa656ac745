// common/edge/training_screen.h
//
// What a training run shows: a row for each epoch, and on a terminal how far it is and how long it will take. Private
// to the room; main thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "common/base/clock.h"
#include "common/data/source.h"
#include "common/edge/central_training.h"
#include "common/options/keys.h"
#include "common/options/terminal.h"

namespace tributary::edge::program {

class TrainingScreen {
 public:
  // Shows what `held_out` finds after each epoch, where it is given. References must outlive the screen.
  using HeldOut = std::function<learn::Evaluation(const model::ParameterSet&)>;
  TrainingScreen(std::ostream& out, options::Terminal terminal, const Clock& clock, HeldOut held_out);

  // Never asks to stop.
  bool step(double share);
  void epoch(const EpochDone& done, const model::ParameterSet& parameters);
  void note(const std::string& text) { table_.note(text); }

 private:
  const Clock& clock_;
  HeldOut held_out_;
  options::LiveTable table_;
  TimePoint begun_;
  double first_share_ = -1;  // where this run began; below 0: not yet
  TimePoint shown_{};
};

// A training as every command shows it: clock, table, and the watch that fills it.
class ShownTraining {
 public:
  // After each epoch `network` is run on the examples that `held_out` names, where `keys` has any. References must
  // outlive it.
  ShownTraining(const options::Keys& keys, const data::DataSource& held_out, learn::Network& network, learn::Loss loss);

  const Clock& clock() const { return clock_; }
  void note(const std::string& text) { screen_.note(text); }
  // Shows every epoch whose values are finite; `after` comes behind that. The object must outlive the watch.
  using EpochDoneWith = std::function<void(const EpochDone&, const model::ParameterSet&)>;
  TrainingWatch watch(EpochDoneWith after = {});

 private:
  SystemClock clock_;
  TrainingScreen screen_;
};

}  // namespace tributary::edge::program
