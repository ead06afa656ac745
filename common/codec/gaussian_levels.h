// common/codec/gaussian_levels.h (internal to codec and its tests)
//
// The scalar quantisers of least mean squared error for a standard normal variable (Max, "Quantizing for minimum
// distortion", 1960): 2^b levels, symmetric. A level is the mean of the values nearest to it; a threshold lies half-way
// between two levels.
#pragma once

#include <array>
#include <cstdint>

namespace tributary::codec {

inline constexpr unsigned kMaxLevelBits = 4;

// The positive levels of b bits, ascending: row b - 1 has 2^(b - 1) of them.
inline constexpr std::array<std::array<float, 8>, kMaxLevelBits> kGaussianLevels = {{
    {0.79788456F},
    {0.45278004F, 1.5104176F},
    {0.24509417F, 0.75600525F, 1.3439093F, 2.1519457F},
    {0.12839502F, 0.38804823F, 0.65675900F, 0.94234027F, 1.2562309F, 1.6180461F, 2.0690167F, 2.7325888F},
}};

// The thresholds between them: row b - 1 has 2^(b - 1) - 1.
inline constexpr std::array<std::array<float, 7>, kMaxLevelBits> kGaussianThresholds = [] {
  std::array<std::array<float, 7>, kMaxLevelBits> rows{};
  for (unsigned b = 0; b < kMaxLevelBits; ++b) {
    for (unsigned i = 0; i + 1 < (1u << b); ++i) rows[b][i] = (kGaussianLevels[b][i] + kGaussianLevels[b][i + 1]) / 2;
  }
  return rows;
}();

}  // namespace tributary::codec
