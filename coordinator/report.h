// coordinator/report.h
//
// What a run was and reached, for scripts (report.json) and for people (report.html: one self-contained file with
// plots). Pure functions of their arguments; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/round_record.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

struct Report {
  std::string title;                                               // "fashion-mnist", the federation's name
  std::vector<std::pair<std::string, std::string>> configuration;  // key -> value, as set or by default
  std::vector<std::pair<std::string, std::string>> versions;       // "tributary" -> "0.1.0", "libtorch" -> ...
  std::string ended;                                               // why: "10 rounds", "target reached", "interrupted"
  std::vector<RoundRecord> rounds;
  Target target;
  std::uint64_t parameters = 0;  // of the model
  double seconds = 0;            // of the federation: first offer to last record
  std::uint64_t coordinator_peak_rss_bytes = 0;
  std::uint64_t participant_peak_rss_bytes = 0;  // of the largest participant process
  // More for report.html, each with its heading, as a finished fragment of HTML (a simulation's partition picture).
  std::vector<std::pair<std::string, std::string>> sections;
};

// Sums over the rounds, and when the target was first met (if any): a round's number, its bytes and seconds so far.
struct Totals {
  std::uint64_t rounds = 0, published = 0;
  std::uint64_t bytes_down = 0, bytes_up = 0;
  std::uint64_t updates = 0;  // accepted
  // Share of float32's bytes, per accepted participant and round; nullopt without updates.
  std::optional<double> down_share, up_share;
  std::optional<std::uint64_t> rounds_to_target, bytes_to_target;
  std::optional<double> seconds_to_target;
};
Totals totals_of(const Report& report);

// Whether a round's quality meets the target; false without a target or an evaluation.
bool meets(const Target& target, const RoundRecord& record);

// One JSON object: title, ended, target, configuration, versions, parameters, seconds, peak memory, totals, `final`
// (the last evaluation and digests) and the rounds as in rounds.jsonl. `sections` are left out.
std::string report_json(const Report& report);
// What report_json() wrote, without sections. Throws Malformed naming `source`.
Report report_from_json(std::string_view json, std::string_view source);

// Plots: accuracy of global and edge copy, loss (train, global, edge), bytes per participant down and up beside
// float32's, seconds per phase, participants selected/accepted/refused, edge size and sparsity. Light and dark;
// readable on a phone; no request to anywhere.
std::string report_html(const Report& report);

}  // namespace tributary::coordinator
