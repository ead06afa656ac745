// common/codec/kernels_tables.h (internal)
//
// Shuffles that move the chosen ones of eight lanes, one row a bit mask.
#pragma once

#include <array>
#include <cstdint>

namespace tributary::codec {

using BytePermutations = std::array<std::array<std::uint8_t, 8>, 256>;

// Row m: for byte j of the result, which of the packed bytes belongs there, or 0x80 (none) when bit j of m is clear.
inline constexpr BytePermutations kSpread = [] {
  BytePermutations rows{};
  for (unsigned m = 0; m < 256; ++m) {
    std::uint8_t rank = 0;
    for (unsigned j = 0; j < 8; ++j) rows[m][j] = (m >> j & 1u) != 0 ? rank++ : std::uint8_t{0x80};
  }
  return rows;
}();

// Row m: the places of the set bits of m, in order, then 0x80.
inline constexpr BytePermutations kGather = [] {
  BytePermutations rows{};
  for (unsigned m = 0; m < 256; ++m) {
    unsigned rank = 0;
    for (unsigned j = 0; j < 8; ++j) {
      if ((m >> j & 1u) != 0) rows[m][rank++] = static_cast<std::uint8_t>(j);
    }
    while (rank < 8) rows[m][rank++] = 0x80;
  }
  return rows;
}();

}  // namespace tributary::codec
