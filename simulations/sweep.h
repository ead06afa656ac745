// simulations/sweep.h
//
// Many runs of one scenario: every combination of some keys' values, each with several seeds. Plain values and pure
// functions; running them is the program's. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "coordinator/report.h"

namespace tributary::simulation {

using Setting = std::pair<std::string, std::string>;  // key, value

// A key and the values that it takes.
struct Axis {
  std::string key;
  std::vector<std::string> values;
};

// "training.learning_rate=0.1,0.2". Within a value a comma is written "\,", as in
// simulation.latency_ms=constant:1,uniform:1\,2. Throws Malformed: no '=', no value, a value twice, the key "seed"
// (--seeds is for that).
Axis parse_axis(std::string_view text);

struct Sweep {
  std::vector<Axis> axes;
  std::uint32_t seeds = 1;  // first_seed, first_seed + 1, ...
  std::uint64_t first_seed = 1;
};

// One line of the table: a combination, and its runs.
struct Combination {
  std::vector<Setting> settings;  // in the axes' order
  std::string name;               // "learning_rate=0.1 batch_size=10": of a folder too; "base" without axes
};

// All combinations, the last axis turning fastest. Throws Malformed: two axes of one key, more than 10,000 runs.
std::vector<Combination> combinations(const Sweep& sweep);

// What is kept of a run.
struct Result {
  std::size_t combination = 0;  // which
  std::uint64_t seed = 0;
  std::string folder;  // below the sweep's
  std::string ended;
  coordinator::Totals totals;
  std::optional<coordinator::Quality> edge, global;  // the last ones
  double seconds = 0;
  std::string model_digest;
  // For the plots: rounds that were evaluated, and the edge copy's accuracy (loss for models without classes).
  std::vector<std::pair<std::uint64_t, double>> curve;
};
Result result_of(const coordinator::Report& report, std::size_t combination, std::uint64_t seed, std::string folder);

// The report of a finished run of exactly this title and configuration in `folder`; nullopt when there is none, or it
// was interrupted or has failed.
std::optional<coordinator::Report> finished_run(const Path& folder, const std::string& title,
                                                const std::vector<std::pair<std::string, std::string>>& configuration);

// Median, least and largest of some values.
struct Spread {
  std::size_t count = 0;
  double median = 0, least = 0, largest = 0;
};
// Of those that are there.
Spread spread_of(std::vector<double> values);

}  // namespace tributary::simulation
