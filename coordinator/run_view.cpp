#include "coordinator/run_view.h"

#include <cstdio>
#include <optional>
#include <ostream>

#include "common/base/text.h"

namespace tributary::coordinator {

namespace {

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string accuracy(const std::optional<Quality>& quality) {
  return quality ? fixed(quality->accuracy, 4) : "-";
}

std::string loss(const std::optional<Quality>& quality) {
  return quality ? fixed(quality->loss, 4) : "-";
}

std::string bytes(std::uint64_t count) {
  return human_bytes(static_cast<double>(count));
}

std::vector<std::string> titles() {
  return {"round", "time", "updates", "train loss", "global acc", "edge acc", "edge loss", "edge copy", "down", "up"};
}

std::vector<std::string> cells(const RoundRecord& r) {
  return {std::to_string(r.round),
          human_seconds(r.seconds.round),
          std::to_string(r.accepted) + "/" + std::to_string(r.selected),
          r.accepted > 0 ? fixed(r.train_loss, 4) : "-",
          accuracy(r.global),
          accuracy(r.edge),
          loss(r.edge),
          bytes(r.edge_bytes),
          bytes(r.bytes_down),
          bytes(r.bytes_up)};
}

// "not counted: 2 late, 1 not finite".
std::string what_was_refused(const RoundRecord& record) {
  std::string text;
  for (const auto& [reason, count] : record.refused) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
  }
  return text;
}

}  // namespace

RunView::RunView(std::ostream& out, const Options& options)
    : out_(out),
      options_(options),
      table_(out, options.json ? options::Terminal{} : options.terminal, titles(), {5, 8, 7, 0, 0, 0, 0, 9, 8, 8}) {
  progress_.rounds = options.rounds;
}

void RunView::note(const std::string& text) {
  if (!options_.json) table_.note(text);
}

void RunView::waiting_for(std::uint32_t participants) {
  table_.status("waiting for " + std::to_string(participants) + (participants == 1 ? " participant" : " participants"));
}

void RunView::round_started(std::uint64_t round, std::size_t selected) {
  progress_.round = round;
  progress_.updates = 0;
  progress_.wanted = selected;
  show_progress();
}

void RunView::update_arrived(std::uint64_t /*round*/, std::size_t accepted, std::size_t goal) {
  progress_.updates = accepted;
  progress_.wanted = goal;
  show_progress();
}

void RunView::round_finished(const RoundRecord& record) {
  if (options_.json) {
    out_ << to_json(record) << std::endl;
    return;
  }
  table_.row(cells(record));
  if (!record.published) table_.note("round " + std::to_string(record.round) + " was given up: too few updates");
  if (!record.refused.empty()) table_.note("        not counted: " + what_was_refused(record));
  pace_.done(record.seconds.round);
}

void RunView::show_progress() {
  const double part =
      progress_.wanted == 0 ? 0 : static_cast<double>(progress_.updates) / static_cast<double>(progress_.wanted);
  progress_.seconds_left.reset();
  if (progress_.rounds != 0) {
    progress_.seconds_left = pace_.seconds_left(static_cast<double>(progress_.rounds - progress_.round + 1) - part);
  }
  table_.status(options::describe(progress_));
}

}  // namespace tributary::coordinator
