// common/codec/pruning.h (internal to codec and its tests)
//
// Exact magnitude pruning: which elements are the k smallest, by value alone, ties by place.
#pragma once

#include <cstdint>
#include <span>

#include "common/codec/kernels.h"

namespace tributary::codec {

// Element i (of several spans, counted through) is kept when its magnitude is above `threshold`, or equal to it and
// i >= first_kept_tie.
struct Cut {
  Magnitude threshold = 0;
  std::uint64_t first_kept_tie = 0;

  // The least magnitude kept at i; constant for all i on the same side of first_kept_tie.
  Magnitude keep_from(std::uint64_t i) const { return i < first_kept_tie ? threshold + 1 : threshold; }
};

// Drops exactly `drop` elements of `parts`: the smallest magnitudes; of equal ones those that come first. Takes 16 KiB
// and about a twentieth of the elements as memory; all of them when they are all alike. REQUIRES: drop <= elements.
Cut magnitude_cut(std::span<const std::span<const float>> parts, std::uint64_t drop, unsigned threads);

}  // namespace tributary::codec
