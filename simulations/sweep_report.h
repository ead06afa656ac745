// simulations/sweep_report.h
//
// What a sweep found: a table for people, sweep.csv (a line a run), sweep.json (combinations with medians and ranges,
// and their runs), sweep.html (self-contained: plots with bands over the seeds). Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "coordinator/settings.h"
#include "simulations/sweep.h"

namespace tributary::simulation {

struct SweepReport {
  std::string title;
  coordinator::Target target;
  std::vector<Combination> combinations;
  std::vector<Result> results;  // any order; a sweep under way lacks some
  std::size_t runs = 0;         // planned
};

// Rounds, bytes and seconds to the target: median (least - largest) of the runs that reached it.
std::string sweep_table(const SweepReport& report);
std::string sweep_csv(const SweepReport& report);
std::string sweep_json(const SweepReport& report);
std::string sweep_html(const SweepReport& report);

}  // namespace tributary::simulation
