#if defined(__x86_64__)

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <immintrin.h>

#include "common/codec/kernels.h"
#include "common/codec/kernels_tables.h"

#define TRIBUTARY_TARGET __attribute__((target("avx2,popcnt")))
#define TRIBUTARY_OWN_DITHER

namespace tributary::codec {

namespace {

#include "common/codec/kernels_loops.inl"
#include "common/codec/kernels_rotation.inl"

TRIBUTARY_TARGET std::size_t pack(const std::int8_t* q, std::size_t n, std::uint8_t* mask, std::uint8_t* symbols) {
  std::uint8_t* const start = symbols;
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const __m256i block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + i));
    const auto zeros =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(block, _mm256_setzero_si256())));
    const std::uint32_t bits = ~zeros;
    std::memcpy(mask + i / 8, &bits, 4);
    for (unsigned part = 0; part < 4; ++part) {
      const unsigned row = bits >> (8 * part) & 0xFFu;
      const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(q + i + 8 * part));
      const __m128i order = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kGather[row].data()));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(symbols), _mm_shuffle_epi8(eight, order));
      symbols += _mm_popcnt_u32(row);
    }
  }
  return static_cast<std::size_t>(symbols - start) + kPortableKernels.pack(q + i, n - i, mask + i / 8, symbols);
}

TRIBUTARY_TARGET std::size_t expand(const std::uint8_t* mask, const std::uint8_t* symbols, std::size_t n,
                                    std::int8_t* q) {
  const std::uint8_t* const start = symbols;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const unsigned row = mask[i / 8];
    const __m128i packed = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(symbols));
    const __m128i order = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSpread[row].data()));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(q + i), _mm_shuffle_epi8(packed, order));
    symbols += _mm_popcnt_u32(row);
  }
  return static_cast<std::size_t>(symbols - start) + kPortableKernels.expand(mask + i / 8, symbols, n - i, q + i);
}

TRIBUTARY_TARGET std::size_t pack_float(const float* x, std::size_t n, Magnitude keep_from, std::uint8_t* mask,
                                        float* kept) {
  // Signed comparison with what is just below: magnitudes are below 2^31.
  const __m256i below = _mm256_set1_epi32(static_cast<int>(std::max<Magnitude>(keep_from, 1) - 1));
  float* const start = kept;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i));
    const __m256i magnitudes = _mm256_and_si256(v, _mm256_set1_epi32(0x7FFFFFFF));
    const __m256i stays = _mm256_cmpgt_epi32(magnitudes, below);
    const auto row = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(stays)));
    mask[i / 8] = static_cast<std::uint8_t>(row);
    const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kGather[row].data())));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(kept), _mm256_permutevar8x32_epi32(v, order));
    kept += _mm_popcnt_u32(row);
  }
  return static_cast<std::size_t>(kept - start) + pack_float_singly(x + i, n - i, keep_from, mask + i / 8, kept);
}

TRIBUTARY_TARGET void expand_float(const std::uint8_t* mask, const BlobFloat* kept, std::size_t ones, std::size_t n,
                                   float* out) {
  std::size_t i = 0;
  for (; i + 8 <= n && ones >= 8; i += 8) {
    const unsigned row = mask[i / 8];
    const __m256i packed = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kept));
    const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSpread[row].data())));
    // An order of 0x80 is none: its sign bit, moved up, says so.
    const __m256i none = _mm256_srai_epi32(_mm256_slli_epi32(order, 24), 31);
    const __m256i spread = _mm256_andnot_si256(none, _mm256_permutevar8x32_epi32(packed, order));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), spread);
    const auto used = static_cast<std::size_t>(_mm_popcnt_u32(row));
    kept += used;
    ones -= used;
  }
  expand_float_singly(mask + i / 8, kept, n - i, out + i);
}

// Eight states: looks the symbols up, updates, and refills those that fell below 2^15 from the words in order.
TRIBUTARY_TARGET inline __m256i step(__m256i& x, const std::uint32_t* table, const std::byte*& words) {
  const __m256i entry =
      _mm256_i32gather_epi32(reinterpret_cast<const int*>(table), _mm256_and_si256(x, _mm256_set1_epi32(0xFFF)), 4);
  const __m256i frequency = _mm256_and_si256(_mm256_srli_epi32(entry, 8), _mm256_set1_epi32(0xFFF));
  x = _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srli_epi32(x, 12)), _mm256_srli_epi32(entry, 20));
  const __m256i low = _mm256_cmpgt_epi32(_mm256_set1_epi32(1 << 15), x);
  const auto row = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(low)));
  const __m256i next = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words)));
  const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSpread[row].data())));
  const __m256i placed = _mm256_permutevar8x32_epi32(next, order);
  x = _mm256_blendv_epi8(x, _mm256_or_si256(_mm256_slli_epi32(x, 16), placed), low);
  words += 2 * _mm_popcnt_u32(row);
  return _mm256_and_si256(entry, _mm256_set1_epi32(0xFF));
}

TRIBUTARY_TARGET std::size_t rans_decode(const std::uint32_t* table, RansCursor& cursor, std::size_t groups,
                                         std::uint8_t* out) {
  auto* const lanes = reinterpret_cast<__m256i*>(cursor.states);
  __m256i x0 = _mm256_loadu_si256(lanes), x1 = _mm256_loadu_si256(lanes + 1);
  __m256i x2 = _mm256_loadu_si256(lanes + 2), x3 = _mm256_loadu_si256(lanes + 3);
  const std::byte* words = cursor.words;
  std::size_t done = 0;
  for (; done < groups && cursor.end - words >= 64; ++done, out += 32) {
    const __m256i s0 = step(x0, table, words), s1 = step(x1, table, words);
    const __m256i s2 = step(x2, table, words), s3 = step(x3, table, words);
    const __m256i bytes = _mm256_packus_epi16(_mm256_packus_epi32(s0, s1), _mm256_packus_epi32(s2, s3));
    const __m256i ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), ordered);
  }
  _mm256_storeu_si256(lanes, x0);
  _mm256_storeu_si256(lanes + 1, x1);
  _mm256_storeu_si256(lanes + 2, x2);
  _mm256_storeu_si256(lanes + 3, x3);
  cursor.words = words;
  return done;
}

// The change from b to v where b is not 0; see change_of().
TRIBUTARY_TARGET inline __m256i changes_of(__m256i b, __m256i v) {
  const __m256i pruned = _mm256_set1_epi8(-128), none = _mm256_setzero_si256();
  const __m256i a = _mm256_abs_epi8(b), p = _mm256_blendv_epi8(v, _mm256_sub_epi8(none, v), b);
  const __m256i difference = _mm256_sub_epi8(p, a);
  const __m256i coded = _mm256_blendv_epi8(difference, _mm256_sub_epi8(none, a), _mm256_cmpeq_epi8(difference, pruned));
  return _mm256_blendv_epi8(coded, pruned, _mm256_cmpeq_epi8(p, none));
}

TRIBUTARY_TARGET inline void gather_eight(__m128i eight, unsigned row, std::int8_t* out) {
  const __m128i order = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kGather[row].data()));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(eight, order));
}

TRIBUTARY_TARGET std::size_t take_apart(const std::int8_t* base, const std::int8_t* q, std::size_t n,
                                        std::int8_t* was_zero, std::int8_t* changes) {
  std::size_t i = 0, zeros = 0;
  for (; i + 32 <= n; i += 32) {
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(base + i));
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + i));
    const auto bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, _mm256_setzero_si256())));
    alignas(32) std::int8_t change[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(change), changes_of(b, v));
    for (std::size_t part = 0; part < 4; ++part) {
      const std::size_t at = i + 8 * part;
      const unsigned row = bits >> (8 * part) & 0xFFu;
      gather_eight(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(q + at)), row, was_zero + zeros);
      gather_eight(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(change + 8 * part)), row ^ 0xFFu,
                   changes + (at - zeros));
      zeros += static_cast<std::size_t>(_mm_popcnt_u32(row));
    }
  }
  return zeros + take_apart_singly(base + i, q + i, n - i, was_zero + zeros, changes + (i - zeros));
}

// Four counters of Philox4x32-10, a word of each in the lower half of every lane; see kernels_avx512.cpp.
struct FourCounters {
  __m256i c0, c1, c2, c3;
};

TRIBUTARY_TARGET inline FourCounters four_counters(std::uint64_t first) {
  const __m256i c0 =
      _mm256_add_epi64(_mm256_set1_epi64x(static_cast<long long>(first)), _mm256_setr_epi64x(0, 1, 2, 3));
  return {c0, _mm256_srli_epi64(c0, 32), _mm256_setzero_si256(), _mm256_setzero_si256()};
}

TRIBUTARY_TARGET inline void philox_round(FourCounters& c, __m256i k0, __m256i k1) {
  const __m256i p0 = _mm256_mul_epu32(c.c0, _mm256_set1_epi64x(0xD2511F53));
  const __m256i p1 = _mm256_mul_epu32(c.c2, _mm256_set1_epi64x(0xCD9E8D57));
  c.c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c.c1), k0);
  c.c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c.c3), k1);
  c.c1 = p1;
  c.c3 = p0;
}

// The lower halves of eight words, then the upper ones.
TRIBUTARY_TARGET inline void store_halves(__m256i a, __m256i b, std::uint16_t* out) {
  const __m256i mixed = _mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xAA);
  const __m256i words = _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
  const __m256i low = _mm256_and_si256(words, _mm256_set1_epi32(0xFFFF)), high = _mm256_srli_epi32(words, 16);
  const __m256i halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xD8);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), halves);
}

TRIBUTARY_TARGET void dither(std::uint64_t key, std::uint64_t first, std::uint16_t* out) {
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (std::size_t group = 0; group < kKernelBlock / 64; ++group, out += 64) {
    FourCounters a = four_counters(first + group * 8), b = four_counters(first + group * 8 + 4);
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += kWeyl0, k1 += kWeyl1) {
      const __m256i keys0 = _mm256_set1_epi64x(k0), keys1 = _mm256_set1_epi64x(k1);
      philox_round(a, keys0, keys1);
      philox_round(b, keys0, keys1);
    }
    store_halves(a.c0, b.c0, out);
    store_halves(a.c1, b.c1, out + 16);
    store_halves(a.c2, b.c2, out + 32);
    store_halves(a.c3, b.c3, out + 48);
  }
}

}  // namespace

const Kernels kAvx2Kernels = {"avx2",
                              max_magnitude,
                              max_magnitude_each,
                              add,
                              collect_singly,
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
