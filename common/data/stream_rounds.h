// common/data/stream_rounds.h
//
// What a round of a federation takes from a participant's stream. Plain values.
#pragma once

#include <cstdint>
#include <string>

namespace tributary::data {

struct StreamRounds {
  std::uint32_t examples = 1000;  // stream.round_examples: that a round takes at most
  std::uint32_t least = 1;        // stream.round_least: with fewer the offer is declined
  // stream.keep: what becomes of more than a round takes:
  //   all        the rest stays where it is, for the next round
  //   newest     the rest is passed over
  //   reservoir  a uniform sample is kept (Vitter 1985), in the order of time
  //   window     the last `examples` are learnt in every round, as long as one of them is new
  std::string keep = "all";
  bool standardize = true;  // as learn::StreamPlan has them
  std::uint32_t scale_window = 0;
  double scale = 1;
  bool last_label = false;
  std::uint64_t seed = 1;
};

// Throws Malformed naming the key of the first field out of range.
void check(const StreamRounds& rounds);

}  // namespace tributary::data
