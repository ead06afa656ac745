// common/codec/fixed_point.h
//
// The exact arithmetic of aggregation: contributions are 64-bit integers in units of 2^-40, so sums do not depend on
// order, threads or restarts.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

namespace tributary::codec {

inline constexpr int kFractionBits = 40;
inline constexpr double kUnit = 0x1p40;

// An update with a value of larger magnitude is refused.
inline constexpr float kMaxMagnitude = 512.0F;
// Contributions that one sum can hold without overflow: (2^63 - 1) / (512 * 2^40), rounded down.
inline constexpr std::uint64_t kMaxContributions = (std::uint64_t{1} << 14) - 1;

// Round half to even. A float32 value v coded as scale * q contributes to_fixed of the float32 product
// float(scale * q); the product weight * v is taken in double, which every kernel does in the same way.
// REQUIRES: |value| <= kMaxMagnitude, 0 < weight <= 1.
inline std::int64_t to_fixed(double weight, float value) {
  return std::llrint(weight * kUnit * static_cast<double>(value));
}

// out[i] = from_fixed(sum[i]) / weight, rounded to float32, on whatever the processor has.
void mean_of(std::span<const std::int64_t> sum, double weight, std::span<float> out);

inline double from_fixed(std::int64_t sum) {
  return static_cast<double>(sum) / kUnit;
}

}  // namespace tributary::codec
