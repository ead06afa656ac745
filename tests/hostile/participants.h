// tests/hostile/participants.h
//
// Participants that do not train, many in a process: the honest ones, whose updates follow from their names, and those
// who are enrolled and mean harm. Each function runs all of `bundles` on one thread until they are done, and blocks.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/model/parameters.h"
#include "common/net/pki.h"
#include "tests/hostile/board.h"

namespace tributary::hostile {

struct Habits {
  // In this round they hold their updates until board.cut; then all lines are cut, and they come back at once. 0 =
  // none.
  std::uint64_t cut_in_round = 0;
  // Share that vanishes in each round: half of it cuts the line and comes back later, half says nothing.
  double vanishing = 0;
};

// Until the coordinator says Goodbye. Updates are float32.
void take_part(std::span<const net::Bundle> bundles, const model::ParameterLayout& layout, const Habits& habits,
               Board& board);

// Greet, send one frame that is no message, see the line end; again until board.sent is `frames`. Every frame is
// another: valid messages with some bits changed, noise, absurd lengths, pointers in a circle.
void send_malformed_frames(std::span<const net::Bundle> bundles, std::uint64_t frames, Board& board);

// One update a round that must be refused, until the Goodbye: values that are not finite or out of range, of another
// layout, too short, too long, with another checksum, of another round.
void send_poisoned_updates(std::span<const net::Bundle> bundles, const model::ParameterLayout& layout, Board& board);

// Half frames, a byte each tenth of a second; until board.stop.
void drip(std::span<const net::Bundle> bundles, Board& board);

// Pings as fast as they go, again and again; until board.stop.
void chatter(std::span<const net::Bundle> bundles, Board& board);

}  // namespace tributary::hostile
