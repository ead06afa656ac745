// common/data/live_stream.h
//
// A stream of examples from lines that somebody writes: a source, a schema, and a place for what does not fit. One
// thread.
#pragma once

#include <memory>
#include <string>

#include "common/data/line_source.h"
#include "common/data/record.h"
#include "common/data/stream.h"

namespace tributary::data {

class LiveStream final : public ExampleStream {
 public:
  // `rejects` must outlive the stream.
  LiveStream(std::unique_ptr<LineSource> source, RecordSchema schema, Rejects& rejects);

  std::size_t features() const override { return parser_.features(); }
  std::uint32_t classes() const override { return parser_.classes(); }
  Next next(std::span<float> features, float& label) override;

  // Where reading stands, behind the last example given, and what has to be known to go on there. Empty where the
  // source has no way back.
  std::string position() const override;
  // The columns of a position(), to be set before the first next() of a source that was opened at its place.
  void resume(std::string_view position);
  // The source's part of a position().
  static std::string place_of(std::string_view position);

 private:
  std::unique_ptr<LineSource> source_;
  RecordParser parser_;
  Rejects& rejects_;
  LineSource::Line line_;
};

}  // namespace tributary::data
