// common/codec/edge_scales.h (internal to codec)
//
// How the integers of an edge copy get their scales. Shared by those who write a copy and those who only round as one.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "common/codec/edge_copy.h"
#include "common/codec/edge_format.h"
#include "common/codec/kernels.h"

namespace tributary::codec {

// Of two bytes on the wire.
inline float upper_half(float x, std::uint32_t round) {
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) + round) & 0xFFFF0000u);
}

// The largest magnitude becomes `levels`. Rounded up, so that no quotient exceeds `levels`.
inline float scale_of(Magnitude largest, unsigned levels) {
  if (largest < kTooSmall) return 0;
  return upper_half(std::bit_cast<float>(largest) / static_cast<float>(levels), 0xFFFF);
}

// A scale of the last copy that still serves: the largest magnitude needs about `levels` of it, and rounds to no more
// than the bits hold.
inline bool still_serves(float previous, Magnitude largest, unsigned levels, unsigned bits) {
  if (!(previous > 0)) return false;
  const float needed = std::bit_cast<float>(largest) / previous, wanted = static_cast<float>(levels);
  const float most = static_cast<float>(largest_integer(bits)) + 0.49F;
  return needed >= 0.75F * wanted && needed <= std::min(1.25F * wanted, most);
}

}  // namespace tributary::codec
