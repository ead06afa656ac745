// participant/backoff.h
//
// How long a participant waits before it connects again: doubling pauses, each drawn between half and all of its length
// so that a crowd that lost its coordinator does not come back at once. A pure function; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace tributary::participant {

struct Backoff {
  double first_seconds = 1;
  double max_seconds = 60;
};

// Seconds before the next attempt after `failures` failures in a row (0 counts as 1). The same for the same name and
// number, different between names.
double pause_seconds(const Backoff& backoff, std::string_view participant, std::uint64_t failures);

}  // namespace tributary::participant
