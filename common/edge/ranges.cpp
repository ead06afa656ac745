#include "common/edge/ranges.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "common/base/error.h"
#include "common/base/text.h"

namespace tributary::edge {

namespace {

constexpr std::size_t kBins = 8192;
constexpr int kLevels = 256;

const std::array<std::pair<std::string_view, Calibration>, 4> kNames{{{"min_max", Calibration::MinMax},
                                                                      {"percentile", Calibration::Percentile},
                                                                      {"mse", Calibration::Mse},
                                                                      {"entropy", Calibration::Entropy}}};

}  // namespace

Calibration calibration_from(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& [text, calibration] : kNames) {
    if (text == name) return calibration;
    known.emplace_back(text);
  }
  const auto meant = nearest(name, known);
  fail(Error::Kind::Malformed,
       "unknown calibration '" + std::string(name) + "'" +
           (meant ? "; did you mean '" + *meant + "'?" : "; known: min_max, percentile, mse, entropy"));
}

std::string_view name_of(Calibration calibration) {
  for (const auto& [text, one] : kNames)
    if (one == calibration) return text;
  return "";
}

Levels levels_of(const Range& range) {
  const double low = std::min(0.0F, range.low), high = std::max(0.0F, range.high);
  const double scale = (high - low) / (kLevels - 1);
  if (!(scale > std::numeric_limits<float>::min())) return {};
  return {static_cast<float>(scale),
          static_cast<std::uint8_t>(std::clamp(std::nearbyint(-low / scale), 0.0, double{kLevels - 1}))};
}

Histogram::Histogram() : bins_(kBins) {}

double Histogram::centre(std::size_t bin) const {
  return ((static_cast<double>(bin) + 0.5) * 2 / kBins - 1) * bound_;
}

std::size_t Histogram::bin_of(double value) const {
  const double place = (value / bound_ + 1) * kBins / 2;
  return static_cast<std::size_t>(std::clamp(place, 0.0, double{kBins - 1}));
}

void Histogram::add(std::span<const float> values) {
  float low = low_, high = high_;
  bool finite = true;
  for (const float value : values) {
    finite = finite && std::isfinite(value);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (!finite) fail(Error::Kind::Malformed, "a value is infinite or not a number");
  low_ = low;
  high_ = high;
  widen(std::max(-low, high));
  seen_ += values.size();
  if (bound_ == 0) return;
  const double per = kBins / 2 / bound_;
  for (const float value : values) {
    const auto place = static_cast<std::size_t>((double{value} + bound_) * per);
    ++bins_[std::min(place, kBins - 1)];
  }
}

// Twice the bound: two bins become one, towards the middle.
void Histogram::widen(float magnitude) {
  if (magnitude == 0) return;
  if (bound_ == 0) {
    bound_ = std::exp2(std::ceil(std::log2(double{magnitude})));
    // Only zeros so far.
    bins_[kBins / 2] = seen_;
  }
  while (bound_ < double{magnitude}) {
    std::vector<std::uint64_t> wider(kBins);
    for (std::size_t i = 0; i < kBins; ++i) wider[kBins / 4 + i / 2] += bins_[i];
    bins_ = std::move(wider);
    bound_ *= 2;
  }
}

Range Histogram::percentile(double kept) const {
  const double outside = static_cast<double>(seen_) * (1 - kept) / 2;
  const auto walk = [&](auto begin, auto end) {
    double passed = 0;
    std::size_t steps = 0;
    for (auto bin = begin; bin != end && passed + static_cast<double>(*bin) <= outside; ++bin, ++steps)
      passed += static_cast<double>(*bin);
    return steps;
  };
  const std::size_t below = walk(bins_.begin(), bins_.end()), above = walk(bins_.rbegin(), bins_.rend());
  const double width = 2 * bound_ / kBins;
  return {std::max(low_, static_cast<float>(-bound_ + width * static_cast<double>(below))),
          std::min(high_, static_cast<float>(bound_ - width * static_cast<double>(above)))};
}

// The range between the smallest and largest value, shrunk to the factor that costs least.
template <class Cost>
Range Histogram::best_shrunk(Cost cost) const {
  constexpr int kSteps = 96;
  Range best{low_, high_};
  double least = cost(best);
  for (int step = kSteps - 1; step >= kSteps / 12; --step) {
    const float factor = static_cast<float>(step) / kSteps;
    const Range tried{low_ * factor, high_ * factor};
    const double costs = cost(tried);
    if (costs < least) {
      least = costs;
      best = tried;
    }
  }
  return best;
}

double Histogram::squared_error(const Range& range) const {
  const Levels levels = levels_of(range);
  double sum = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    if (bins_[i] == 0) continue;
    const double value = centre(i);
    const double level =
        std::clamp(std::nearbyint(value / double{levels.scale}) + levels.zero, 0.0, double{kLevels - 1});
    const double error = value - double{levels.scale} * (level - levels.zero);
    sum += static_cast<double>(bins_[i]) * error * error;
  }
  return sum;
}

double Histogram::divergence(const Range& range) const {
  const std::size_t first = bin_of(range.low), last = bin_of(range.high);
  const std::size_t count = last - first + 1;
  if (count < kLevels) return std::numeric_limits<double>::infinity();
  // The distribution before: what is outside stands at the edges.
  std::vector<double> before(bins_.begin() + static_cast<std::ptrdiff_t>(first),
                             bins_.begin() + static_cast<std::ptrdiff_t>(last + 1));
  // Zero is a level of every range: how often it was seen says nothing about them.
  if (const std::size_t zero = bin_of(0); zero >= first && zero <= last) before[zero - first] = 0;
  const std::vector<double> inside = before;
  for (std::size_t i = 0; i < first; ++i) before.front() += static_cast<double>(bins_[i]);
  for (std::size_t i = last + 1; i < kBins; ++i) before.back() += static_cast<double>(bins_[i]);
  double total = 0, total_inside = 0;
  for (const double share : before) total += share;
  for (const double share : inside) total_inside += share;
  if (total_inside == 0) return std::numeric_limits<double>::infinity();
  // After: a level's mass, spread evenly over those of its bins that held something.
  double sum = 0;
  for (std::size_t level = 0; level < kLevels; ++level) {
    const std::size_t begin = level * count / kLevels, end = (level + 1) * count / kLevels;
    double mass = 0, filled = 0;
    for (std::size_t i = begin; i < end; ++i) {
      mass += inside[i];
      filled += inside[i] > 0 ? 1 : 0;
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (before[i] <= 0) continue;
      constexpr double kUnseen = 0.1;  // values: what a place is worth where none was seen
      const double after = inside[i] > 0 ? mass / filled / total_inside : kUnseen / total;
      sum += before[i] / total * std::log(before[i] / total / after);
    }
  }
  return sum;
}

Range Histogram::range(Calibration calibration, double kept) const {
  TRIBUTARY_CHECK(seen_ > 0);
  if (bound_ == 0) return {};
  switch (calibration) {
    case Calibration::MinMax:
      break;
    case Calibration::Percentile:
      return percentile(kept);
    case Calibration::Mse:
      return best_shrunk([this](const Range& range) { return squared_error(range); });
    case Calibration::Entropy:
      return best_shrunk([this](const Range& range) { return divergence(range); });
  }
  return {low_, high_};
}

}  // namespace tributary::edge
