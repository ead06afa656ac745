// common/data/partition_schemes.h
//
// One function for each way to split; partition.cpp has their table. Private to the room.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/random.h"
#include "common/data/dataset.h"

namespace tributary::data {

using Parts = std::vector<std::vector<std::uint32_t>>;

// What a scheme works with. REQUIRES (partition() has checked): 1 <= participants <= dataset.size(), an argument within
// the bounds of the scheme's table entry, class labels where the entry asks for them.
struct Split {
  const Dataset& dataset;
  std::uint32_t participants;
  double argument;  // what stands behind the colon
  RandomStream& random;
};

// Each returns `participants` parts in any order within a part; what they do is told in partition.h.
Parts split_iid(const Split& split);
Parts split_interleaved(const Split& split);
Parts split_shards(const Split& split);
Parts split_dirichlet(const Split& split);
Parts split_quantity_lognormal(const Split& split);
Parts split_quantity_power(const Split& split);
// REQUIRES: at least as many holders as participants.
Parts split_natural(const Split& split);

}  // namespace tributary::data
