#include "common/learn/sgd.h"

#include <bit>
#include <cmath>

#include "common/base/error.h"

namespace tributary::learn {

namespace {

// Nonzero when the value is inf or nan; integer work, so that the compiler may vectorise the loop around it.
std::uint32_t not_finite(float value) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  return (std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent;
}

struct Factors {
  float rate, momentum, decay, mu, scale;
};

// The four forms of a step; `Momentum` and `Proximal` decide which arrays are read.
template <bool kMomentum, bool kProximal>
std::uint32_t move(float* __restrict w, const float* __restrict g, float* __restrict v, const float* __restrict w0,
                   std::uint64_t count, const Factors& f) {
  const float rate = f.rate, momentum = f.momentum, decay = f.decay, mu = f.mu, scale = f.scale;
  std::uint32_t bad = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    float slope = g[i] * scale + decay * w[i];
    if constexpr (kProximal) slope += mu * (w[i] - w0[i]);
    if constexpr (kMomentum) slope = v[i] = momentum * v[i] + slope;
    w[i] -= rate * slope;
    bad |= not_finite(w[i]);
  }
  return bad;
}

}  // namespace

Sgd::Sgd(const model::ParameterSet& parameters, const SgdRule& rule) : rule_(rule) {
  for (const auto& spec : parameters.layout().tensors()) {
    if (spec.role == model::Role::State || spec.size == 0) continue;
    if (!trainable_.empty() && trainable_.back().end == spec.offset)
      trainable_.back().end += spec.size;
    else
      trainable_.push_back({spec.offset, spec.offset + spec.size});
  }
  const auto values = parameters.values();
  if (rule.momentum != 0) velocity_.assign(values.size(), 0.0f);
  if (rule.proximal_mu != 0) received_.assign(values.begin(), values.end());
}

double Sgd::norm(std::span<const float> gradient) const {
  double sum = 0;
  for (const Range& range : trainable_) {
    // Eight sums side by side: the order is fixed, and none waits for the one before.
    double part[8] = {};
    std::uint64_t i = range.begin;
    for (; i + 8 <= range.end; i += 8)
      for (unsigned lane = 0; lane < 8; ++lane) part[lane] += double{gradient[i + lane]} * double{gradient[i + lane]};
    for (; i < range.end; ++i) part[0] += double{gradient[i]} * double{gradient[i]};
    for (const double p : part) sum += p;
  }
  return std::sqrt(sum);
}

bool Sgd::step(std::span<float> values, std::span<const float> gradient) {
  double scale = 1.0;
  if (rule_.clip_norm > 0) {
    const double length = norm(gradient);
    if (length > rule_.clip_norm) scale = rule_.clip_norm / length;
  }
  const Factors f{static_cast<float>(rule_.learning_rate), static_cast<float>(rule_.momentum),
                  static_cast<float>(rule_.weight_decay), static_cast<float>(rule_.proximal_mu),
                  static_cast<float>(scale)};
  const bool momentum = !velocity_.empty(), proximal = !received_.empty();
  const auto kernel = momentum ? (proximal ? move<true, true> : move<true, false>)
                               : (proximal ? move<false, true> : move<false, false>);
  std::uint32_t bad = 0;
  for (const Range& range : trainable_)
    bad |= kernel(values.data() + range.begin, gradient.data() + range.begin,
                  momentum ? velocity_.data() + range.begin : nullptr,
                  proximal ? received_.data() + range.begin : nullptr, range.end - range.begin, f);
  return bad == 0;
}

}  // namespace tributary::learn
