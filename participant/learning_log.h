// participant/learning_log.h
//
// What a learner on a stream shows: a row every so many examples on standard output, the same as JSON lines in a
// folder, and at the end a summary. For the program; one thread.
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include "common/base/files.h"
#include "common/data/record.h"
#include "common/learn/stream_learner.h"
#include "common/options/terminal.h"

namespace tributary::participant {

class LearningLog {
 public:
  // `folder`: where stream.jsonl and report.json go; empty = nowhere. `json`: one object at the end instead of a table.
  // `goes_on`: behind the lines of an earlier run. Throws Unavailable.
  LearningLog(const Path& folder, bool json, bool goes_on);

  void note(const std::string& line);
  void row(const learn::StreamLearner& learner);
  void drift(std::uint64_t example);
  void end(const learn::StreamLearner& learner, const data::Rejects& rejects, double seconds);

 private:
  Path folder_;
  bool json_;
  std::ofstream lines_;
  std::unique_ptr<options::LiveTable> table_;
};

}  // namespace tributary::participant
