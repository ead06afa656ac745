// participant/stream_source.h
//
// A source of examples that arrive while the participant runs: a round learns what has come since the last one. An
// example stays until the update that was learnt from it is accepted, so that a round which fails loses nothing.
#pragma once

#include <memory>
#include <string>

#include "common/base/files.h"
#include "common/data/stream.h"
#include "common/data/stream_rounds.h"
#include "participant/agent.h"

namespace tributary::participant {

using data::StreamRounds;

// `state`: a file for the place in the stream and what was learnt of its scales, written when an update is accepted, so
// that a later run goes on behind what the federation has learnt; empty = none. The stream must stand at
// stream_position() of that file. An example is learnt twice only when the process dies between the coordinator's
// acceptance and its arrival here. Throws Malformed, and Corrupt for a damaged state.
std::unique_ptr<ExampleSource> stream_examples(std::unique_ptr<data::ExampleStream> stream, const StreamRounds& rounds,
                                               Files& files, const Path& state = {});

// Where a stream goes on; empty = at its beginning. Throws Corrupt.
std::string stream_position(Files& files, const Path& state);

}  // namespace tributary::participant
