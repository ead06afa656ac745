// common/data/running_scale.h
//
// Standardises features as they come: by the mean and the deviation of all that came before and the present one
// (Welford 1962), for nothing later is known. A value; one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tributary::data {

class RunningScale {
 public:
  explicit RunningScale(std::size_t features) : mean_(features), spread_(features) {}

  // Takes the example in, then shifts and scales it in place, to at most 10 deviations on either side. A feature that
  // never changed becomes 0. REQUIRES: as many values as features.
  void add_and_scale(std::span<float> features);

  // What add_and_scale() has learnt, for a state that survives a restart (common/learn/state.h).
  template <class Archive>
  void visit(Archive& archive) {
    archive(count_, mean_, spread_);
  }
  std::size_t features() const { return mean_.size(); }

 private:
  std::uint64_t count_ = 0;
  std::vector<double> mean_, spread_;  // spread: sum of squared distances from the mean
};

}  // namespace tributary::data
