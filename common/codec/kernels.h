// common/codec/kernels.h (internal to codec and its tests and benchmarks)
//
// The inner loops of the codecs, once per instruction set, chosen at run time. Every variant gives the same bits: the
// plain loops are one source (kernels_loops.inl) compiled for each set, without contraction of a multiplication and an
// addition into one; the others move and count integers.
//
// Kernels do not check: callers pass sizes that they have checked. All pointers are non-null unless said otherwise;
// `n` may be 0. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tributary::codec {

// A float32 inside a blob, at any address. Clang does not keep the alignment of an alias; GCC does not vectorise sums
// of a packed struct.
#if defined(__clang__)
struct __attribute__((packed, may_alias)) BlobFloat {
  float value;
  operator float() const { return value; }
};
#else
using BlobFloat = float __attribute__((aligned(1), may_alias));
#endif
static_assert(sizeof(BlobFloat) == 4 && alignof(BlobFloat) == 1);

// A magnitude is the bits of |x|: ordered as the numbers are, with infinity and NaN above everything finite.
using Magnitude = std::uint32_t;
inline constexpr Magnitude kInfinity = 0x7F800000;

// Values that share a scale, a sum of squares and a batch of random bits.
inline constexpr std::size_t kKernelBlock = 1024;

// Some buffers are read or written this many bytes past their end.
inline constexpr std::size_t kSlack = 64;

// One run of weights to quantise. x[i] is replaced by what a decoder gives: scale * q[i], or 0 where its magnitude is
// below keep_from. q[i] = round half to even of x[i] / scale. REQUIRES: |x[i] / scale| < 127.5 or scale = 0 (then q =
// 0).
struct QuantizeRun {
  float* x = nullptr;
  std::size_t n = 0;
  float scale = 0;                // used when scales is null
  const float* scales = nullptr;  // one an element
  Magnitude keep_from = 0;
  std::int8_t* q = nullptr;
  float* residual = nullptr;  // may be null; what rounding lost; 0 where pruned
};

struct FloatCheck {
  Magnitude largest = 0;
  double squares = 0;  // sum of squares, in eight interleaved lanes, whatever the width of the registers
};

struct Int8Check {
  std::uint32_t squares = 0;
  bool has_minus_128 = false;
};

// Decoder of 32 interleaved rANS states; see rans.h.
struct RansCursor {
  std::uint32_t* states = nullptr;   // 32
  const std::byte* words = nullptr;  // next 16-bit word
  const std::byte* end = nullptr;
};

struct Kernels {
  std::string_view name;

  Magnitude (*max_magnitude)(const float* x, std::size_t n);
  // maxima[i] = max(maxima[i], magnitude of x[i]).
  void (*max_magnitude_each)(const float* x, std::size_t n, Magnitude* maxima);
  void (*add)(const float* a, const float* b, std::size_t n, float* sum);
  // Writes the magnitudes of x whose upper bits, shifted right by `shift`, are `bin`, in order; returns how many.
  // `found` has room for n and kSlack bytes.
  std::size_t (*collect)(const float* x, std::size_t n, unsigned shift, Magnitude bin, Magnitude* found);

  // Edge copy.
  void (*quantize)(const QuantizeRun& run);
  // The same with q[i] = the sign of x[i] wherever it is kept, whatever the scale; a residual is cut to half a scale.
  void (*ternarize)(const QuantizeRun& run);
  void (*dequantize)(const std::int8_t* q, std::size_t n, float scale, float* out);
  void (*dequantize_each)(const std::int8_t* q, std::size_t n, const float* scales, float* out);
  // mask: bit i % 8 of byte i / 8 says q[i] != 0, (n + 7) / 8 bytes; symbols: the non-zero ones, with kSlack room.
  // Returns the number of symbols.
  std::size_t (*pack)(const std::int8_t* q, std::size_t n, std::uint8_t* mask, std::uint8_t* symbols);
  // The inverse; returns the number of symbols used. Reads up to kSlack beyond them. Bits past n are ignored.
  std::size_t (*expand)(const std::uint8_t* mask, const std::uint8_t* symbols, std::size_t n, std::int8_t* q);
  // The same of floats: kept are those whose magnitude is not 0 and at least keep_from. `kept` has room for n and
  // kSlack bytes.
  std::size_t (*pack_float)(const float* x, std::size_t n, Magnitude keep_from, std::uint8_t* mask, float* kept);
  // The inverse, of a mask with `ones` bits: reads not a byte beyond so many floats. Bits past n are ignored.
  void (*expand_float)(const std::uint8_t* mask, const BlobFloat* kept, std::size_t ones, std::size_t n, float* out);
  std::size_t (*count_ones)(const std::uint8_t* bytes, std::size_t n);
  // True when some byte is 0 or -128, which no quantised weight is.
  bool (*has_bad_symbol)(const std::uint8_t* symbols, std::size_t n);
  // Deals out q by what `base` has at the same place, in order: q where that is 0, and where it is not the change from
  // it to q (edge_delta.cpp, no -128 among either). Both have room for n and kSlack bytes. Returns how many bases are
  // 0.
  std::size_t (*take_apart)(const std::int8_t* base, const std::int8_t* q, std::size_t n, std::int8_t* was_zero,
                            std::int8_t* changes);
  // Decodes up to `groups` groups of 32 symbols, while at least 64 bytes of words are left; returns how many.
  std::size_t (*rans_decode)(const std::uint32_t* table, RansCursor& cursor, std::size_t groups, std::uint8_t* out);

  // Update. n <= kKernelBlock in these.
  // 1024 random 16-bit numbers from the Philox blocks first .. first + 127 of a stream (base/random.h): number
  // 64 g + 8 (2 w + h) + l is half h (0 = low) of word w of block first + 8 g + l.
  void (*dither)(std::uint64_t key, std::uint64_t first, std::uint16_t* out);
  // q[i] = floor(x[i] / scale + (dither[i] + 1/2) / 2^16), at most 127 in magnitude; residual (may be null) = x - scale
  // q.
  void (*quantize_stochastic)(const float* x, std::size_t n, float scale, const std::uint16_t* dither, std::int8_t* q,
                              float* residual);
  FloatCheck (*check_float)(const BlobFloat* x, std::size_t n);
  Int8Check (*check_int8)(const std::int8_t* q, std::size_t n);
  // sum[i] += to_fixed(weight, x[i]) with unit = weight * 2^40; |unit * x[i]| < 2^51.
  void (*fold_float)(const BlobFloat* x, std::size_t n, double unit, std::int64_t* sum);
  void (*fold_int8)(const std::int8_t* q, std::size_t n, float scale, double unit, std::int64_t* sum);
  // out[i] = from_fixed(sum[i]) / weight, rounded to float32. Any n.
  void (*mean)(const std::int64_t* sum, std::size_t n, double weight, float* out);

  // Rotation. Unnormalised Walsh-Hadamard transform in place. REQUIRES: n is a power of two, at least 8.
  void (*hadamard)(float* x, std::size_t n);
  // Changes the sign of x[i] where bit i % 16 of bits[i / 16] is set. REQUIRES: n % 16 == 0.
  void (*flip_signs)(float* x, std::size_t n, const std::uint16_t* bits);
  // code[i] = the level nearest to |unit * x[i]| among `positive` ones, + positive where negative; x[i] = that level,
  // with its sign. thresholds: between the levels.
  void (*nearest_levels)(float* x, std::size_t n, float unit, const float* thresholds, const float* levels,
                         std::size_t positive, std::uint8_t* code);
  // Sum of products in eight interleaved lanes. REQUIRES: n % 8 == 0.
  double (*dot)(const float* a, const float* b, std::size_t n);
  void (*scale_by)(float* x, std::size_t n, float factor);
};

// The fastest variant that this processor runs.
const Kernels& kernels();

// All variants that this processor runs, the portable one first.
std::span<const Kernels* const> available_kernels();

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif

}  // namespace tributary::codec
