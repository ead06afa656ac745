// simulations/progress.h
//
// The rounds as they happen, read from rounds.jsonl, and a table of them for people. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "coordinator/report.h"
#include "coordinator/round_record.h"

namespace tributary::simulation {

// Follows a rounds.jsonl that grows, and need not exist yet.
class RoundTail {
 public:
  explicit RoundTail(Path file) : file_(std::move(file)) {}
  // The records that were completed since the last call; a line that is still being written waits for the next one.
  // Throws what record_from_json throws.
  std::vector<coordinator::RoundRecord> next();

 private:
  Path file_;
  std::uint64_t read_ = 0;
  std::string rest_;
};

// The table's head and a line for each round, without line breaks.
std::string table_head();
std::string table_row(const coordinator::RoundRecord& record);

// What a run reached and where to look, some lines.
std::string closing_words(const coordinator::Report& report, const Path& out);

}  // namespace tributary::simulation
