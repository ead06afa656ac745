// common/options/stream_keys.h
//
// The keys of a stream that several programs share: how its features are prepared, and what a round of a federation
// takes from it.
#pragma once

#include "common/data/stream_rounds.h"
#include "common/options/keys.h"

namespace tributary::options {

// Declares stream.standardize, scale_window, scale, last_label.
void bind_stream_features(Keys& keys, bool& standardize, std::uint32_t& window, double& scale, bool& last_label);
// Those, and stream.round_examples, round_least, keep.
void bind_stream_rounds(Keys& keys, data::StreamRounds& rounds);

}  // namespace tributary::options
