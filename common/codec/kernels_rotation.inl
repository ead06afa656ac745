// Included by each kernels_<set>.cpp after kernels_loops.inl: the loops of the rotated encoding.

using Eight = float __attribute__((vector_size(32), aligned(4), may_alias));

// The first three steps of the transform, within eight neighbours.
TRIBUTARY_TARGET inline void hadamard_eight(Eight& v) {
  const Eight one = __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
  v = one + v * Eight{1, -1, 1, -1, 1, -1, 1, -1};
  const Eight two = __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
  v = two + v * Eight{1, 1, -1, -1, 1, 1, -1, -1};
  const Eight four = __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
  v = four + v * Eight{1, 1, 1, 1, -1, -1, -1, -1};
}

TRIBUTARY_TARGET void hadamard(float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 8) hadamard_eight(*reinterpret_cast<Eight*>(x + i));
  for (std::size_t half = 8; half < n; half *= 2) {
    for (std::size_t i = 0; i < n; i += 2 * half) {
      float* __restrict low = x + i;
      float* __restrict high = x + i + half;
      for (std::size_t j = 0; j < half; ++j) {
        const float a = low[j], b = high[j];
        low[j] = a + b;
        high[j] = a - b;
      }
    }
  }
}

TRIBUTARY_TARGET void flip_signs(float* __restrict x, std::size_t n, const std::uint16_t* __restrict bits) {
  for (std::size_t i = 0; i < n; i += 16) {
    const std::uint32_t word = bits[i / 16];
    for (std::size_t j = 0; j < 16; ++j) {
      const std::uint32_t flip = (word >> j & 1u) << 31;
      x[i + j] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x[i + j]) ^ flip);
    }
  }
}

TRIBUTARY_TARGET void nearest_levels(float* __restrict x, std::size_t n, float unit, const float* __restrict thresholds,
                                     const float* __restrict levels, std::size_t positive,
                                     std::uint8_t* __restrict code) {
  for (std::size_t i = 0; i < n; ++i) {
    const float y = x[i] * unit;
    const float size = y < 0 ? -y : y;
    std::uint32_t level = 0;
    float value = levels[0];
    for (std::size_t k = 1; k < positive; ++k) {
      const bool above = size > thresholds[k - 1];
      level += above ? 1u : 0u;
      value = above ? levels[k] : value;
    }
    const bool negative = y < 0;
    code[i] = static_cast<std::uint8_t>(level | (negative ? static_cast<std::uint32_t>(positive) : 0u));
    x[i] = negative ? -value : value;
  }
}

TRIBUTARY_TARGET double dot(const float* __restrict a, const float* __restrict b, std::size_t n) {
  constexpr std::size_t kLanes = 8;
  double lanes[kLanes] = {};
  for (std::size_t i = 0; i < n; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l)
      lanes[l] += static_cast<double>(a[i + l]) * static_cast<double>(b[i + l]);
  }
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

TRIBUTARY_TARGET void scale_by(float* __restrict x, std::size_t n, float factor) {
  for (std::size_t i = 0; i < n; ++i) x[i] *= factor;
}
