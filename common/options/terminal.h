// common/options/terminal.h
//
// What a program shows while it works: a table that grows by a row a round, and on a terminal a status line below it
// that is drawn anew. Elsewhere (a file, a pipe) only whole lines are printed, and no status.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::options {

struct Terminal {
  bool is_terminal = false;
  std::size_t width = 80;  // columns
};

// Standard output: a terminal is one that can redraw (TERM is not "dumb"); one that does not tell its width has 80
// columns. Any thread.
Terminal standard_output();

// Columns are as wide as their titles and the widest cell so far; cells are right-aligned, two spaces apart. Control
// characters are printed as spaces, so that foreign text cannot move the cursor. Every call flushes. One thread.
//
// Life: any of row(), note(), status() -> destruction, which wipes the status line. `out` must outlive it.
class LiveTable {
 public:
  // `widths`: least width of each column, for cells that will be wider than their title; may be shorter than `titles`.
  LiveTable(std::ostream& out, Terminal terminal, std::vector<std::string> titles,
            std::vector<std::size_t> widths = {});
  LiveTable(const LiveTable&) = delete;
  LiveTable& operator=(const LiveTable&) = delete;
  ~LiveTable();

  // A row, the titles before the first one. REQUIRES: as many cells as titles.
  void row(const std::vector<std::string>& cells);
  // A line of its own, below the rows so far.
  void note(std::string_view text);
  // What the status line says from now on, cut to the terminal's width; empty = none. Nothing where there is no
  // terminal.
  void status(std::string_view text);

 private:
  void line(const std::string& text);
  std::string aligned(const std::vector<std::string>& cells);

  std::ostream& out_;
  Terminal terminal_;
  std::vector<std::string> titles_;
  std::vector<std::size_t> widths_;
  std::string status_;
  bool has_rows_ = false;
};

// How long the steps (rounds, updates) to come will take, from the last few that are done. One thread.
class Pace {
 public:
  // A step took `seconds`.
  void done(double seconds);
  // For `steps` more, fractions allowed; nullopt before the first is done.
  std::optional<double> seconds_left(double steps) const;

 private:
  std::deque<double> last_;
};

struct Progress {
  std::uint64_t round = 0;   // under way, from 1
  std::uint64_t rounds = 0;  // of the run; 0 = for ever
  std::uint64_t updates = 0;
  std::uint64_t wanted = 0;  // updates of this round; 0 = not known yet
  std::optional<double> seconds_left = std::nullopt;
};

// "round 4 of 10 · 6/10 updates · about 12 s left".
std::string describe(const Progress& progress);

}  // namespace tributary::options
