// tributary-simulate: a whole federation on one machine, made of the very programs that run apart.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/options/command_line.h"
#include "simulations/progress.h"
#include "simulations/run.h"
#include "simulations/scenario.h"

namespace {

using namespace tributary;
using namespace tributary::simulation;

constexpr const char* kProgram = "tributary-simulate";

options::Command command() {
  options::Command command;
  command.summary =
      "Runs a federation on this machine: one coordinator, many participants in as many processes as you like, over "
      "mutual TLS on loopback, or all in one process (--engine inline), with the same models. Leaves the coordinator's run folder with the simulation's parts added.";
  command.positional = {"SCENARIO"};
  command.options = {{"out", "DIR", "folder of the run; must not hold one yet", false},
                     {"engine", "NAME", "processes or inline: the same as --simulation.engine=NAME", false},
                     {"json", "", "print each round's record as a line of JSON instead of a table", false}};
  command.examples =
      "  tributary-simulate simulations/quickstart.conf --out runs/quickstart\n"
      "  tributary-simulate simulations/quickstart.conf --out runs/five --simulation.participants_per_process=5\n"
      "  tributary-simulate simulations/quickstart.conf --out runs/inline --engine inline\n"
      "  tributary-simulate simulations/fedavg_mnist_2nn_iid.conf --out runs/iid --set rounds=50\n";
  return command;
}

// Live lines for a terminal, plain ones elsewhere.
class Screen {
 public:
  Screen(bool json, std::uint64_t rounds)
      : json_(json), live_(!json && ::isatty(STDOUT_FILENO) != 0), rounds_(rounds) {}

  Watcher watcher() {
    Watcher watcher;
    watcher.note = [this](const std::string& what) {
      if (!json_) std::cout << what << std::endl;
    };
    watcher.started = [this](std::size_t) { head(); };
    watcher.round = [this](const coordinator::RoundRecord& record) { round(record); };
    watcher.warning = [this](const std::string& what) {
      wipe();
      std::cerr << kProgram << ": " << what << "\n";
    };
    watcher.waiting = [this](double seconds) { waiting(seconds); };
    return watcher;
  }

  void wipe() {
    if (live_) std::cout << "\r\033[K" << std::flush;
  }

 private:
  void head() {
    if (!json_) std::cout << table_head() << std::endl;
  }

  void round(const coordinator::RoundRecord& record) {
    done_ = record.round;
    wipe();
    std::cout << (json_ ? coordinator::to_json(record) : table_row(record)) << std::endl;
  }

  void waiting(double seconds) {
    if (!live_) return;
    std::string line = "  round " + std::to_string(done_ + 1);
    if (rounds_ > 0) {
      constexpr std::uint64_t kCells = 24;
      const std::uint64_t full = std::min(kCells, kCells * done_ / rounds_);
      line += " of " + std::to_string(rounds_) + "  [" + std::string(full, '#') + std::string(kCells - full, '.') + "]";
    }
    std::cout << "\r\033[K" << line << "  " << human_seconds(seconds) << std::flush;
  }

  bool json_, live_;
  std::uint64_t rounds_, done_ = 0;
};

int simulate(const std::vector<std::string>& words) {
  // The scenario file comes before --set, so the words are read twice: for its name, then for what they set.
  Scenario unused;
  options::Keys unused_keys;
  bind(unused_keys, unused);
  const auto first = options::parse(command(), &unused_keys, words);
  if (!first) {
    std::cout << options::help(kProgram, command(), &unused_keys);
    return 0;
  }
  const Path file = first->positional.at(0);
  const Path out = first->get("out");
  if (out.empty())
    fail(Error::Kind::Malformed, "--out is not given: name a folder for the run, for example runs/first");

  Scenario scenario;
  options::Keys keys;
  bind(keys, scenario);
  options::read_config(file, keys);
  options::parse(command(), &keys, words);
  if (first->has("engine")) keys.set("simulation.engine", first->get("engine"), "--engine");
  complete(scenario, keys);

  if (scenario.crowd.engine == "inline") log::set_level(log::Level::Error);
  RealFiles files;
  Screen screen(first->has("json"), scenario.coordinator.rounds);
  const RunResult result = run_scenario(files, file.stem().string(), scenario, keys, out, screen.watcher());
  screen.wipe();
  if (!result.report) {
    std::cerr << kProgram << ": interrupted before the coordinator was ready" << std::endl;
    return 130;
  }
  if (!first->has("json")) std::cout << closing_words(*result.report, out);
  return result.interrupted ? 130 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  return options::run_main(kProgram, [&] { return simulate({argv + 1, argv + argc}); });
}
