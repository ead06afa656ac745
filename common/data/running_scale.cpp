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

std::vector<double> RunningScale::save() const {
  std::vector<double> saved{static_cast<double>(count_)};
  saved.insert(saved.end(), mean_.begin(), mean_.end());
  saved.insert(saved.end(), spread_.begin(), spread_.end());
  return saved;
}

bool RunningScale::load(std::span<const double> saved) {
  const std::size_t features = mean_.size();
  if (saved.size() != 1 + 2 * features || saved[0] < 0) return false;
  if (!std::all_of(saved.begin(), saved.end(), [](double value) { return std::isfinite(value); })) return false;
  count_ = static_cast<std::uint64_t>(saved[0]);
  std::copy_n(saved.begin() + 1, features, mean_.begin());
  std::copy_n(saved.begin() + 1 + static_cast<std::ptrdiff_t>(features), features, spread_.begin());
  return true;
}

}  // namespace tributary::data
