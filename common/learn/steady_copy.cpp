#include "common/learn/steady_copy.h"

#include <algorithm>

#include "common/learn/online.h"

namespace tributary::learn {

std::uint32_t SteadyCopy::predict(std::span<const float> features, Loss loss, std::span<const double> alphas) {
  if (average_.empty()) catch_up();
  network_.predict(average_, features, 1, loss, answers_);
  mixed_.assign(answers_.outputs, 0.0f);
  for (std::size_t l = 0; l < answers_.exits; ++l) {
    const auto row = answers_.of(l);
    for (std::size_t i = 0; i < mixed_.size(); ++i) mixed_[i] += static_cast<float>(alphas[l]) * row[i];
  }
  return largest_of(mixed_);
}

// A plain mean until the memory is full, a fading one from then on.
void SteadyCopy::follow() {
  if (memory_ == 0 || ++examples_ % kStride != 0) return;
  const auto seen = static_cast<float>(std::min<std::uint64_t>(examples_, memory_));
  const float share = std::min(static_cast<float>(kStride) / seen, 1.0f);
  if (average_.empty()) return catch_up();
  const auto now = parameters_.values();
  const auto average = average_.values();
  for (std::size_t i = 0; i < now.size(); ++i) average[i] += share * (now[i] - average[i]);
}

void SteadyCopy::catch_up() {
  if (memory_ == 0) return;
  average_ = parameters_;
  examples_ = 0;
}

}  // namespace tributary::learn
