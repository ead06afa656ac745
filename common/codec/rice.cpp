#include "common/codec/rice.h"

#include <algorithm>
#include <limits>

namespace tributary::codec {

unsigned best_rice(std::span<const std::uint32_t> gaps) {
  unsigned best = 0;
  std::uint64_t fewest = std::numeric_limits<std::uint64_t>::max();
  for (unsigned k = 0; k <= kMaxRice; ++k) {
    std::uint64_t bits = gaps.size() * (k + 1);
    for (const std::uint32_t gap : gaps) bits += gap >> k;
    // The length is convex in k.
    if (bits > fewest) break;
    fewest = bits;
    best = k;
  }
  return best;
}

}  // namespace tributary::codec
