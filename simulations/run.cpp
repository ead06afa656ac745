#include "simulations/run.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "common/base/error.h"
#include "simulations/federation.h"
#include "simulations/inline_engine.h"
#include "simulations/picture.h"

namespace tributary::simulation {

namespace {

Orders orders_for(const Programs& programs, const Federation& federation, const Scenario& scenario,
                  const options::Keys& keys, const Path& out) {
  Orders orders;
  orders.programs = programs;
  orders.out = out;
  orders.restarts = scenario.crowd.restarts;
  orders.coordinator = {"run",        federation.folder.string(), "--out",
                        out.string(), "--listen.host=127.0.0.1",  "--listen.port=0"};
  // A simulation that the machine's end has ended is begun anew: its coordinator waits for no disk unless it is told
  // to.
  if (!keys.was_set("store.sync")) orders.coordinator.push_back("--store.sync=no");
  const std::vector<std::string> settings = coordinator_arguments(keys);
  orders.coordinator.insert(orders.coordinator.end(), settings.begin(), settings.end());
  for (const Path& bundles : federation.bundles) {
    std::vector<std::string> arguments = {"run", "--bundles", bundles.string(), "--workers",
                                          std::to_string(scenario.crowd.workers_per_process)};
    const std::vector<std::string> data = data_arguments(keys);
    arguments.insert(arguments.end(), data.begin(), data.end());
    if (scenario.crowd.stream) arguments.push_back("--stream.source=data");
    arguments.push_back("--data.subset=" + scenario.data.index.string());
    if (scenario.crowd.restarts > 0) arguments.insert(arguments.end(), {"--state", (out / "state").string()});
    orders.participants.push_back(std::move(arguments));
  }
  return orders;
}

// Many processes share the cores already: a BLAS with threads of its own only spins.
void one_blas_thread_each() {
  for (const char* name : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}) ::setenv(name, "1", 0);
}

std::string what_runs(const std::string& title, const Scenario& scenario, const Holdings& holdings,
                      const std::string& where) {
  return title + ": " + std::to_string(holdings.names.size()) + " participants " + where + ", " +
         std::to_string(holdings.examples->size()) + " examples (" + scenario.crowd.partition + "), model " +
         scenario.coordinator.model;
}

void say(const Watcher& watcher, const std::string& what) {
  if (watcher.note) watcher.note(what);
}

// What only the simulation knows, and the files.
void complete_report(Files& files, coordinator::Report& report, const std::string& title, const Scenario& scenario,
                     const Holdings& holdings, std::vector<std::pair<std::string, std::string>> configuration,
                     const Path& out) {
  report.title = title;
  report.configuration = std::move(configuration);
  report.sections.emplace_back("Who holds what", partition_picture(*holdings.examples, holdings.names, holdings.parts,
                                                                   scenario.crowd.partition));
  std::error_code ignored;
  std::filesystem::remove_all(out / "store", ignored);  // of a run that is over
  write_atomically(files, out / "report.html", as_bytes(coordinator::report_html(report)), Durability::Buffered);
  write_atomically(files, out / "report.json", as_bytes(coordinator::report_json(report)), Durability::Buffered);
}

RunResult run_processes(Files& files, const std::string& title, Scenario& scenario, const options::Keys& keys,
                        const Path& out, const Watcher& watcher) {
  const auto configured = configuration(keys);
  const Programs programs = programs_beside_us();
  one_blas_thread_each();
  const SystemClock clock;
  const Federation federation = make_federation(files, clock, title, scenario, out);
  say(watcher, what_runs(title, scenario, federation.holdings,
                         "in " + std::to_string(federation.bundles.size()) + " processes") +
                   "; logs in " + federation.logs.string());
  const Outcome outcome = run(orders_for(programs, federation, scenario, keys, out), watcher);
  RunResult result{std::nullopt, outcome.interrupted};
  const Path json = out / "report.json";
  if (outcome.interrupted && !files.exists(json)) return result;
  auto report = coordinator::report_from_json(read_text_file(json), json.string());
  report.coordinator_peak_rss_bytes = std::max(report.coordinator_peak_rss_bytes, outcome.coordinator_peak_rss_bytes);
  report.participant_peak_rss_bytes = std::max(report.participant_peak_rss_bytes, outcome.participant_peak_rss_bytes);
  complete_report(files, report, title, scenario, federation.holdings, configured, out);
  result.report = std::move(report);
  return result;
}

}  // namespace

RunResult run_scenario(Files& files, const std::string& title, Scenario& scenario, const options::Keys& keys,
                       const Path& out, const Watcher& watcher) {
  if (scenario.crowd.engine == "processes") return run_processes(files, title, scenario, keys, out, watcher);
  const Holdings holdings = share_out(files, scenario, out);
  say(watcher, what_runs(title, scenario, holdings,
                         std::string("in this process, ") + (scenario.habits.any() ? "simulated" : "real") + " time"));
  InlineRun run = run_inline(files, keys, scenario, holdings, title, out, watcher);
  complete_report(files, run.report, title, scenario, holdings, configuration(keys), out);
  return {std::move(run.report), run.interrupted};
}

}  // namespace tributary::simulation
