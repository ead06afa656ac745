// simulations/scenario.h
//
// What a local federation is made of: everything a coordinator is configured with, the examples to share out, and the
// crowd. Keys are those of the other programs; only "simulation.*" are our own. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/source.h"
#include "common/data/stream_rounds.h"
#include "common/options/keys.h"
#include "coordinator/settings.h"
#include "simulations/habits.h"

namespace tributary::simulation {

struct Crowd {
  std::uint32_t participants = 10;             // simulation.participants
  std::uint32_t participants_per_process = 1;  // simulation.participants_per_process
  std::uint32_t workers_per_process = 1;       // simulation.workers_per_process: threads that train
  std::uint32_t restarts = 0;                  // simulation.restarts: of each process that ended before its time
  std::string partition = "iid";               // simulation.partition: see common/data/partition.h
  std::string engine = "processes";            // simulation.engine: "processes" or "inline"
  bool stream = false;                         // simulation.stream: examples are learnt in the order of time
  std::uint32_t workers = 0;                   // simulation.workers: of the inline engine, threads; 0 = usable cores

  std::uint32_t processes() const;
};

struct Scenario {
  coordinator::Settings coordinator;
  data::DataSource data;  // training examples, shared out over the crowd
  Crowd crowd;
  data::StreamRounds rounds;  // stream.*, with simulation.stream
  HabitPolicy habits;         // simulation.latency_ms and so on; inline engine only
};

void bind(options::Keys& keys, Scenario& scenario);

// What no single key can say; a partition natural:COLUMN sets data.holder unless it was set. Throws Malformed naming
// the keys. round.participants becomes the whole crowd when it was not set, and round.return_seconds long enough for a
// process to start when there are restarts; in one process and in real time no round has a deadline unless it was set.
void complete(Scenario& scenario, options::Keys& keys);

// The keys that the coordinator takes and the user set, as "--key=value": a simulation's own and data.* left out, as
// well as where to listen, which the simulation decides.
std::vector<std::string> coordinator_arguments(const options::Keys& keys);
// The data.* keys that were set, and of a simulation of streams those of stream.*, with their present values.
std::vector<std::string> data_arguments(const options::Keys& keys);
// Every key with its present value, for the report: simulation.* and data.* first.
std::vector<std::pair<std::string, std::string>> configuration(const options::Keys& keys);

// "p0000", "p0001", ...: wide enough for all of them to sort as they count.
std::vector<std::string> participant_names(std::uint32_t count);

}  // namespace tributary::simulation
