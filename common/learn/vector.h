// common/learn/vector.h
//
// A vector register of floats in the widest form that the including source is compiled for. Only the kernel sources
// include this: what it defines differs between them, hence the unnamed namespace.
#pragma once

#include <cstddef>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace tributary::learn {
namespace {

#if defined(__AVX512F__)

constexpr std::size_t kLanes = 16;
constexpr int kTallRows = 14;  // of a tile two vectors wide: 28 sums, 2 vectors of b, 1 of a
constexpr int kFlatRows = 3, kFlatVectors = 8;
constexpr int kDotRows = 6;

using Vector = __m512;
inline Vector zero() {
  return _mm512_setzero_ps();
}
inline Vector all(float value) {
  return _mm512_set1_ps(value);
}
inline Vector load(const float* p) {
  return _mm512_loadu_ps(p);
}
inline void store(float* p, Vector v) {
  _mm512_storeu_ps(p, v);
}
inline __mmask16 first(std::size_t count) {
  return static_cast<__mmask16>((1u << count) - 1u);
}
inline Vector load_first(const float* p, std::size_t count) {
  return _mm512_maskz_loadu_ps(first(count), p);
}
inline void store_first(float* p, Vector v, std::size_t count) {
  _mm512_mask_storeu_ps(p, first(count), v);
}
inline Vector plus_product(Vector a, Vector b, Vector c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline Vector minus_product(Vector a, Vector b, Vector c) {
  return _mm512_fnmadd_ps(a, b, c);
}
// not_at_most: a > b, or one is nan.
// max() gives its second operand when one is nan.
inline Vector relu(Vector v) {
  return _mm512_max_ps(zero(), v);
}
using Mask = __mmask16;
inline Mask not_at_most(Vector a, Vector b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ);
}
inline Mask equal(Vector a, Vector b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
inline Vector choose(Mask mask, Vector yes, Vector no) {
  return _mm512_mask_blend_ps(mask, no, yes);
}
inline bool is_zero(Vector v) {
  return _mm512_cmp_ps_mask(v, zero(), _CMP_NEQ_UQ) == 0;
}
// The sums of four vectors, written to or added to four neighbours.
inline void sum_four(Vector a, Vector b, Vector c, Vector d, float* to, bool add) {
  const Vector ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const Vector cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const Vector abcd = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
  const __m256 half =
      _mm256_add_ps(_mm512_castps512_ps256(abcd), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(abcd), 1)));
  const __m128 sums = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  _mm_storeu_ps(to, add ? _mm_add_ps(_mm_loadu_ps(to), sums) : sums);
}

#elif defined(__AVX2__)

constexpr std::size_t kLanes = 8;
constexpr int kTallRows = 6;
constexpr int kFlatRows = 2, kFlatVectors = 4;
constexpr int kDotRows = 3;

using Vector = __m256;
inline Vector zero() {
  return _mm256_setzero_ps();
}
inline Vector all(float value) {
  return _mm256_set1_ps(value);
}
inline Vector load(const float* p) {
  return _mm256_loadu_ps(p);
}
inline void store(float* p, Vector v) {
  _mm256_storeu_ps(p, v);
}
inline __m256i first(std::size_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vector load_first(const float* p, std::size_t count) {
  return _mm256_maskload_ps(p, first(count));
}
inline void store_first(float* p, Vector v, std::size_t count) {
  _mm256_maskstore_ps(p, first(count), v);
}
inline Vector plus_product(Vector a, Vector b, Vector c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline Vector minus_product(Vector a, Vector b, Vector c) {
  return _mm256_fnmadd_ps(a, b, c);
}
inline Vector relu(Vector v) {
  return _mm256_max_ps(zero(), v);
}
using Mask = __m256;
inline Mask not_at_most(Vector a, Vector b) {
  return _mm256_cmp_ps(a, b, _CMP_NLE_UQ);
}
inline Mask equal(Vector a, Vector b) {
  return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}
inline Vector choose(Mask mask, Vector yes, Vector no) {
  return _mm256_blendv_ps(no, yes, mask);
}
inline bool is_zero(Vector v) {
  return _mm256_movemask_ps(_mm256_cmp_ps(v, zero(), _CMP_NEQ_UQ)) == 0;
}
inline void sum_four(Vector a, Vector b, Vector c, Vector d, float* to, bool add) {
  const Vector abcd = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  const __m128 sums = _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
  _mm_storeu_ps(to, add ? _mm_add_ps(_mm_loadu_ps(to), sums) : sums);
}

#else

constexpr std::size_t kLanes = 4;
constexpr int kTallRows = 6;
constexpr int kFlatRows = 2, kFlatVectors = 4;
constexpr int kDotRows = 3;

typedef float Vector __attribute__((vector_size(16)));
inline Vector zero() {
  return Vector{};
}
inline Vector all(float value) {
  return Vector{value, value, value, value};
}
inline Vector load(const float* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vector v) {
  __builtin_memcpy(p, &v, sizeof v);
}
inline Vector load_first(const float* p, std::size_t count) {
  return Vector{count > 0 ? p[0] : 0, count > 1 ? p[1] : 0, count > 2 ? p[2] : 0, count > 3 ? p[3] : 0};
}
inline void store_first(float* p, Vector v, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) p[i] = v[i];
}
inline Vector plus_product(Vector a, Vector b, Vector c) {
  return c + a * b;
}
inline Vector minus_product(Vector a, Vector b, Vector c) {
  return c - a * b;
}
inline Vector relu(Vector v) {
  return v < 0.0f ? zero() : v;
}
typedef int Mask __attribute__((vector_size(16)));
inline Mask not_at_most(Vector a, Vector b) {
  return ~(a <= b);
}
inline Mask equal(Vector a, Vector b) {
  return a == b;
}
inline Vector choose(Mask mask, Vector yes, Vector no) {
  return mask ? yes : no;
}
inline bool is_zero(Vector v) {
  return v[0] == 0 && v[1] == 0 && v[2] == 0 && v[3] == 0;
}
inline void sum_four(Vector a, Vector b, Vector c, Vector d, float* to, bool add) {
  const Vector sums{(a[0] + a[1]) + (a[2] + a[3]), (b[0] + b[1]) + (b[2] + b[3]), (c[0] + c[1]) + (c[2] + c[3]),
                    (d[0] + d[1]) + (d[2] + d[3])};
  store(to, add ? load(to) + sums : sums);
}

#endif

}  // namespace
}  // namespace tributary::learn
