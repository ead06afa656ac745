// common/data/running_scale.h
//
// Standardises features as they come, for nothing later is known: by the mean and the deviation of all that came before
// and the present one (Welford 1962), or of the latest ones alone, the present one among them. A window as long as a
// cycle of the data, a day say, takes out the level that wanders and the cycle's part in it. A value; one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tributary::data {

class RunningScale {
 public:
  // `window`: how many examples count, which are kept; 0 = all.
  explicit RunningScale(std::size_t features, std::uint32_t window = 0)
      : window_(window), mean_(features), spread_(features) {}

  // Takes the example in, then shifts and scales it in place, to at most 10 deviations on either side. A feature that
  // has not changed becomes 0. REQUIRES: as many values as features.
  void add_and_scale(std::span<float> features);

  // What add_and_scale() has learnt, for a state that survives a restart (common/learn/state.h).
  template <class Archive>
  void visit(Archive& archive) {
    archive(count_, mean_, spread_, kept_);
  }
  // Is what was read there of so many features, and of this window?
  bool fits(std::size_t features) const;

 private:
  void add(std::span<const float> features);
  void add_to_window(std::span<const float> features);
  void sum_up();

  std::uint32_t window_;
  std::uint64_t count_ = 0;            // of examples so far
  std::vector<double> mean_, spread_;  // spread: sum of squared distances from the mean
  std::vector<float> kept_;            // the window: a ring of rows, example n at n % window
};

}  // namespace tributary::data
