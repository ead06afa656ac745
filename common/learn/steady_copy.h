// common/learn/steady_copy.h
//
// A copy of a learner that follows it slowly: the average of its parameters over about the last so many examples. The
// learner itself forgets a change within a few hundred examples, before a detector has seen enough wrong answers to be
// sure; the copy goes on answering as before the change. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/learn/exits.h"

namespace tributary::learn {

class SteadyCopy {
 public:
  // Both must outlive the copy. `memory`: examples; 0 = there is no copy.
  SteadyCopy(ExitNetwork& network, const model::ParameterSet& parameters, std::uint32_t memory)
      : network_(network), parameters_(parameters), memory_(memory) {}

  bool exists() const { return memory_ > 0; }
  // The class that the copy's exits, weighted by `alphas`, answer. REQUIRES: exists().
  std::uint32_t predict(std::span<const float> features, Loss loss, std::span<const double> alphas);
  // The learner has learnt another example.
  void follow();
  // The copy becomes what the learner is now.
  void catch_up();

 private:
  static constexpr std::uint32_t kStride = 32;  // examples between two moves

  ExitNetwork& network_;
  const model::ParameterSet& parameters_;
  std::uint32_t memory_;
  model::ParameterSet average_;
  std::uint64_t examples_ = 0;  // since the last catch_up()
  ExitAnswers answers_;
  std::vector<float> mixed_;
};

}  // namespace tributary::learn
