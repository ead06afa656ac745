#include <algorithm>
#include <bit>
#include <cstring>

#include "common/codec/kernels.h"

#define TRIBUTARY_TARGET

namespace tributary::codec {

namespace {

#include "common/codec/kernels_loops.inl"
#include "common/codec/kernels_rotation.inl"

std::size_t pack(const std::int8_t* q, std::size_t n, std::uint8_t* mask, std::uint8_t* symbols) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < n; i += 8) {
    const std::size_t width = std::min<std::size_t>(8, n - i);
    unsigned bits = 0;
    for (std::size_t j = 0; j < width; ++j) {
      const unsigned set = q[i + j] != 0;
      symbols[count] = static_cast<std::uint8_t>(q[i + j]);
      count += set;
      bits |= set << j;
    }
    mask[i / 8] = static_cast<std::uint8_t>(bits);
  }
  return count;
}

std::size_t expand(const std::uint8_t* mask, const std::uint8_t* symbols, std::size_t n, std::int8_t* q) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const unsigned set = mask[i / 8] >> (i % 8) & 1u;
    q[i] = static_cast<std::int8_t>(symbols[used] & (0u - set));
    used += set;
  }
  return used;
}

void expand_float(const std::uint8_t* mask, const BlobFloat* kept, std::size_t /*ones*/, std::size_t n, float* out) {
  expand_float_singly(mask, kept, n, out);
}

std::size_t rans_decode(const std::uint32_t* table, RansCursor& cursor, std::size_t groups, std::uint8_t* out) {
  std::size_t done = 0;
  const std::byte* words = cursor.words;
  for (; done < groups && cursor.end - words >= 64; ++done, out += 32) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      std::uint32_t x = cursor.states[lane];
      const std::uint32_t entry = table[x & 0xFFFu];
      out[lane] = static_cast<std::uint8_t>(entry);
      x = (entry >> 8 & 0xFFFu) * (x >> 12) + (entry >> 20);
      std::uint16_t word;
      std::memcpy(&word, words, 2);
      const bool low = x < (1u << 15);
      cursor.states[lane] = low ? x << 16 | word : x;
      words += low ? 2 : 0;
    }
  }
  cursor.words = words;
  return done;
}

}  // namespace

const Kernels kPortableKernels = {"portable",
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
                                  pack_float_singly,
                                  expand_float,
                                  count_ones,
                                  has_bad_symbol,
                                  take_apart_singly,
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
