#include "coordinator/run_command.h"

#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <utility>

#include <malloc.h>
#include <sys/resource.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/data/source.h"
#include "common/model/zoo.h"
#include "common/options/data_keys.h"
#include "coordinator/admin/desk.h"
#include "coordinator/daemon.h"
#include "coordinator/evaluation_module.h"
#include "coordinator/process_memory.h"
#include "coordinator/recycled_files.h"
#include "coordinator/report.h"
#include "coordinator/run_folder.h"
#include "coordinator/run_lock.h"
#include "coordinator/run_view.h"

namespace tributary::coordinator {

namespace {

constexpr int kInterrupted = 130;

// Each session holds a socket: as many files as the system lets us have open.
void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Of the files that may be open, those that are no connections: the store's, uploads that are written or summed.
constexpr std::uint64_t kOtherFiles = 512;

std::uint32_t connections_that_fit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT32_MAX;
  const std::uint64_t files = limit.rlim_cur;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(files > 2 * kOtherFiles ? files - kOtherFiles : files / 2, UINT32_MAX));
}

// What a round needs for a moment goes back to the system at once: the models and blobs of one round must not stand
// beside the holes that the last one's left. Pieces of a blob on their way are below the limit and stay in the heap.
void keep_memory_small() {
  ::mallopt(M_MMAP_THRESHOLD, 384 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 4 << 20);
  ::mallopt(M_ARENA_MAX, 2);
}

// Writes what happens down as it does, and shows it.
class Chronicle final : public Observer {
 public:
  // `graph` must outlive it.
  Chronicle(RunFolder& folder, const model::Graph& graph, RunView& view, Watch& watch, const Clock& clock,
            std::vector<RoundRecord> past)
      : records(std::move(past)), folder_(folder), graph_(graph), view_(view), watch_(watch), clock_(clock) {
    for (const RoundRecord& record : records) watch_.round_finished(record);
  }

  void round_started(std::uint64_t round, std::size_t selected) override {
    if (!begun_) begun_ = clock_.now();
    view_.round_started(round, selected);
    watch_.round_started(round, selected);
  }
  void participant_joined(const std::string& name, const std::string& address, std::uint64_t examples) override {
    watch_.participant_joined(name, address, examples);
  }
  void participant_left(const std::string& name) override { watch_.participant_left(name); }
  void update_judged(const JudgedUpdate& judged) override { watch_.update_judged(judged); }
  void peer_refused(const std::string& kind) override {
    ++refused[kind];
    watch_.peer_refused(kind);
  }
  void update_arrived(std::uint64_t round, std::size_t accepted, std::size_t goal) override {
    view_.update_arrived(round, accepted, goal);
    watch_.update_arrived(round, accepted, goal);
  }
  void edge_published(std::uint64_t round, codec::EdgeCopy edge) override {
    model::Graph graph = graph_;
    graph.metadata["tributary.round"] = std::to_string(round);
    folder_.write_edge(std::move(graph), edge);
  }
  void round_finished(const RoundRecord& record) override {
    folder_.append(record);
    records.push_back(record);
    if (begun_) took = seconds(clock_.now() - *begun_);
    view_.round_finished(record);
    watch_.round_finished(record);
  }

  std::vector<RoundRecord> records;
  double took = 0;                               // first offer to last record
  std::map<std::string, std::uint64_t> refused;  // by kind, since the start

 private:
  RunFolder& folder_;
  const model::Graph& graph_;
  RunView& view_;
  Watch& watch_;
  const Clock& clock_;
  std::optional<TimePoint> begun_;
};

std::unique_ptr<Evaluator> evaluator_of(const options::Keys& keys, const Settings& settings, const model::Graph& graph,
                                        const Clock& clock) {
  if (!options::names_data(keys, "evaluation")) return nullptr;
  return load_evaluator(graph, data::open(settings.evaluation), settings.training.loss, clock);
}

constexpr const char* kStudent = "student.onnx";

// Who learns from the global model, and is asked for its quality.
struct Student {
  model::Graph graph;
  std::unique_ptr<Evaluator> evaluator;
};

std::optional<Student> student_of(const options::Keys& keys, const Settings& settings, const Clock& clock) {
  if (settings.distillation.student.empty()) return std::nullopt;
  Student student{model::load_or_make(settings.distillation.student, settings.seed), nullptr};
  try {
    student.evaluator = evaluator_of(keys, settings, student.graph, clock);
  } catch (const Error& e) {
    fail(e.kind(), std::string("distillation.student: ") + e.what());
  }
  return student;
}

// `student` must outlive it. Kept in `out`, which is the folder of a run that goes on or not.
std::unique_ptr<Distiller> distiller_of(const options::Keys& keys, const Settings& settings, const model::Graph& graph,
                                        Files& files, const std::optional<Student>& student, const Path& out,
                                        bool goes_on) {
  if (!options::names_data(keys, "distillation")) return nullptr;
  std::unique_ptr<StudentPlace> place;
  if (student) {
    place =
        std::make_unique<StudentPlace>(StudentPlace{student->graph, out / kStudent, goes_on, student->evaluator.get()});
  }
  return load_distiller(graph, data::open(settings.distillation.data), settings, files, std::move(place));
}

ListenOptions listen_options(const options::Keys& keys, const Settings& settings, const Federation& federation) {
  ListenOptions listen;
  listen.host = settings.listen_host.empty() ? federation.host : settings.listen_host;
  listen.limits = settings.limits;
  listen.limits.connections = std::min(settings.limits.connections, connections_that_fit());
  listen.port = keys.was_set("listen.port") ? static_cast<std::uint16_t>(settings.listen_port) : federation.port;
  return listen;
}

Report report_of(const options::Keys& keys, const Settings& settings, std::uint64_t parameters,
                 const Chronicle& chronicle, const std::string& ended) {
  Report report;
  report.title = settings.federation;
  for (const options::KeyInfo& key : keys.list()) report.configuration.emplace_back(key.name, keys.value(key.name));
  report.versions = {{"tributary", TRIBUTARY_VERSION}};
  report.ended = ended;
  report.rounds = chronicle.records;
  report.target = settings.target;
  report.parameters = parameters;
  report.seconds = chronicle.took;
  report.coordinator_peak_rss_bytes = peak_resident_bytes();
  if (!report.rounds.empty()) report.participant_peak_rss_bytes = report.rounds.back().participant_peak_rss_bytes;
  return report;
}

// A run that is begun, or gone on with.
struct Run {
  RunFolder folder;
  std::vector<RoundRecord> past;
};

// Throws Refused when the store's run cannot be gone on with: it has ended, is of another federation, or was begun with
// another configuration.
void check_resumable(const store::History& history, const store::StoreOptions& wanted, const std::string& federation,
                     const Path& out) {
  if (history.ended) {
    fail(Error::Kind::Refused,
         out.string() + " holds a run that has ended (" + *history.ended + "); choose another folder or move it away");
  }
  if (history.run->federation != federation) {
    fail(Error::Kind::Refused, out.string() + " holds a run of the federation " + history.run->federation + ", not " +
                                   federation + "; choose another folder");
  }
  const std::map<std::string, std::string> begun(history.run->configuration.begin(), history.run->configuration.end());
  for (const auto& [key, value] : wanted.configuration) {
    const auto before = begun.find(key);
    const std::string old = before == begun.end() ? "" : before->second;
    if (old == value || may_change(key)) continue;
    fail(Error::Kind::Refused, out.string() + " was begun with " + key + " = " + old + ", not " + value +
                                   "; give the same configuration, or choose another folder");
  }
}

store::StoreOptions store_options(const Settings& settings, const options::Keys& keys) {
  store::StoreOptions options;
  options.durability = settings.store.sync ? Durability::Synced : Durability::Buffered;
  options.keep_rounds = settings.store.keep_rounds;
  options.checkpoint_rounds = settings.store.checkpoint_rounds;
  for (const options::KeyInfo& key : keys.list()) options.configuration.emplace_back(key.name, keys.value(key.name));
  return options;
}

Run begin_or_resume(Files& files, const store::RunStore& store, const std::string& federation, const Path& out) {
  const store::History& history = store.history();
  if (!history.run) return {RunFolder::create(files, out), {}};
  check_resumable(history, store.options(), federation, out);
  std::vector<std::string> lines;
  std::vector<RoundRecord> records;
  for (const store::PastRound& round : history.rounds) {
    if (!round.recorded) continue;  // the server tells of it again
    lines.push_back(round.record);
    records.push_back(record_from_json(round.record, out.string()));
  }
  return {RunFolder::resume(files, out, lines), std::move(records)};
}

// What a run that could not even listen has made: the next try begins anew.
void discard(RunFolder& folder, const Path& store) {
  std::error_code ignored;
  std::filesystem::remove_all(store, ignored);
  std::filesystem::remove(folder.path() / RunLock::kFile, ignored);
  folder.discard();
}

std::string resumption(const store::RunStore& store) {
  const std::uint64_t next = store.history().last_round() + 1;
  std::string text = "goes on with run " + store.run() + " at round " + std::to_string(next);
  if (store.unfinished()) {
    const std::size_t updates = store.unfinished()->accepted.size();
    text += ", which has " + std::to_string(updates) + (updates == 1 ? " update" : " updates") + " already";
  }
  return text;
}

// What SIGHUP asks for: certificates and log level anew. What cannot be read stays as it was.
std::shared_ptr<const net::Credentials> reload(const Path& folder, const Clock& clock, AdminDesk& desk,
                                               const std::function<options::LogSettings()>& reread) {
  try {
    const options::LogSettings log = reread();
    auto credentials = coordinator_credentials(folder, clock);
    desk.reload_tls();
    options::apply(log);
    log::info("run", "certificates and log level were read again");
    return credentials;
  } catch (const std::exception& e) {
    log::error("run", std::string(e.what()) + "; what was read before stays");
    return nullptr;
  }
}

// "3 unfinished handshake, 1 protocol"
std::string counts_text(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [kind, count] : counts) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + kind;
  return text;
}

void show_ending(RunView& view, const Report& report, const Chronicle& chronicle, const Path& out) {
  view.note("ended: " + report.ended + ", after " + human_seconds(report.seconds));
  const Totals totals = totals_of(report);
  view.note("sent " + human_bytes(static_cast<double>(totals.bytes_down)) + " down and " +
            human_bytes(static_cast<double>(totals.bytes_up)) + " up in " + std::to_string(totals.rounds) + " rounds");
  if (!chronicle.refused.empty()) view.note("refused: " + counts_text(chronicle.refused));
  view.note("the report is " + (out / "report.html").string() + ", the models are global.onnx and edge.onnx beside it");
}

}  // namespace

options::Command run_command() {
  options::Command command;
  command.name = "run";
  command.summary = "runs the federation's rounds, and leaves records, report and models in a folder";
  command.positional = {"FOLDER"};
  command.options = {
      {"out", "DIR", "folder of the run; an unfinished one is gone on with"},
      {"json", "", "prints each round's record as a line of JSON instead of a table"},
      {"check-config", "", "checks configuration, model and evaluation data, and ends"},
  };
  command.examples =
      "  tributary-coordinator run orchard --out runs/1 --rounds=20 --round.participants=3\n"
      "  tributary-coordinator run orchard --out runs/1 --admin.listen=127.0.0.1:7144\n"
      "  tributary-coordinator run orchard --out runs/2 --config orchard.conf --set training.learning_rate=0.05\n"
      "  tributary-coordinator run orchard --config orchard.conf --check-config\n"
      "The same command goes on with a run that a crash, a kill or an interrupt has ended.\n";
  return command;
}

void bind(options::Keys& keys, Surroundings& surroundings) {
  bind(keys, surroundings.admin);
  options::bind_log(keys, surroundings.log);
}

int run(const options::Arguments& arguments, const options::Keys& keys, Settings settings,
        const Surroundings& surroundings, const std::function<options::LogSettings()>& reread) {
  keep_memory_small();
  const Path folder = arguments.positional.at(0);
  const Federation federation = read_federation(folder);
  settings.federation = federation.name;
  check(settings, keys);
  check(surroundings.admin);
  options::apply(surroundings.log);
  const SystemClock clock;
  RealFiles files;
  model::Graph graph = model::load_or_make(settings.model, settings.seed);
  const std::unique_ptr<Evaluator> evaluator = evaluator_of(keys, settings, graph, clock);
  const Path out = arguments.has("out") ? arguments.get("out") : "";
  const std::optional<Student> student = student_of(keys, settings, clock);
  const auto distiller =
      distiller_of(keys, settings, graph, files, student, out, !out.empty() && RunFolder::holds_run(files, out));
  if (arguments.has("check-config")) {
    std::cout << "the configuration is fine: " << settings.model << ", " << graph.layout()->size() << " parameters\n";
    return 0;
  }
  if (!arguments.has("out")) fail(Error::Kind::Malformed, "give the run's folder with --out DIR");

  const std::uint64_t parameters = graph.layout()->size();
  raise_open_files();
  const store::StoreOptions options = store_options(settings, keys);
  Enrollment enrollment(folder);
  const std::uint32_t awaited = settings.round.participants.of(static_cast<std::uint32_t>(enrollment.size()));
  settings.round.participants = Share::parse(std::to_string(std::max(awaited, 1U)));
  const Path store_path = out / "store";
  if (RunFolder::holds_run(files, out) && !files.exists(store_path)) (void)RunFolder::create(files, out);  // refuses
  files.make_directories(out);
  const RunLock lock(out);
  RecycledFiles uploads(files, store_path / "idle");
  store::RunStore store(files, store_path, options, &uploads);
  const bool resumes = store.history().run.has_value();
  Run begun = begin_or_resume(files, store, federation.name, out);
  RunFolder& run_folder = begun.folder;
  RunView view(std::cout, {options::standard_output(), arguments.has("json"), settings.rounds});
  if (options::standard_output().is_terminal && !keys.was_set("log.level")) log::set_level(log::Level::Warning);
  if (resumes) view.note(resumption(store));
  AdminDesk desk(surroundings.admin, settings, parameters, clock, [&](Ending models) {
    model::Graph whole = graph;
    whole.metadata["tributary.round"] = std::to_string(models.round);
    run_folder.write_models(std::move(whole), std::move(models.global), std::move(models.edge));
  });
  Chronicle chronicle(run_folder, graph, view, desk.watch(), clock, std::move(begun.past));
  const ServiceManager manager;

  DaemonParts parts{clock,
                    store,
                    settings,
                    graph,
                    evaluator.get(),
                    chronicle,
                    coordinator_credentials(folder, clock),
                    enrollment,
                    listen_options(keys, settings, federation),
                    {},
                    [&](const Operations* operations) { desk.operations(operations); },
                    [&] { return reload(folder, clock, desk, reread); },
                    &manager,
                    true,
                    distiller.get()};
  bool listened = false;
  parts.listening = [&](const std::string& address) {
    listened = true;
    write_atomically(files, out / "coordinator.address", as_bytes(address + "\n"));
    graph.drop_parameters();  // the server has a copy
    give_free_memory_back();
    view.note(federation.name + " listens on " + address);
    desk.watch().listens_on(address);
    if (!desk.address().empty()) {
      write_atomically(files, out / "admin.address", as_bytes(desk.address() + "\n"));
      view.note("the dashboard is " + desk.address() + "/");
    }
    manager.ready("listening on " + address);
    view.waiting_for(awaited);
  };
  DaemonEnding end;
  try {
    end = run_daemon(parts);
  } catch (const Error& e) {
    if (!listened) {
      if (!resumes) discard(run_folder, store_path);
      throw;
    }
    run_folder.write_report(report_of(keys, settings, parameters, chronicle, std::string("failed: ") + e.what()));
    throw;
  }
  manager.stopping();
  desk.watch().over(end.ending.why);
  graph.metadata["tributary.round"] = std::to_string(end.ending.round);
  run_folder.write_models(std::move(graph), std::move(end.ending.global), std::move(end.ending.edge));
  const Report report = report_of(keys, settings, parameters, chronicle, end.ending.why);
  run_folder.write_report(report);
  if (end.ending.complete) store.end_run(end.ending.why);
  show_ending(view, report, chronicle, out);
  return end.interrupted ? kInterrupted : 0;
}

}  // namespace tributary::coordinator
