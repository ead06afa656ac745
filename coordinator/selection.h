// coordinator/selection.h
//
// Which participants a round asks. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tributary::coordinator {

// `count` of `candidates` (all when there are no more), uniformly, by the stream (seed, "selection", round). The result
// is sorted and does not depend on the order of `candidates`.
std::vector<std::string> select_cohort(std::vector<std::string> candidates, std::uint32_t count, std::uint64_t seed,
                                       std::uint64_t round);

}  // namespace tributary::coordinator
