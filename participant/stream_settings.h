// participant/stream_settings.h
//
// The keys of a participant that learns from a stream, and what they open. For the program.
#pragma once

#include <memory>
#include <string>

#include "common/data/source.h"
#include "common/data/stream.h"
#include "common/learn/stream_learner.h"
#include "common/options/keys.h"

namespace tributary::participant {

struct StreamSettings {
  std::string source = "data";  // stream.source
  learn::StreamPlan plan;
  std::uint64_t seed = 1;
};

// Declares stream.*, online.*, drift.* and seed.
void bind_stream(options::Keys& keys, StreamSettings& settings);

// The stream that stream.source names: the examples of data.* in their order, or a generator's. Throws what
// data::open() and data::make_generator() throw.
std::unique_ptr<data::ExampleStream> open_stream(const StreamSettings& settings, const data::DataSource& data);

}  // namespace tributary::participant
