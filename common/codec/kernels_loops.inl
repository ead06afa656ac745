// Included by each kernels_<set>.cpp inside its own anonymous namespace, with TRIBUTARY_TARGET set to the attribute
// that names the instruction set. Plain loops that compilers vectorise; the arithmetic is that of IEEE 754 one
// operation at a time, so the width of the registers does not show in the results.

// Adding and subtracting it rounds a float of magnitude below 2^22 half to even.
inline constexpr float kRoundFloat = 0x1.8p23F;
// The same for doubles below 2^51; the integer then is the difference of the bits.
inline constexpr double kRoundDouble = 0x1.8p52;

TRIBUTARY_TARGET inline Magnitude magnitude_of(float x) {
  return std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFu;
}

TRIBUTARY_TARGET Magnitude max_magnitude(const float* x, std::size_t n) {
  // Magnitudes are below 2^31, and signed comparison is what every instruction set has.
  std::int32_t largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, static_cast<std::int32_t>(magnitude_of(x[i])));
  return static_cast<Magnitude>(largest);
}

TRIBUTARY_TARGET void max_magnitude_each(const float* __restrict x, std::size_t n, Magnitude* __restrict maxima) {
  for (std::size_t i = 0; i < n; ++i) {
    maxima[i] = static_cast<Magnitude>(
        std::max(static_cast<std::int32_t>(maxima[i]), static_cast<std::int32_t>(magnitude_of(x[i]))));
  }
}

TRIBUTARY_TARGET void add(const float* a, const float* b, std::size_t n, float* sum) {
  for (std::size_t i = 0; i < n; ++i) sum[i] = a[i] + b[i];
}

TRIBUTARY_TARGET inline std::size_t collect_singly(const float* x, std::size_t n, unsigned shift, Magnitude bin,
                                                   Magnitude* found) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    found[count] = magnitude_of(x[i]);
    count += magnitude_of(x[i]) >> shift == bin;
  }
  return count;
}

// A mask of ones for a weight that is kept: chosen so, there is no branch to guess and none that keeps a compiler from
// vectorising.
TRIBUTARY_TARGET inline std::uint32_t kept_mask(float x, float scale, std::int32_t keep_from) {
  return 0u - (static_cast<std::uint32_t>(std::bit_cast<std::int32_t>(scale) > 0) &
               static_cast<std::uint32_t>(static_cast<std::int32_t>(magnitude_of(x)) >= keep_from));
}

TRIBUTARY_TARGET inline float masked(float x, std::uint32_t mask) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & mask);
}

template <bool kEach, bool kResidual>
TRIBUTARY_TARGET void quantize_as(float* __restrict x, std::size_t n, float scale, const float* __restrict scales,
                                  Magnitude keep_from, std::int8_t* __restrict q, float* __restrict residual) {
  const auto from = static_cast<std::int32_t>(keep_from);
  for (std::size_t i = 0; i < n; ++i) {
    const float s = kEach ? scales[i] : scale;
    const std::uint32_t kept = kept_mask(x[i], s, from);
    const float ratio = masked(x[i] / (s > 0 ? s : 1.0F), kept);
    const auto integer = static_cast<std::int32_t>((ratio + kRoundFloat) - kRoundFloat);
    const float value = s * static_cast<float>(integer);
    q[i] = static_cast<std::int8_t>(integer);
    if (kResidual) residual[i] = masked(x[i] - value, kept);
    x[i] = value;
  }
}

template <bool kEach, bool kResidual>
TRIBUTARY_TARGET void ternarize_as(float* __restrict x, std::size_t n, float scale, const float* __restrict scales,
                                   Magnitude keep_from, std::int8_t* __restrict q, float* __restrict residual) {
  const auto from = static_cast<std::int32_t>(keep_from);
  for (std::size_t i = 0; i < n; ++i) {
    const float s = kEach ? scales[i] : scale;
    const std::uint32_t kept = kept_mask(x[i], s, from);
    const std::uint32_t sign = std::bit_cast<std::uint32_t>(x[i]) & 0x80000000u;
    const float value = std::bit_cast<float>((std::bit_cast<std::uint32_t>(s) | sign) & kept);
    q[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(1 - static_cast<std::int32_t>(sign >> 30)) &
                                    static_cast<std::int32_t>(kept));
    if (kResidual) {
      float lost = x[i] - value;
      lost = lost > 0.5F * s ? 0.5F * s : lost;
      lost = lost < -0.5F * s ? -0.5F * s : lost;
      residual[i] = masked(lost, kept);
    }
    x[i] = value;
  }
}

TRIBUTARY_TARGET void quantize(const QuantizeRun& r) {
  if (r.scales != nullptr) {
    if (r.residual != nullptr) return quantize_as<true, true>(r.x, r.n, 0, r.scales, r.keep_from, r.q, r.residual);
    return quantize_as<true, false>(r.x, r.n, 0, r.scales, r.keep_from, r.q, nullptr);
  }
  if (r.residual != nullptr) return quantize_as<false, true>(r.x, r.n, r.scale, nullptr, r.keep_from, r.q, r.residual);
  quantize_as<false, false>(r.x, r.n, r.scale, nullptr, r.keep_from, r.q, nullptr);
}

TRIBUTARY_TARGET void ternarize(const QuantizeRun& r) {
  if (r.scales != nullptr) {
    if (r.residual != nullptr) return ternarize_as<true, true>(r.x, r.n, 0, r.scales, r.keep_from, r.q, r.residual);
    return ternarize_as<true, false>(r.x, r.n, 0, r.scales, r.keep_from, r.q, nullptr);
  }
  if (r.residual != nullptr) return ternarize_as<false, true>(r.x, r.n, r.scale, nullptr, r.keep_from, r.q, r.residual);
  ternarize_as<false, false>(r.x, r.n, r.scale, nullptr, r.keep_from, r.q, nullptr);
}

TRIBUTARY_TARGET void dequantize(const std::int8_t* __restrict q, std::size_t n, float scale, float* __restrict out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = scale * static_cast<float>(q[i]);
}

TRIBUTARY_TARGET void dequantize_each(const std::int8_t* __restrict q, std::size_t n, const float* __restrict scales,
                                      float* __restrict out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = scales[i] * static_cast<float>(q[i]);
}

TRIBUTARY_TARGET inline std::size_t pack_float_singly(const float* x, std::size_t n, Magnitude keep_from,
                                                      std::uint8_t* mask, float* kept) {
  const Magnitude least = std::max<Magnitude>(keep_from, 1);
  std::size_t count = 0;
  for (std::size_t i = 0; i < n; i += 8) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < std::min<std::size_t>(8, n - i); ++j) {
      const unsigned set = magnitude_of(x[i + j]) >= least;
      kept[count] = x[i + j];
      count += set;
      bits |= set << j;
    }
    mask[i / 8] = static_cast<std::uint8_t>(bits);
  }
  return count;
}

TRIBUTARY_TARGET inline void expand_float_singly(const std::uint8_t* mask, const BlobFloat* kept, std::size_t n,
                                                 float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = (mask[i / 8] >> (i % 8) & 1u) != 0 ? static_cast<float>(*kept++) : 0.0F;
}

// How edge_delta.cpp writes the change from b to q. REQUIRES: b != 0, neither is -128.
TRIBUTARY_TARGET inline std::int8_t change_of(std::int8_t b, std::int8_t q) {
  constexpr std::uint8_t kPruned = 0x80;
  const int sign = b < 0 ? -1 : 1, p = q * sign, a = b * sign;
  const auto difference = static_cast<std::uint8_t>(p - a);
  const std::uint8_t coded = difference == kPruned ? static_cast<std::uint8_t>(-a) : difference;
  return static_cast<std::int8_t>(p == 0 ? kPruned : coded);
}

// Both are written and one counts: no branch to guess.
TRIBUTARY_TARGET inline std::size_t take_apart_singly(const std::int8_t* base, const std::int8_t* q, std::size_t n,
                                                      std::int8_t* was_zero, std::int8_t* changes) {
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const bool zero = base[i] == 0;
    was_zero[zeros] = q[i];
    changes[i - zeros] = change_of(zero ? std::int8_t{1} : base[i], q[i]);
    zeros += zero;
  }
  return zeros;
}

TRIBUTARY_TARGET std::size_t count_ones(const std::uint8_t* bytes, std::size_t n) {
  std::size_t ones = 0;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes + i, 8);
    ones += static_cast<std::size_t>(__builtin_popcountll(word));
  }
  for (; i < n; ++i) ones += static_cast<std::size_t>(__builtin_popcount(bytes[i]));
  return ones;
}

TRIBUTARY_TARGET bool has_bad_symbol(const std::uint8_t* symbols, std::size_t n) {
  std::uint8_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) bad |= static_cast<std::uint8_t>((symbols[i] & 0x7F) == 0);
  return bad != 0;
}

#if !defined(TRIBUTARY_OWN_DITHER)
// Philox4x32-10 on eight counters side by side; see base/random.h.
TRIBUTARY_TARGET void dither(std::uint64_t key, std::uint64_t first, std::uint16_t* __restrict out) {
  constexpr std::uint32_t kMul0 = 0xD2511F53, kMul1 = 0xCD9E8D57, kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  constexpr std::size_t kLanes = 8;
  for (std::size_t group = 0; group < kKernelBlock / 64; ++group) {
    std::uint32_t c[4][kLanes];
    for (std::size_t l = 0; l < kLanes; ++l) {
      const std::uint64_t counter = first + group * kLanes + l;
      c[0][l] = static_cast<std::uint32_t>(counter);
      c[1][l] = static_cast<std::uint32_t>(counter >> 32);
      c[2][l] = c[3][l] = 0;
    }
    auto k0 = static_cast<std::uint32_t>(key);
    auto k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += kWeyl0, k1 += kWeyl1) {
      for (std::size_t l = 0; l < kLanes; ++l) {
        const std::uint64_t p0 = std::uint64_t{kMul0} * c[0][l];
        const std::uint64_t p1 = std::uint64_t{kMul1} * c[2][l];
        c[0][l] = static_cast<std::uint32_t>(p1 >> 32) ^ c[1][l] ^ k0;
        c[2][l] = static_cast<std::uint32_t>(p0 >> 32) ^ c[3][l] ^ k1;
        c[1][l] = static_cast<std::uint32_t>(p1);
        c[3][l] = static_cast<std::uint32_t>(p0);
      }
    }
    for (std::size_t w = 0; w < 4; ++w, out += 2 * kLanes) {
      for (std::size_t l = 0; l < kLanes; ++l) {
        out[l] = static_cast<std::uint16_t>(c[w][l]);
        out[kLanes + l] = static_cast<std::uint16_t>(c[w][l] >> 16);
      }
    }
  }
}

#endif

template <bool kResidual>
TRIBUTARY_TARGET void quantize_stochastic_as(const float* __restrict x, std::size_t n, float scale,
                                             const std::uint16_t* __restrict dither, std::int8_t* __restrict q,
                                             float* __restrict residual) {
  for (std::size_t i = 0; i < n; ++i) {
    const float offset = (static_cast<float>(static_cast<std::int32_t>(dither[i])) + 0.5F) * 0x1p-16F;
    const float raised = x[i] / scale + offset;
    const float nearest = (raised + kRoundFloat) - kRoundFloat;
    float below = nearest > raised ? nearest - 1.0F : nearest;
    below = below > 127.0F ? 127.0F : below;
    below = below < -127.0F ? -127.0F : below;
    q[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(below));
    if (kResidual) residual[i] = x[i] - scale * below;
  }
}

TRIBUTARY_TARGET void quantize_stochastic(const float* x, std::size_t n, float scale, const std::uint16_t* dither,
                                          std::int8_t* q, float* residual) {
  if (residual != nullptr) return quantize_stochastic_as<true>(x, n, scale, dither, q, residual);
  quantize_stochastic_as<false>(x, n, scale, dither, q, nullptr);
}

TRIBUTARY_TARGET FloatCheck check_float(const BlobFloat* x, std::size_t n) {
  constexpr std::size_t kLanes = 8;
  // Written as vectors of eight, which every instruction set cuts to its size; as a loop over lanes it stays scalar.
  using Floats = float __attribute__((vector_size(4 * kLanes)));
  using Integers = std::int32_t __attribute__((vector_size(4 * kLanes)));
  using Doubles = double __attribute__((vector_size(8 * kLanes)));
  Doubles lanes{};
  Integers largest_lanes{};
  const auto add_eight = [&](const void* from, std::size_t count) TRIBUTARY_TARGET {
    Floats v{};
    std::memcpy(&v, from, count * sizeof(float));
    const Doubles wide = __builtin_convertvector(v, Doubles);
    lanes += wide * wide;
    const Integers magnitudes = reinterpret_cast<Integers>(v) & 0x7FFFFFFF;
    largest_lanes = magnitudes > largest_lanes ? magnitudes : largest_lanes;
  };
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) add_eight(x + i, kLanes);
  if (i < n) add_eight(x + i, n - i);
  std::int32_t largest[kLanes];
  std::memcpy(largest, &largest_lanes, sizeof largest);
  const double squares =
      ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  return {static_cast<Magnitude>(*std::max_element(largest, largest + kLanes)), squares};
}

TRIBUTARY_TARGET Int8Check check_int8(const std::int8_t* q, std::size_t n) {
  std::int32_t squares = 0;
  std::uint8_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    squares += static_cast<std::int16_t>(q[i]) * static_cast<std::int16_t>(q[i]);
    bad |= static_cast<std::uint8_t>(q[i] == -128);
  }
  return {static_cast<std::uint32_t>(squares), bad != 0};
}

TRIBUTARY_TARGET inline std::int64_t fixed(double product) {
  return std::bit_cast<std::int64_t>(product + kRoundDouble) - std::bit_cast<std::int64_t>(kRoundDouble);
}

TRIBUTARY_TARGET void fold_float(const BlobFloat* __restrict x, std::size_t n, double unit,
                                 std::int64_t* __restrict sum) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += fixed(unit * static_cast<double>(x[i]));
}

TRIBUTARY_TARGET void fold_int8(const std::int8_t* __restrict q, std::size_t n, float scale, double unit,
                                std::int64_t* __restrict sum) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += fixed(unit * static_cast<double>(scale * static_cast<float>(q[i])));
}

// A power of two scales without rounding, so that the division rounds once, as from_fixed(sum) / weight does.
TRIBUTARY_TARGET void mean(const std::int64_t* __restrict sum, std::size_t n, double weight, float* __restrict out) {
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(static_cast<double>(sum[i]) * 0x1p-40 / weight);
  }
}
