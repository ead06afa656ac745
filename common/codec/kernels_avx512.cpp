#if defined(__x86_64__)

#include <algorithm>
#include <bit>
#include <cstring>

#include <immintrin.h>

#include "common/codec/kernels.h"

// GCC alone has to be told that 512 bits are wanted.
#if defined(__clang__)
#define TRIBUTARY_WIDTH
#else
#define TRIBUTARY_WIDTH ",prefer-vector-width=512"
#endif
#define TRIBUTARY_TARGET \
  __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,popcnt" TRIBUTARY_WIDTH)))

#define TRIBUTARY_OWN_DITHER

namespace tributary::codec {

namespace {

#include "common/codec/kernels_loops.inl"
#include "common/codec/kernels_rotation.inl"

TRIBUTARY_TARGET std::size_t collect(const float* x, std::size_t n, unsigned shift, Magnitude bin, Magnitude* found) {
  const __m512i wanted = _mm512_set1_epi32(static_cast<int>(bin)), magnitude_bits = _mm512_set1_epi32(0x7FFFFFFF);
  std::size_t i = 0, count = 0;
  for (; i + 16 <= n; i += 16) {
    const __m512i magnitudes = _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude_bits);
    const __mmask16 chosen = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32(magnitudes, shift), wanted);
    _mm512_storeu_si512(found + count, _mm512_maskz_compress_epi32(chosen, magnitudes));
    count += static_cast<std::size_t>(_mm_popcnt_u32(chosen));
  }
  return count + collect_singly(x + i, n - i, shift, bin, found + count);
}

TRIBUTARY_TARGET std::size_t pack_float(const float* x, std::size_t n, Magnitude keep_from, std::uint8_t* mask,
                                        float* kept) {
  const __m512i least = _mm512_set1_epi32(static_cast<int>(std::max<Magnitude>(keep_from, 1)));
  const __m512i magnitude_bits = _mm512_set1_epi32(0x7FFFFFFF);
  float* const start = kept;
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m512i v = _mm512_loadu_si512(x + i);
    const __mmask16 stays = _mm512_cmpge_epi32_mask(_mm512_and_si512(v, magnitude_bits), least);
    std::memcpy(mask + i / 8, &stays, 2);
    _mm512_storeu_si512(kept, _mm512_maskz_compress_epi32(stays, v));
    kept += _mm_popcnt_u32(stays);
  }
  return static_cast<std::size_t>(kept - start) + pack_float_singly(x + i, n - i, keep_from, mask + i / 8, kept);
}

TRIBUTARY_TARGET void expand_float(const std::uint8_t* mask, const BlobFloat* kept, std::size_t ones, std::size_t n,
                                   float* out) {
  std::size_t i = 0;
  for (; i + 16 <= n && ones >= 16; i += 16) {
    __mmask16 row;
    std::memcpy(&row, mask + i / 8, 2);
    _mm512_storeu_si512(out + i, _mm512_maskz_expand_epi32(row, _mm512_loadu_si512(kept)));
    const auto used = static_cast<std::size_t>(_mm_popcnt_u32(row));
    kept += used;
    ones -= used;
  }
  expand_float_singly(mask + i / 8, kept, n - i, out + i);
}

TRIBUTARY_TARGET std::size_t pack(const std::int8_t* q, std::size_t n, std::uint8_t* mask, std::uint8_t* symbols) {
  std::uint8_t* const start = symbols;
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i block = _mm512_loadu_si512(q + i);
    const std::uint64_t bits = _mm512_test_epi8_mask(block, block);
    std::memcpy(mask + i / 8, &bits, 8);
    // A compress to a register and a whole store: compressing stores are slow on some processors.
    _mm512_storeu_si512(symbols, _mm512_maskz_compress_epi8(bits, block));
    symbols += _mm_popcnt_u64(bits);
  }
  return static_cast<std::size_t>(symbols - start) + kPortableKernels.pack(q + i, n - i, mask + i / 8, symbols);
}

TRIBUTARY_TARGET std::size_t expand(const std::uint8_t* mask, const std::uint8_t* symbols, std::size_t n,
                                    std::int8_t* q) {
  const std::uint8_t* const start = symbols;
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    std::uint64_t bits;
    std::memcpy(&bits, mask + i / 8, 8);
    _mm512_storeu_si512(q + i, _mm512_maskz_expand_epi8(bits, _mm512_loadu_si512(symbols)));
    symbols += _mm_popcnt_u64(bits);
  }
  return static_cast<std::size_t>(symbols - start) + kPortableKernels.expand(mask + i / 8, symbols, n - i, q + i);
}

TRIBUTARY_TARGET std::size_t take_apart(const std::int8_t* base, const std::int8_t* q, std::size_t n,
                                        std::int8_t* was_zero, std::int8_t* changes) {
  const __m512i pruned = _mm512_set1_epi8(-128), none = _mm512_setzero_si512();
  std::size_t i = 0, zeros = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i b = _mm512_loadu_si512(base + i), v = _mm512_loadu_si512(q + i);
    const __m512i a = _mm512_abs_epi8(b), p = _mm512_mask_sub_epi8(v, _mm512_movepi8_mask(b), none, v);
    __m512i change = _mm512_sub_epi8(p, a);
    change = _mm512_mask_sub_epi8(change, _mm512_cmpeq_epi8_mask(change, pruned), none, a);
    change = _mm512_mask_mov_epi8(change, _mm512_testn_epi8_mask(p, p), pruned);
    const std::uint64_t zero = _mm512_testn_epi8_mask(b, b);
    _mm512_storeu_si512(was_zero + zeros, _mm512_maskz_compress_epi8(zero, v));
    _mm512_storeu_si512(changes + (i - zeros), _mm512_maskz_compress_epi8(~zero, change));
    zeros += static_cast<std::size_t>(_mm_popcnt_u64(zero));
  }
  return zeros + take_apart_singly(base + i, q + i, n - i, was_zero + zeros, changes + (i - zeros));
}

// Sixteen states; see kernels_avx2.cpp.
TRIBUTARY_TARGET inline __m128i step(__m512i& x, const std::uint32_t* table, const std::byte*& words) {
  const __m512i entry = _mm512_i32gather_epi32(_mm512_and_si512(x, _mm512_set1_epi32(0xFFF)), table, 4);
  const __m512i frequency = _mm512_and_si512(_mm512_srli_epi32(entry, 8), _mm512_set1_epi32(0xFFF));
  x = _mm512_add_epi32(_mm512_mullo_epi32(frequency, _mm512_srli_epi32(x, 12)), _mm512_srli_epi32(entry, 20));
  const __mmask16 low = _mm512_cmplt_epu32_mask(x, _mm512_set1_epi32(1 << 15));
  const __m512i next = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words)));
  x = _mm512_mask_or_epi32(x, low, _mm512_slli_epi32(x, 16), _mm512_maskz_expand_epi32(low, next));
  words += 2 * _mm_popcnt_u32(low);
  return _mm512_cvtepi32_epi8(entry);
}

TRIBUTARY_TARGET std::size_t rans_decode(const std::uint32_t* table, RansCursor& cursor, std::size_t groups,
                                         std::uint8_t* out) {
  __m512i x0 = _mm512_loadu_si512(cursor.states), x1 = _mm512_loadu_si512(cursor.states + 16);
  const std::byte* words = cursor.words;
  std::size_t done = 0;
  for (; done < groups && cursor.end - words >= 64; ++done, out += 32) {
    const __m128i s0 = step(x0, table, words);
    const __m128i s1 = step(x1, table, words);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_set_m128i(s1, s0));
  }
  _mm512_storeu_si512(cursor.states, x0);
  _mm512_storeu_si512(cursor.states + 16, x1);
  cursor.words = words;
  return done;
}

// Philox4x32-10 on eight counters, a word of each in the lower half of every lane: a multiplication reads no more of
// it, so what rises into the upper half does no harm.
TRIBUTARY_TARGET void dither(std::uint64_t key, std::uint64_t first, std::uint16_t* out) {
  const __m512i mul0 = _mm512_set1_epi64(0xD2511F53), mul1 = _mm512_set1_epi64(0xCD9E8D57);
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  constexpr int kXor = 0x96;
  for (std::size_t group = 0; group < kKernelBlock / 64; ++group) {
    __m512i c0 = _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(first + group * 8)),
                                  _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
    __m512i c1 = _mm512_srli_epi64(c0, 32), c2 = _mm512_setzero_si512(), c3 = c2;
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += kWeyl0, k1 += kWeyl1) {
      const __m512i p0 = _mm512_mul_epu32(c0, mul0), p1 = _mm512_mul_epu32(c2, mul1);
      c0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p1, 32), c1, _mm512_set1_epi64(k0), kXor);
      c2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p0, 32), c3, _mm512_set1_epi64(k1), kXor);
      c1 = p1;
      c3 = p0;
    }
    for (const __m512i word : {c0, c1, c2, c3}) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi64_epi16(word));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 8), _mm512_cvtepi64_epi16(_mm512_srli_epi64(word, 16)));
      out += 16;
    }
  }
}

}  // namespace

const Kernels kAvx512Kernels = {"avx512",
                                max_magnitude,
                                max_magnitude_each,
                                add,
                                collect,
                                quantize,
                                ternarize,
                                dequantize,
                                dequantize_each,
                                pack,
                                expand,
                                pack_float,
                                expand_float,
                                count_ones,
                                has_bad_symbol,
                                take_apart,
                                rans_decode,
                                dither,
                                quantize_stochastic,
                                check_float,
                                check_int8,
                                fold_float,
                                fold_int8,
                                mean,
                                hadamard,
                                flip_signs,
                                nearest_levels,
                                dot,
                                scale_by};

}  // namespace tributary::codec

#endif
