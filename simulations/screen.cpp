#include "simulations/screen.h"

#include <algorithm>
#include <iostream>

#include <unistd.h>

#include "common/base/text.h"
#include "simulations/progress.h"

namespace tributary::simulation {

Screen::Screen(Style style, std::uint64_t rounds)
    : style_(style), live_(style != Style::Json && ::isatty(STDOUT_FILENO) != 0), rounds_(rounds) {}

Watcher Screen::watcher() {
  Watcher watcher;
  watcher.note = [this](const std::string& what) {
    if (style_ == Style::Table) say(what);
  };
  watcher.started = [this](std::size_t) {
    if (style_ == Style::Table) say(table_head());
  };
  watcher.round = [this](const coordinator::RoundRecord& record) { round(record); };
  watcher.warning = [this](const std::string& what) {
    wipe();
    std::cerr << "tributary-simulate: " << what << "\n";
  };
  watcher.waiting = [this](double seconds) { waiting(seconds); };
  return watcher;
}

void Screen::say(const std::string& line) {
  wipe();
  std::cout << line << std::endl;
}

void Screen::set_prefix(const std::string& prefix) {
  prefix_ = prefix + "  ";
  done_ = 0;
}

void Screen::wipe() {
  if (live_) std::cout << "\r\033[K" << std::flush;
}

void Screen::round(const coordinator::RoundRecord& record) {
  done_ = record.round;
  if (style_ == Style::Sweep) return;
  say(style_ == Style::Json ? coordinator::to_json(record) : table_row(record));
}

void Screen::waiting(double seconds) {
  if (!live_) return;
  std::string line = "  " + prefix_ + "round " + std::to_string(done_ + 1);
  if (rounds_ > 0) {
    constexpr std::uint64_t kCells = 24;
    const std::uint64_t full = std::min(kCells, kCells * done_ / rounds_);
    line += " of " + std::to_string(rounds_) + "  [" + std::string(full, '#') + std::string(kCells - full, '.') + "]";
  }
  std::cout << "\r\033[K" << line << "  " << human_seconds(seconds) << std::flush;
}

}  // namespace tributary::simulation
