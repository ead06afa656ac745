#include "common/learn/step_size.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "common/base/error.h"
#include "common/base/text.h"

namespace tributary::learn {

namespace {

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names{"constant", "inverse_sqrt", "adagrad"};
  return names;
}

// Integer work at the end, so that the compiler may vectorise.
std::uint32_t descend(float* __restrict value, float* __restrict square, const float* __restrict gradient,
                      std::size_t count, float rate) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    square[i] += gradient[i] * gradient[i];
    value[i] -= rate * gradient[i] / (std::sqrt(square[i]) + 1e-8f);
    bad |= (std::bit_cast<std::uint32_t>(value[i]) & kExponent) == kExponent;
  }
  return bad;
}

}  // namespace

Schedule schedule_from(std::string_view name) {
  const auto& names = schedule_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<Schedule>(found - names.begin());
  const auto meant = nearest(name, names);
  fail(Error::Kind::Malformed,
       "unknown step-size schedule '" + std::string(name) + "'" +
           (meant ? "; did you mean '" + *meant + "'?" : ": must be constant, inverse_sqrt or adagrad"));
}

std::string_view name_of(Schedule schedule) {
  return schedule_names().at(static_cast<std::size_t>(schedule));
}

double StepSize::next() {
  ++steps_;
  return schedule_ == Schedule::InverseSqrt ? rate_ / std::sqrt(static_cast<double>(steps_)) : rate_;
}

bool StepSize::step(const model::ParameterLayout& layout, std::span<float> values, std::span<const float> gradient,
                    double scale) {
  TRIBUTARY_CHECK(is_per_value() && values.size() == layout.size() && gradient.size() == layout.size());
  squares_.resize(layout.size(), 0.0f);
  ++steps_;
  const auto rate = static_cast<float>(rate_ * scale);
  std::uint32_t bad = 0;
  for (const auto& spec : layout.tensors())
    if (spec.role != model::Role::State)
      bad |= descend(values.data() + spec.offset, squares_.data() + spec.offset, gradient.data() + spec.offset,
                     spec.size, rate);
  return bad == 0;
}

void StepSize::restart() {
  steps_ = 0;
  std::fill(squares_.begin(), squares_.end(), 0.0f);
}

}  // namespace tributary::learn
