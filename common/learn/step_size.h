// common/learn/step_size.h
//
// How far an online learner goes at step t: schedules for streams. One object serves one stream on one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/model/parameters.h"

namespace tributary::learn {

enum class Schedule : std::uint8_t {
  Constant,     // rate: follows a drifting stream
  InverseSqrt,  // rate / sqrt(t), t = 1, 2, ...: Zinkevich 2003, regret of order sqrt(T) on a stream without drift
  AdaGrad,      // rate / (sqrt(sum of squared gradients so far) + 1e-8), each value its own: Duchi et al. 2011
};

// "constant", "inverse_sqrt", "adagrad". Throws Malformed with the nearest name.
Schedule schedule_from(std::string_view name);
std::string_view name_of(Schedule schedule);

class StepSize {
 public:
  StepSize(Schedule schedule, double rate) : schedule_(schedule), rate_(rate) {}

  // Does every value have a rate of its own? Then step() moves the values, else next() says how far.
  bool is_per_value() const { return schedule_ == Schedule::AdaGrad; }
  // The rate of the next step, which is counted.
  double next();
  // values -= `scale` * the step against `gradient`, leaving out Role::State. False when a value became inf or nan.
  // REQUIRES: is_per_value(); spans of the layout's size, the same layout at each call.
  bool step(const model::ParameterLayout& layout, std::span<float> values, std::span<const float> gradient,
            double scale);
  // Begins anew, as if no step had been taken.
  void restart();

  template <class Archive>
  void visit(Archive& archive) {  // state.h
    archive(steps_, squares_);
  }

 private:
  Schedule schedule_;
  double rate_;
  std::uint64_t steps_ = 0;
  std::vector<float> squares_;
};

}  // namespace tributary::learn
