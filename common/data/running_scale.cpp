#include "common/data/running_scale.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace tributary::data {

void RunningScale::add_and_scale(std::span<float> features) {
  TRIBUTARY_CHECK(features.size() == mean_.size());
  constexpr double kFarthest = 10;
  ++count_;
  const auto count = static_cast<double>(count_);
  for (std::size_t i = 0; i < features.size(); ++i) {
    const double before = features[i] - mean_[i];
    mean_[i] += before / count;
    const double after = features[i] - mean_[i];
    spread_[i] += before * after;
    const double deviation = std::sqrt(spread_[i] / count);
    features[i] = deviation > 0 ? static_cast<float>(std::clamp(after / deviation, -kFarthest, kFarthest)) : 0.0f;
  }
}

}  // namespace tributary::data
