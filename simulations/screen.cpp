#include "simulations/screen.h"

#include <cmath>
#include <iostream>

#include "simulations/progress.h"

namespace tributary::simulation {

namespace {

// A round that takes this long is said to be under way.
constexpr double kLongSeconds = 2;

}  // namespace

Screen::Screen(std::ostream& out, const options::Terminal& terminal, Style style, std::uint64_t rounds)
    : out_(out),
      style_(style),
      table_(out, style == Style::Json ? options::Terminal{} : terminal, table_titles(), {6, 7, 7, 7, 0, 8, 8, 9, 8}),
      rounds_(rounds) {}

Watcher Screen::watcher() {
  Watcher watcher;
  watcher.note = [this](const std::string& what) {
    if (style_ == Style::Table) say(what);
  };
  watcher.started = [this](std::size_t) { show_status(); };
  watcher.round = [this](const coordinator::RoundRecord& record) { round(record); };
  watcher.waiting = [this](double seconds) { show_status(seconds); };
  watcher.warning = [this](const std::string& what) {
    wipe();
    std::cerr << "tributary-simulate: " << what << "\n";
    show_status();
  };
  return watcher;
}

void Screen::say(const std::string& line) {
  table_.note(line);
}

void Screen::begin(const std::string& prefix) {
  prefix_ = prefix + " · ";
  done_ = 0;
}

void Screen::round(const coordinator::RoundRecord& record) {
  done_ = record.round;
  pace_.done(record.seconds.round);
  if (style_ == Style::Json) out_ << coordinator::to_json(record) << std::endl;
  if (style_ == Style::Table) {
    table_.row(table_cells(record));
    if (const std::string remark = table_remark(record); !remark.empty()) say("       " + remark);
  }
  show_status();
}

// `seconds`: since the round before.
void Screen::show_status(double seconds) {
  if (rounds_ != 0 && done_ >= rounds_) return wipe();
  options::Progress progress{done_ + 1, rounds_, 0, 0, std::nullopt};
  if (rounds_ != 0) progress.seconds_left = pace_.seconds_left(static_cast<double>(rounds_ - done_));
  std::string text = prefix_ + options::describe(progress);
  if (seconds >= kLongSeconds) text += " · for " + std::to_string(std::llround(seconds)) + " s now";
  table_.status(text);
}

}  // namespace tributary::simulation
