// coordinator/allowance.h
//
// How many messages a peer may send: so many at once, and again as time passes or as it is granted more (a token
// bucket). A value; one thread.
#pragma once

#include <algorithm>

#include "common/base/clock.h"

namespace tributary::coordinator {

class Allowance {
 public:
  // REQUIRES: both above 0.
  Allowance(double per_second, double burst) : per_second_(per_second), burst_(burst), left_(burst) {}

  // Whether one more is allowed. `now` never goes back.
  bool take(TimePoint now) {
    if (last_ != TimePoint()) left_ = std::min(std::max(burst_, left_), left_ + per_second_ * seconds(now - last_));
    last_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }
  // So many more, at most as many as could be taken at once beside those that are left of the burst.
  void grant(double count) { left_ = std::min(left_ + count, 2 * burst_); }

 private:
  double per_second_, burst_;
  double left_;
  TimePoint last_{};
};

}  // namespace tributary::coordinator
