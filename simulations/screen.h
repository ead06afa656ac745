// simulations/screen.h
//
// What tributary-simulate shows while it works: a table of rounds on options::LiveTable, or lines of JSON, or of a
// sweep. One thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "common/options/terminal.h"
#include "simulations/supervisor.h"

namespace tributary::simulation {

class Screen {
 public:
  enum class Style : std::uint8_t {
    Table,  // a row for each round
    Json,   // a record's line for each round
    Sweep,  // no rounds: only the status line
  };
  // `rounds` of a run; 0 = for ever. `out` must outlive it.
  Screen(std::ostream& out, const options::Terminal& terminal, Style style, std::uint64_t rounds);

  // Borrows the screen.
  Watcher watcher();
  // A line of its own.
  void say(const std::string& line);
  // A run begins; what stands before the status line's round ("run 3 of 12").
  void begin(const std::string& prefix);
  // Takes the status line away.
  void wipe() { table_.status(""); }

 private:
  void round(const coordinator::RoundRecord& record);
  void show_status(double seconds = 0);

  std::ostream& out_;
  Style style_;
  options::LiveTable table_;
  options::Pace pace_;
  std::uint64_t rounds_, done_ = 0;
  std::string prefix_;
};

}  // namespace tributary::simulation
