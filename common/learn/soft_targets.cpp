#include "common/learn/soft_targets.h"

#include <algorithm>
#include <cmath>

namespace tributary::learn {

void soften(std::span<const float> scores, std::size_t width, double temperature, std::span<float> targets) {
  for (std::size_t at = 0; at < scores.size(); at += width) {
    const auto row = scores.subspan(at, width);
    const double top = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (const float score : row) sum += std::exp((double{score} - top) / temperature);
    for (std::size_t c = 0; c < width; ++c)
      targets[at + c] = static_cast<float>(std::exp((double{row[c]} - top) / temperature) / sum);
  }
}

double soft_loss(std::span<const float> scores, std::span<const float> targets, std::size_t width, double temperature,
                 std::span<float> slopes) {
  constexpr double kLeast = 1e-30;
  const double share = static_cast<double>(width) / static_cast<double>(scores.size());
  soften(scores, width, temperature, slopes);
  double loss = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double wanted = targets[i], given = slopes[i];
    if (wanted > 0) loss += wanted * std::log(wanted / std::max(given, kLeast));
    slopes[i] = static_cast<float>(share * temperature * (given - wanted));
  }
  return share * temperature * temperature * loss;
}

}  // namespace tributary::learn
