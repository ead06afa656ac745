// simulations/inline_engine.h
//
// A federation in this process: the real coordinator::Server and participant::Agents over loopback channels, without
// sockets, TLS or authority. One data set for all; of each participant only its session, its residual and its indices.
// The model is that of the same scenario in processes.
//
// In real time by default, with simulation.workers threads that train. When the scenario gives participants habits
// (habits.h), in simulated time: seconds in records and report are simulated ones. What is not waited for in them
// (checking, folding, encoding) counts 0; an evaluation takes simulation.evaluation_seconds, and the next round goes on
// beside it, in simulated time as in real time.
#pragma once

#include <string>

#include "coordinator/report.h"
#include "simulations/federation.h"
#include "simulations/scenario.h"
#include "simulations/supervisor.h"

namespace tributary::simulation {

struct InlineRun {
  coordinator::Report report;  // title and configuration are the caller's
  bool interrupted = false;    // by SIGINT or SIGTERM
};

// Writes rounds.jsonl and the models to `out`; the reports are the caller's to write. Blocks; reports to `watcher` from
// the calling thread. Throws what Server, model::load_or_make and evaluate_on throw; Unavailable when simulated time
// comes to a standstill (too few participants for a round, for a year).
InlineRun run_inline(Files& files, const options::Keys& keys, const Scenario& scenario, const Holdings& holdings,
                     const std::string& title, const Path& out, const Watcher& watcher);

}  // namespace tributary::simulation
