#include "common/data/running_scale.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace tributary::data {

void RunningScale::add_and_scale(std::span<float> features) {
  TRIBUTARY_CHECK(features.size() == mean_.size());
  constexpr double kFarthest = 10;
  constexpr double kResolution = 1e-7;  // of a float: a deviation below it is rounding
  if (window_ == 0)
    add(features);
  else
    add_to_window(features);
  const auto count = static_cast<double>(window_ == 0 ? count_ : std::min<std::uint64_t>(count_, window_));
  for (std::size_t i = 0; i < features.size(); ++i) {
    const double deviation = std::sqrt(std::max(spread_[i], 0.0) / count);
    const double least = window_ == 0 ? 0 : kResolution * std::abs(mean_[i]);
    features[i] = deviation > least
                      ? static_cast<float>(std::clamp((features[i] - mean_[i]) / deviation, -kFarthest, kFarthest))
                      : 0;
  }
}

bool RunningScale::fits(std::size_t features) const {
  return mean_.size() == features && spread_.size() == features &&
         kept_.size() == std::min<std::uint64_t>(count_, window_) * features;
}

void RunningScale::add(std::span<const float> features) {
  ++count_;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const double before = features[i] - mean_[i];
    mean_[i] += before / static_cast<double>(count_);
    spread_[i] += before * (features[i] - mean_[i]);
  }
}

void RunningScale::add_to_window(std::span<const float> features) {
  const std::size_t width = features.size();
  const std::size_t at = count_++ % window_ * width;
  const bool fills = at == kept_.size();
  if (fills) kept_.resize(at + width);
  const std::span row = std::span(kept_).subspan(at, width);
  const auto rows = static_cast<double>(kept_.size() / std::max<std::size_t>(width, 1));
  for (std::size_t i = 0; i < width; ++i) {
    const double gone = fills ? mean_[i] : row[i];
    const double mean = mean_[i] + (features[i] - gone) / rows;
    spread_[i] += (features[i] - gone) * (features[i] - mean + gone - mean_[i]);
    mean_[i] = mean;
  }
  std::ranges::copy(features, row.begin());
  if (at == 0) sum_up();
}

// What is taken off a sum leaves its rounding behind: once in a window both are made anew.
void RunningScale::sum_up() {
  const std::size_t width = mean_.size();
  const auto rows = static_cast<double>(kept_.size()) / static_cast<double>(width);
  std::ranges::fill(mean_, 0);
  std::ranges::fill(spread_, 0);
  for (std::size_t at = 0; at < kept_.size(); ++at) mean_[at % width] += kept_[at] / rows;
  for (std::size_t at = 0; at < kept_.size(); ++at) {
    const double distance = kept_[at] - mean_[at % width];
    spread_[at % width] += distance * distance;
  }
}

}  // namespace tributary::data
