// participant/stream_settings.h
//
// The keys of a participant that learns from a stream, and what they open. For the program.
#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/data/live_stream.h"
#include "common/data/mqtt.h"
#include "common/data/source.h"
#include "common/data/stream.h"
#include "common/learn/stream_learner.h"
#include "common/options/keys.h"

namespace tributary::participant {

struct StreamSettings {
  std::string source = "data";  // stream.source
  data::RecordSchema schema;    // of what lines hold
  bool follow = true;           // stream.follow: wait for more at a file's end
  Path rejects;                 // stream.rejects
  data::MqttOptions mqtt;
  learn::StreamPlan plan;
  std::uint64_t seed = 1;
};

// Declares stream.*, online.*, drift.* and seed.
void bind_stream(options::Keys& keys, StreamSettings& settings);
// Those of the source alone.
void bind_source(options::Keys& keys, StreamSettings& settings);

// A stream, and the way back to a place in it.
class OpenStream final : public data::ExampleStream {
 public:
  // What stream.source names: the examples of data.* in their order, a generator's, or lines. `position`: of an earlier
  // run, behind which it goes on; empty = from the beginning. Throws what data::open(), data::make_generator() and the
  // sources of line_source.h and mqtt.h throw. `clock` must outlive the stream.
  OpenStream(const StreamSettings& settings, const data::DataSource& data, const Clock& clock,
             const std::string& position = "");

  bool is_live() const { return live_ != nullptr; }
  std::size_t features() const override { return stream_->features(); }
  std::uint32_t classes() const override { return stream_->classes(); }
  data::Next next(std::span<float> features, float& label) override;
  // Behind the last example given; empty where the source has no way back (standard input, a socket, MQTT).
  std::string position() const override;
  const data::Rejects& rejects() const { return rejects_; }

 private:
  void skip(std::uint64_t count);

  data::Rejects rejects_;
  std::unique_ptr<data::ExampleStream> stream_;
  data::LiveStream* live_ = nullptr;  // the same, where it reads lines
  std::uint64_t given_ = 0;
};

}  // namespace tributary::participant
