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

// The forms that have integers, by bits 3 and 4 of the first byte.
inline constexpr std::array<EdgeForm, 4> kDeltaForms = {{{8, 0}, {4, 64}, {2, 0}, {8, 128}}};

inline codec::EdgePlan delta_plan(std::uint8_t choice, double sparsity, unsigned levels) {
  const EdgeForm& form = kDeltaForms[choice >> 3 & 3];
  const unsigned most = codec::largest_integer(form.bits);
  return {.bits = form.bits, .sparsity = sparsity, .levels = levels < most ? levels : most, .block = form.block};
}

inline codec::EdgeIntegers some_base(const model::LayoutPtr& layout, std::uint8_t choice) {
  model::ParameterSet set(layout);
  RandomStream random(2, "base");
  for (float& v : set.values()) v = static_cast<float>(random.normal());
  const codec::EdgePlan plan = delta_plan(choice, layout == large_layout() ? 0.85 : 0.5, 3);
  return codec::edge_integers(codec::encode_edge_copy(set, {}, plan).blob, layout);
}

inline const codec::EdgeIntegers& base_of(std::uint8_t choice) {
  static const auto made = [] {
    std::array<codec::EdgeIntegers, 8> all;
    for (std::uint8_t form = 0; form < 4; ++form) {
      const auto at = static_cast<std::uint8_t>(form << 3);
      all[form] = some_base(small_layout(), at);
      all[form + 4U] = some_base(large_layout(), at);
    }
    return all;
  }();
  return made[(choice >> 3 & 3) + ((choice & kLarge) != 0 ? 4U : 0U)];
}

}  // namespace tributary::fuzz
