// tests/bench/transport_participants.h
//
// Participants that do not train: each receives the edge copy, and answers with an update that was encoded beforehand.
// They run in processes of their own (forks of this one), many in each, one thread a process, so that what they use is
// not counted as the coordinator's and is as little as TLS allows.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <sys/types.h>

#include "common/net/pki.h"
#include "common/wire/frame.h"
#include "common/wire/messages.h"

namespace tributary::bench {

// The one update that all of them send, in every round.
struct ReadyUpdate {
  wire::Update announcement;  // round and edge are filled in
  std::shared_ptr<const wire::FramedBlob> blob;
};

// What the participants of all processes have seen. Times are seconds of the monotonic clock.
struct Observed {
  std::vector<double> offered;         // when the first of them was offered each round, and when the first Goodbye came
  double coordinator_cpu_seconds = 0;  // from the end of the warm-up round to the Goodbye
  double bytes_down = 0, bytes_up = 0;  // on the wire, all participants', in the rounds after the warm-up
};

// Takes part in `rounds` rounds, the first of them the warm-up, with all `bundles`, spread over `processes` forks.
// `coordinator`: whose CPU time is looked at. Throws Unavailable when one of them fails.
// REQUIRES: the process has one thread.
Observed take_part(const std::vector<net::Bundle>& bundles, const ReadyUpdate& update, std::size_t rounds,
                   std::size_t processes, pid_t coordinator);

}  // namespace tributary::bench
