// common/edge/training_screen.h
//
// What a training run shows: a row for each epoch, and on a terminal how far it is and how long it will take. Private
// to the room; main thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "common/base/clock.h"
#include "common/edge/central_training.h"
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

}  // namespace tributary::edge::program
