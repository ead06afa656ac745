// coordinator/cohort.h
//
// How many a round asks and wants, of those there. Pure; any thread.
#pragma once

#include <cstdint>

#include "coordinator/settings.h"

namespace tributary::coordinator {

struct CohortSize {
  std::uint32_t goal = 0;    // updates that complete the round
  std::uint32_t quorum = 0;  // updates without which it is aborted
  std::uint32_t asked = 0;   // participants to be offered it
};

// With `there` participants. quorum > goal: too few are there for this policy.
CohortSize cohort_size(const RoundPolicy& policy, std::uint32_t there);

}  // namespace tributary::coordinator
