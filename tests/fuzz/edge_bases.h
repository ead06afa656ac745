// tests/fuzz/edge_bases.h
//
// The copies that the differences of edge_delta_fuzz refer to: one a model, of few levels, so that a difference is
// short.
#pragma once

#include "common/base/random.h"
#include "common/codec/edge_delta.h"
#include "tests/fuzz/codec_models.h"

namespace tributary::fuzz {

// Magic, version and three digests.
inline constexpr std::size_t kDeltaHeader = 8 + 3 * 32;

inline codec::EdgeIntegers some_base(const model::LayoutPtr& layout) {
  model::ParameterSet set(layout);
  RandomStream random(2, "base");
  for (float& v : set.values()) v = static_cast<float>(random.normal());
  const codec::EdgePlan plan{.sparsity = layout == large_layout() ? 0.85 : 0.5, .levels = 3};
  return codec::edge_integers(codec::encode_edge_copy(set, {}, plan).blob, layout);
}

inline const codec::EdgeIntegers& base_of(std::uint8_t choice) {
  static const codec::EdgeIntegers small = some_base(small_layout()), large = some_base(large_layout());
  return (choice & kLarge) != 0 ? large : small;
}

}  // namespace tributary::fuzz
