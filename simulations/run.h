// simulations/run.h
//
// One run of a scenario, from its keys to its folder, with either engine.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/options/keys.h"
#include "coordinator/report.h"
#include "simulations/scenario.h"
#include "simulations/supervisor.h"

namespace tributary::simulation {

struct RunResult {
  std::optional<coordinator::Report> report;  // nothing when it was interrupted before the coordinator was ready
  bool interrupted = false;
};

// `scenario` is bound to `keys` and complete. Leaves report.json and report.html in `out`, with "Who holds what". Says
// what it is about to do with watcher.note. Throws what share_out, make_federation, run and run_inline throw.
RunResult run_scenario(Files& files, const std::string& title, Scenario& scenario, const options::Keys& keys,
                       const Path& out, const Watcher& watcher);

}  // namespace tributary::simulation
