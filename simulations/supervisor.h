// simulations/supervisor.h
//
// Runs the processes of a federation to their common end: one coordinator, some participant processes, and whoever
// watches. Ctrl-C (SIGINT) or SIGTERM stops the coordinator in order, which says goodbye to the participants; a second
// one ends all at once. One thread, which has SIGINT, SIGTERM and SIGCHLD blocked while run() lasts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "coordinator/round_record.h"

namespace tributary::simulation {

struct Programs {
  Path coordinator, participant;
};

// The two programs beside the one that is running. Throws Unavailable when one is missing.
Programs programs_beside_us();

struct Orders {
  Programs programs;
  std::vector<std::string> coordinator;                // arguments
  std::vector<std::vector<std::string>> participants;  // arguments of each process, to which --server is added
  Path out;                                            // of the run; its logs are in out/logs
  // How often a participant process that ended before its time is started again. It needs --state among its arguments
  // to go on as if nothing had happened.
  std::uint32_t restarts = 0;
};

// What the watcher sees, in order.
struct Watcher {
  std::function<void(const std::string&)> note;  // what is about to run
  std::function<void(std::size_t processes)> started;
  std::function<void(const coordinator::RoundRecord&)> round;
  std::function<void(const std::string&)> warning;
  std::function<void(double seconds)> waiting;  // some times a second, seconds since the last round ended
};

struct Outcome {
  bool interrupted = false;
  std::uint64_t coordinator_peak_rss_bytes = 0;
  std::uint64_t participant_peak_rss_bytes = 0;  // of the largest process
};

// A participant process that fails or is killed is started again, orders.restarts times at most; each time is warned of
// and has a log of its own. One that has no restart left and ends before the first round is over makes the run useless:
// Unavailable, with the last line of its log. Later ones are warned of, and the rounds go on with who is left; when
// nobody is, the coordinator is stopped. Throws Unavailable also when the coordinator fails or does not listen within
// 30 seconds. No process is left afterwards, whatever happens.
Outcome run(const Orders& orders, const Watcher& watcher);

}  // namespace tributary::simulation
