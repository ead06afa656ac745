#include "simulations/commands.h"

#include <filesystem>
#include <iostream>
#include <optional>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/options/command_line.h"
#include "simulations/progress.h"
#include "simulations/run.h"
#include "simulations/scenario.h"
#include "simulations/screen.h"
#include "simulations/sweep.h"
#include "simulations/sweep_report.h"

namespace tributary::simulation {

namespace {

constexpr const char* kProgram = "tributary-simulate";
constexpr int kInterrupted = 130;

options::Command command() {
  options::Command command;
  command.summary =
      "Runs a federation on this machine: one coordinator, many participants in as many processes as you like, over "
      "mutual TLS on loopback, or all in one process (--engine inline), with the same models. SCENARIO is a file of "
      "the "
      "keys below; the line's own win over it. simulations/ has scenarios that reproduce papers. Leaves report.html, "
      "report.json, rounds.jsonl, global.onnx and edge.onnx in --out. --grid and --seeds run it many times.";
  command.positional = {"SCENARIO"};
  command.options = {
      {"out", "DIR", "folder of the run, which must not hold one yet; a sweep goes on in its own where it stopped",
       false},
      {"engine", "NAME", "processes or inline: the same as --simulation.engine=NAME; a sweep's default is inline",
       false},
      {"grid", "KEY=V,V", "runs each of these values, in every combination with other --grid; \"\\,\" for a comma",
       true},
      {"seeds", "N", "runs each combination with N seeds, from the scenario's on", false},
      {"json", "", "print each round's record as a line of JSON (of a sweep: sweep.json) instead of a table", false}};
  command.examples =
      "  tributary-simulate simulations/quickstart.conf --out runs/quickstart\n"
      "  tributary-simulate simulations/quickstart.conf --out runs/inline --engine inline\n"
      "  tributary-simulate simulations/fedavg_mnist_2nn_iid.conf --out runs/iid --set rounds=50\n"
      "  tributary-simulate simulations/fedavg_mnist_2nn_iid.conf --out runs/rates --seeds 5 \\\n"
      "    --grid training.learning_rate=0.1,0.2,0.3\n";
  return command;
}

// A scenario as the file and the line give it, with some keys set over it.
struct Loaded {
  Loaded(const Path& file, const std::vector<std::string>& words, const std::string& engine,
         const std::vector<Setting>& over, const std::string& origin) {
    bind(keys, scenario);
    options::read_config(file, keys);
    options::parse(command(), &keys, words);
    if (!engine.empty()) keys.set("simulation.engine", engine, "--engine");
    for (const auto& [key, value] : over) keys.set(key, value, origin);
    complete(scenario, keys);
    // What concerns the coordinator alone is told by its figures; who reads the log is at a terminal of another
    // program.
    if (scenario.crowd.engine == "inline") log::set_level(log::Level::Error);
  }
  Scenario scenario;
  options::Keys keys;
};

struct Line {
  Path file, out;
  std::string title;
  std::vector<std::string> words;
  options::Arguments arguments;

  std::string engine() const { return arguments.get("engine"); }
  bool json() const { return arguments.has("json"); }
};

int run_once(const Line& line) {
  Loaded loaded(line.file, line.words, line.engine(), {}, "");
  RealFiles files;
  Screen screen(std::cout, options::standard_output(), line.json() ? Screen::Style::Json : Screen::Style::Table,
                loaded.scenario.coordinator.rounds);
  const RunResult result = run_scenario(files, line.title, loaded.scenario, loaded.keys, line.out, screen.watcher());
  screen.wipe();
  if (!result.report) {
    std::cerr << kProgram << ": interrupted before the coordinator was ready" << std::endl;
    return kInterrupted;
  }
  if (!line.json()) std::cout << closing_words(*result.report, line.out);
  return result.interrupted ? kInterrupted : 0;
}

// ------------------------------------------------------------------------------------------ sweeps

Sweep sweep_of(const Line& line, std::uint64_t first_seed) {
  Sweep sweep;
  sweep.first_seed = first_seed;
  const auto grid = line.arguments.options.find("grid");
  if (grid != line.arguments.options.end()) {
    for (const std::string& text : grid->second) sweep.axes.push_back(parse_axis(text));
  }
  if (line.arguments.has("seeds")) {
    const auto seeds = parse_int(line.arguments.get("seeds"));
    if (!seeds || *seeds < 1 || *seeds > 1000) {
      fail(Error::Kind::Malformed,
           "--seeds " + line.arguments.get("seeds") + ": a whole number from 1 to 1000 expected");
    }
    sweep.seeds = static_cast<std::uint32_t>(*seeds);
  }
  return sweep;
}

class SweepRun {
 public:
  explicit SweepRun(const Line& line)
      : line_(line),
        engine_(line.engine().empty() ? "inline" : line.engine()),
        base_(line.file, line.words, engine_, {}, ""),
        sweep_(sweep_of(line, base_.scenario.coordinator.seed)),
        screen_(std::cout, options::standard_output(), line.json() ? Screen::Style::Json : Screen::Style::Sweep,
                base_.scenario.coordinator.rounds) {
    report_.title = line.title;
    report_.target = base_.scenario.coordinator.target;
    report_.combinations = combinations(sweep_);
    report_.runs = report_.combinations.size() * sweep_.seeds;
  }

  int all() {
    check_everything();
    if (files_.exists(line_.out / "rounds.jsonl")) {
      fail(Error::Kind::Refused, line_.out.string() + ": holds a single run: give another --out for the sweep");
    }
    files_.make_directories(line_.out);
    bool interrupted = false;
    // Seed by seed, so that every combination has a figure early.
    for (std::uint32_t s = 0; s < sweep_.seeds && !interrupted; ++s) {
      for (std::size_t c = 0; c < report_.combinations.size() && !interrupted; ++c) {
        interrupted = !one(c, sweep_.first_seed + s);
        write();
      }
    }
    screen_.wipe();
    std::cout << (line_.json() ? sweep_json(report_) : sweep_table(report_));
    if (!line_.json()) std::cout << "report: " << (line_.out / "sweep.html").string() << "\n";
    if (interrupted) std::cerr << kProgram << ": interrupted; the same command goes on where it stopped" << std::endl;
    return interrupted ? kInterrupted : 0;
  }

 private:
  Loaded load(std::size_t c, std::uint64_t seed) const {
    std::vector<Setting> settings = report_.combinations[c].settings;
    settings.emplace_back("seed", std::to_string(seed));
    return {line_.file, line_.words, engine_, settings, "--grid"};
  }

  // Before the first run: no combination fails after hours.
  void check_everything() const {
    for (std::size_t c = 0; c < report_.combinations.size(); ++c) (void)load(c, sweep_.first_seed);
  }

  // False when it was interrupted.
  bool one(std::size_t c, std::uint64_t seed) {
    const std::string name = report_.combinations[c].name;
    const std::string folder = name + "/seed-" + std::to_string(seed);
    const Path out = line_.out / name / ("seed-" + std::to_string(seed));
    Loaded loaded = load(c, seed);
    std::optional<coordinator::Report> report = finished_run(out, line_.title, configuration(loaded.keys));
    const bool known = report.has_value();
    if (!known) {
      clear(out);
      screen_.begin("run " + std::to_string(report_.results.size() + 1) + " of " + std::to_string(report_.runs));
      RunResult result = run_scenario(files_, line_.title, loaded.scenario, loaded.keys, out, screen_.watcher());
      if (result.interrupted) return false;
      report = std::move(result.report);
    }
    report_.results.push_back(result_of(*report, c, seed, folder));
    if (!line_.json()) tell(report_.results.back(), known);
    return true;
  }

  // What an interrupted run left. Only what is a run of ours is removed.
  void clear(const Path& out) const {
    if (!files_.exists(out)) return;
    if (!files_.exists(out / "rounds.jsonl") && !files_.exists(out / "federation") && !files_.list(out).empty()) {
      fail(Error::Kind::Refused, out.string() + ": is not a run's folder: give another --out");
    }
    if (finished(out)) {
      fail(Error::Kind::Refused, out.string() + ": holds a finished run of another configuration: give another --out");
    }
    std::filesystem::remove_all(out);
  }

  static bool finished(const Path& out) {
    try {
      const Path file = out / "report.json";
      const auto report = coordinator::report_from_json(read_text_file(file), file.string());
      return report.ended != "interrupted" && !report.ended.starts_with("failed");
    } catch (const Error&) {
      return false;
    }
  }

  void tell(const Result& result, bool known) {
    std::string line = "run " + std::to_string(report_.results.size()) + " of " + std::to_string(report_.runs) + "  " +
                       report_.combinations[result.combination].name + "  seed " + std::to_string(result.seed) + "  " +
                       result.ended + ", " + human_seconds(result.seconds);
    if (known) line += " (done before)";
    screen_.say(line);
  }

  void write() {
    write_atomically(files_, line_.out / "sweep.csv", as_bytes(sweep_csv(report_)), Durability::Buffered);
    write_atomically(files_, line_.out / "sweep.json", as_bytes(sweep_json(report_)), Durability::Buffered);
    write_atomically(files_, line_.out / "sweep.html", as_bytes(sweep_html(report_)), Durability::Buffered);
  }

  const Line& line_;
  std::string engine_;
  Loaded base_;
  Sweep sweep_;
  RealFiles files_;
  Screen screen_;
  SweepReport report_;
};

}  // namespace

int simulate(const std::vector<std::string>& words) {
  // The scenario file comes before --set, so the words are read twice: for its name, then for what they set.
  Scenario unused;
  options::Keys unused_keys;
  bind(unused_keys, unused);
  auto arguments = options::parse(command(), &unused_keys, words);
  if (!arguments) {
    std::cout << options::help(kProgram, command(), &unused_keys);
    return 0;
  }
  Line line;
  line.file = arguments->positional.at(0);
  line.title = line.file.stem().string();
  line.out = arguments->get("out");
  line.words = words;
  line.arguments = std::move(*arguments);
  if (line.out.empty()) {
    fail(Error::Kind::Malformed, "--out is not given: name a folder for the run, for example runs/first");
  }
  if (line.arguments.has("grid") || line.arguments.has("seeds")) return SweepRun(line).all();
  return run_once(line);
}

}  // namespace tributary::simulation
