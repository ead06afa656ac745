#include "simulations/scenario.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/options/data_keys.h"
#include "common/options/stream_keys.h"

namespace tributary::simulation {

namespace {

// Seconds in which a process starts, on a machine that others keep busy too.
constexpr const char* kTimeToStart = "60";

bool is_data(std::string_view key) {
  return key.starts_with("data.");
}

bool is_own(std::string_view key) {
  return key.starts_with("simulation.");
}

bool is_stream(std::string_view key) {
  return key.starts_with("stream.");
}

// Where the coordinator listens and how many it waits for are the simulation's to say.
bool is_decided_here(std::string_view key) {
  return key == "listen.host" || key == "listen.port";
}

std::string argument(const options::Keys& keys, const std::string& key) {
  return "--" + key + "=" + keys.value(key);
}

// In one process and in real time nobody is late or away: only the machine can be busy with something else, and the
// models of a simulation do not depend on that.
void wait_for_everybody(const Scenario& scenario, options::Keys& keys) {
  if (scenario.crowd.engine != "inline" || scenario.habits.any()) return;
  for (const auto& [key, seconds] : {std::pair("round.deadline_seconds", "1000000"), {"session.ping_seconds", "600"}}) {
    if (!keys.was_set(key)) keys.set(key, seconds, "--engine inline");
  }
}

// natural:COLUMN says which column names the holders, here and in every participant's process.
void take_holder_from_partition(const Scenario& scenario, options::Keys& keys) {
  constexpr std::string_view kNatural = "natural:";
  const std::string& partition = scenario.crowd.partition;
  if (!partition.starts_with(kNatural) || keys.was_set("data.holder")) return;
  keys.set("data.holder", partition.substr(kNatural.size()), "simulation.partition");
}

}  // namespace

std::uint32_t Crowd::processes() const {
  return (participants + participants_per_process - 1) / participants_per_process;
}

void bind(options::Keys& keys, Scenario& scenario) {
  Crowd& crowd = scenario.crowd;
  keys.count("simulation.participants", crowd.participants, {1, 100000}, "participants of the federation");
  keys.count("simulation.participants_per_process", crowd.participants_per_process, {1, 100000},
             "participants that share one process; the model does not depend on it");
  keys.count("simulation.workers_per_process", crowd.workers_per_process, {1, 1024},
             "threads of each process that train");
  keys.count("simulation.restarts", crowd.restarts, {0, 1000},
             "how often a participant process that ended before its time is started again, with what its participants "
             "kept on disk; the model stays the same when nothing is given up in between");
  keys.text(
      "simulation.partition", crowd.partition,
      "who holds what: iid = equal random parts, interleaved = one each in turn, shards:K = K runs of the examples "
      "sorted by label, dirichlet:ALPHA = labels skewed, the more the smaller ALPHA, quantity_lognormal:SIGMA and "
      "quantity_power:EXPONENT = random parts of such sizes, natural:COLUMN = as a column of the CSV file says");
  keys.choice("simulation.engine", crowd.engine, {"processes", "inline"},
              "processes: the real programs over TLS; inline: the same code in this process, without sockets");
  keys.flag("simulation.stream", crowd.stream,
            "whether each participant learns its examples as a stream: in their order, once, stream.round_examples a "
            "round; deal them with simulation.partition = interleaved or natural:COLUMN, and set training.online");
  keys.count("simulation.workers", crowd.workers, {0, 1024}, "threads of the inline engine that train; 0 = all cores");
  bind(keys, scenario.habits);
  options::bind_data(keys, scenario.data, "data", "training examples, shared out over the participants");
  options::bind_stream_rounds(keys, scenario.rounds);
  coordinator::bind(keys, scenario.coordinator);
}

void complete(Scenario& scenario, options::Keys& keys) {
  if (!options::names_data(keys, "data")) {
    fail(Error::Kind::Malformed,
         "data.images and data.labels (or data.file) are not set: a simulation needs examples to share out");
  }
  if (keys.was_set("data.subset")) {
    fail(Error::Kind::Malformed, "data.subset: a simulation makes the subsets itself; remove the key");
  }
  for (const char* key : {"listen.host", "listen.port"}) {
    if (keys.was_set(key)) {
      fail(Error::Kind::Malformed, std::string(key) + ": a simulation listens on a free port of 127.0.0.1; remove it");
    }
  }
  take_holder_from_partition(scenario, keys);
  check(scenario.habits);
  check(scenario.rounds);
  if (!scenario.crowd.stream) {
    for (const options::KeyInfo& key : keys.list())
      if (is_stream(key.name) && keys.was_set(key.name))
        fail(Error::Kind::Malformed, key.name + ": is of use with simulation.stream=yes only");
  }
  if (scenario.habits.any() && scenario.crowd.engine != "inline") {
    fail(Error::Kind::Malformed,
         "simulation.latency_ms, bandwidth_mbps, examples_per_second and online_seconds simulate time: add --engine "
         "inline");
  }
  if (scenario.habits.online_seconds && !keys.was_set("round.participants")) {
    fail(Error::Kind::Malformed,
         "round.participants is not set: with simulation.online_seconds the whole crowd is never there at once, so say "
         "how many the first round waits for");
  }
  if (!keys.was_set("round.participants")) {
    keys.set("round.participants", std::to_string(scenario.crowd.participants), "simulation.participants");
  }
  if (scenario.crowd.restarts > 0 && scenario.crowd.engine != "processes") {
    fail(Error::Kind::Malformed,
         "simulation.restarts: --engine inline has no processes to start again; remove the key");
  }
  if (scenario.crowd.restarts > 0 && !keys.was_set("round.return_seconds")) {
    keys.set("round.return_seconds", kTimeToStart, "simulation.restarts");
  }
  wait_for_everybody(scenario, keys);
  const std::uint32_t awaited = scenario.coordinator.round.participants.of(scenario.crowd.participants);
  if (awaited > scenario.crowd.participants) {
    fail(Error::Kind::Malformed, "round.participants: " + std::to_string(awaited) +
                                     " must be there, but the simulation has " +
                                     std::to_string(scenario.crowd.participants) + " (simulation.participants)");
  }
  coordinator::check(scenario.coordinator, keys);
}

std::vector<std::string> coordinator_arguments(const options::Keys& keys) {
  std::vector<std::string> arguments;
  for (const options::KeyInfo& key : keys.list()) {
    if (!keys.was_set(key.name) || is_data(key.name) || is_own(key.name) || is_stream(key.name) ||
        is_decided_here(key.name))
      continue;
    arguments.push_back(argument(keys, key.name));
  }
  return arguments;
}

std::vector<std::string> data_arguments(const options::Keys& keys) {
  std::vector<std::string> arguments;
  for (const options::KeyInfo& key : keys.list()) {
    if ((is_data(key.name) || is_stream(key.name)) && keys.was_set(key.name))
      arguments.push_back(argument(keys, key.name));
  }
  return arguments;
}

std::vector<std::pair<std::string, std::string>> configuration(const options::Keys& keys) {
  std::vector<std::pair<std::string, std::string>> own, others;
  for (const options::KeyInfo& key : keys.list()) {
    auto& list = is_own(key.name) || is_data(key.name) || is_stream(key.name) ? own : others;
    list.emplace_back(key.name, keys.value(key.name));
  }
  own.insert(own.end(), others.begin(), others.end());
  return own;
}

std::vector<std::string> participant_names(std::uint32_t count) {
  const std::size_t width = std::max<std::size_t>(4, std::to_string(count - 1).size());
  std::vector<std::string> names;
  names.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string number = std::to_string(i);
    number.insert(0, width - number.size(), '0');
    names.push_back("p" + number);
  }
  return names;
}

}  // namespace tributary::simulation
