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

// The table's columns and a row of them for each round.
std::vector<std::string> table_titles();
std::vector<std::string> table_cells(const coordinator::RoundRecord& record);
// What a row does not say of its round: "aborted, 2 late, 1 vanished"; empty when there is nothing to say.
std::string table_remark(const coordinator::RoundRecord& record);

// What a run reached and where to look, some lines.
std::string closing_words(const coordinator::Report& report, const Path& out);

}  // namespace tributary::simulation
