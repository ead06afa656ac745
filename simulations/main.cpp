// tributary-simulate: a whole federation on one machine, made of the very programs that run apart.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/command_line.h"
#include "simulations/federation.h"
#include "simulations/picture.h"
#include "simulations/progress.h"
#include "simulations/scenario.h"
#include "simulations/supervisor.h"

namespace {

using namespace tributary;
using namespace tributary::simulation;

constexpr const char* kProgram = "tributary-simulate";

options::Command command() {
  options::Command command;
  command.summary =
      "Runs a federation on this machine: one coordinator, many participants in as many processes as you like, over "
      "mutual TLS on loopback. Leaves the coordinator's run folder with the simulation's parts added.";
  command.positional = {"SCENARIO"};
  command.options = {{"out", "DIR", "folder of the run; must not hold one yet", false},
                     {"json", "", "print each round's record as a line of JSON instead of a table", false}};
  command.examples =
      "  tributary-simulate simulations/quickstart.conf --out runs/quickstart\n"
      "  tributary-simulate simulations/quickstart.conf --out runs/five --simulation.participants_per_process=5\n"
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

Orders orders_for(const Programs& programs, const Federation& federation, const Scenario& scenario,
                  const options::Keys& keys, const Path& out) {
  Orders orders;
  orders.programs = programs;
  orders.out = out;
  orders.coordinator = {"run",        federation.folder.string(), "--out",
                        out.string(), "--listen.host=127.0.0.1",  "--listen.port=0"};
  const std::vector<std::string> settings = coordinator_arguments(keys);
  orders.coordinator.insert(orders.coordinator.end(), settings.begin(), settings.end());
  for (const Path& bundles : federation.bundles) {
    std::vector<std::string> arguments = {"run", "--bundles", bundles.string(), "--workers",
                                          std::to_string(scenario.crowd.workers_per_process)};
    const std::vector<std::string> data = data_arguments(keys);
    arguments.insert(arguments.end(), data.begin(), data.end());
    arguments.push_back("--data.subset=" + scenario.data.index.string());
    orders.participants.push_back(std::move(arguments));
  }
  return orders;
}

// The coordinator's report with what only the simulation knows.
coordinator::Report complete_report(Files& files, const Path& out, const std::string& title, const Scenario& scenario,
                                    const options::Keys& keys, const Federation& federation, const Outcome& outcome) {
  const Path json = out / "report.json";
  coordinator::Report report = coordinator::report_from_json(read_text_file(json), json.string());
  report.title = title;
  const auto own = own_configuration(keys);
  report.configuration.insert(report.configuration.begin(), own.begin(), own.end());
  report.coordinator_peak_rss_bytes = std::max(report.coordinator_peak_rss_bytes, outcome.coordinator_peak_rss_bytes);
  report.participant_peak_rss_bytes = std::max(report.participant_peak_rss_bytes, outcome.participant_peak_rss_bytes);
  report.sections.emplace_back("Who holds what", partition_picture(*federation.examples, federation.names,
                                                                   federation.parts, scenario.crowd.partition));
  write_atomically(files, json, as_bytes(coordinator::report_json(report)), Durability::Buffered);
  write_atomically(files, out / "report.html", as_bytes(coordinator::report_html(report)), Durability::Buffered);
  return report;
}

// Many processes share the cores already: a BLAS with threads of its own only spins.
void one_blas_thread_each() {
  for (const char* name : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}) ::setenv(name, "1", 0);
}

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
  complete(scenario, keys);

  const Programs programs = programs_beside_us();
  one_blas_thread_each();
  RealFiles files;
  const SystemClock clock;
  const std::string title = file.stem().string();
  const Federation federation = make_federation(files, clock, title, scenario, out);
  Screen screen(first->has("json"), scenario.coordinator.rounds);
  if (!first->has("json")) {
    std::cout << title << ": " << federation.names.size() << " participants in " << federation.bundles.size()
              << " processes, " << federation.examples->size() << " examples (" << scenario.crowd.partition
              << "), model " << scenario.coordinator.model << "; logs in " << federation.logs.string() << std::endl;
  }
  const Outcome outcome = run(orders_for(programs, federation, scenario, keys, out), screen.watcher());
  screen.wipe();
  if (outcome.interrupted && !files.exists(out / "report.json")) {
    std::cerr << kProgram << ": interrupted before the coordinator was ready" << std::endl;
    return 130;
  }
  const coordinator::Report report = complete_report(files, out, title, scenario, keys, federation, outcome);
  if (!first->has("json")) std::cout << closing_words(report, out);
  return outcome.interrupted ? 130 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  return options::run_main(kProgram, [&] { return simulate({argv + 1, argv + argc}); });
}
