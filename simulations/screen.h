// simulations/screen.h
//
// What tributary-simulate shows while it works: live lines on a terminal, plain ones elsewhere. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "simulations/supervisor.h"

namespace tributary::simulation {

class Screen {
 public:
  enum class Style : std::uint8_t {
    Table,  // a row for each round
    Json,   // a record's line for each round
    Sweep,  // no rounds: only the line that is drawn anew
  };
  // `rounds` of a run; 0 = for ever.
  Screen(Style style, std::uint64_t rounds);

  // Borrows the screen.
  Watcher watcher();
  // A line of its own.
  void say(const std::string& line);
  // What stands before the live line's round ("run 3 of 12").
  void set_prefix(const std::string& prefix);
  // Takes the live line away.
  void wipe();

 private:
  void round(const coordinator::RoundRecord& record);
  void waiting(double seconds);

  Style style_;
  bool live_;
  std::uint64_t rounds_, done_ = 0;
  std::string prefix_;
};

}  // namespace tributary::simulation
