#include "simulations/inline_engine.h"

#include <csignal>
#include <deque>
#include <exception>
#include <filesystem>
#include <optional>
#include <utility>

#include <asio/signal_set.hpp>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/model/zoo.h"
#include "common/net/simulated_runtime.h"
#include "common/options/data_keys.h"
#include "coordinator/distillation.h"
#include "coordinator/held_out.h"
#include "coordinator/process_memory.h"
#include "coordinator/recycled_files.h"
#include "coordinator/run_folder.h"
#include "coordinator/server.h"
#include "participant/agent.h"
#include "participant/stream_source.h"
#include "simulations/line.h"

namespace tributary::simulation {

namespace {

constexpr Duration kStandstill = std::chrono::hours(24 * 365);

class Chronicle final : public coordinator::Observer {
 public:
  Chronicle(coordinator::RunFolder& folder, const model::Graph& graph, const Watcher& watcher, const Clock& clock)
      : last(clock.now()), folder_(folder), graph_(graph), watcher_(watcher), clock_(clock) {}

  void round_started(std::uint64_t /*round*/, std::size_t /*selected*/) override {
    if (!begun_) begun_ = clock_.now();
  }
  void update_arrived(std::uint64_t /*round*/, std::size_t /*accepted*/, std::size_t /*goal*/) override {
    if (watcher_.waiting) watcher_.waiting(seconds(clock_.now() - last));
  }
  void edge_published(std::uint64_t /*round*/, codec::EdgeCopy edge) override { folder_.write_edge(graph_, edge); }
  void round_finished(const coordinator::RoundRecord& record) override {
    folder_.append(record);
    records.push_back(record);
    last = clock_.now();
    if (begun_) took = seconds(last - *begun_);
    if (watcher_.round) watcher_.round(record);
  }

  std::vector<coordinator::RoundRecord> records;
  double took = 0;  // first offer to last record
  TimePoint last;   // when a round ended, or all began

 private:
  coordinator::RunFolder& folder_;
  const model::Graph& graph_;
  const Watcher& watcher_;
  const Clock& clock_;
  std::optional<TimePoint> begun_;
};

// Real time, or simulated when the scenario says so.
class Time {
 public:
  Time(const Scenario& scenario, unsigned workers, bool evaluates) {
    // One more, so that an evaluation does not hold up the next round's training.
    if (evaluates) ++workers;
    if (scenario.habits.any()) {
      const Duration evaluation = from_seconds(scenario.habits.evaluation_seconds);
      simulated_ = std::make_unique<net::SimulatedRuntime>(manual_, workers, evaluation);
    } else {
      real_ = net::make_runtime(system_, workers);
    }
  }
  net::Runtime& runtime() { return simulated_ ? *simulated_ : *real_; }

  // Runs until nothing can happen any more, or `given_up` (asked in simulated time only).
  void run(const std::function<bool()>& given_up) {
    if (simulated_) {
      simulated_->run_until(given_up);
    } else {
      real_->io().run();
    }
  }

 private:
  SystemClock system_;
  ManualClock manual_;
  std::unique_ptr<net::Runtime> real_;
  std::unique_ptr<net::SimulatedRuntime> simulated_;
};

class Engine {
 public:
  Engine(Files& files, const Scenario& scenario, const coordinator::Settings& settings, const Holdings& holdings,
         Time& time, coordinator::Server& server)
      : time_(time), server_(server), gate_(time.runtime().io()), signals_(time.runtime().io()) {
    const auto workshop = participant::make_workshop();
    for (std::size_t p = 0; p < holdings.names.size(); ++p) {
      const std::string& name = holdings.names[p];
      const Habits& habits = habits_.emplace_back(draw_habits(scenario.habits, settings.seed, name));
      participant::AgentOptions options;
      options.name = name;
      options.workshop = workshop;
      options.simulated_examples_per_second = habits.examples_per_second;
      auto connect = [this, name, &habits] { return this->connect(name, habits); };
      const data::View view{holdings.examples, holdings.parts[p]};
      auto source = scenario.crowd.stream ? participant::stream_examples(data::replay(view), scenario.rounds, files)
                                          : participant::fixed_examples(view);
      agents_.emplace_back(time.runtime(), files, std::move(connect), std::move(source), std::move(options));
    }
  }

  coordinator::Ending run(const Chronicle& chronicle) {
    handle_signals();
    gate_.spawn("rounds", run_rounds());
    for (participant::Agent& agent : agents_) gate_.spawn("participant", run_agent(agent));
    const Clock& clock = time_.runtime().clock();
    time_.run([&] { return clock.now() > chronicle.last + kStandstill; });
    if (failure_) std::rethrow_exception(failure_);
    if (!ending_) {
      fail(Error::Kind::Unavailable,
           "the simulation stands still: too few participants are ever there at once for a round; lower "
           "round.participants, round.cohort or round.quorum");
    }
    return std::move(*ending_);
  }
  bool interrupted() const { return interrupted_; }

 private:
  asio::awaitable<void> run_rounds() {
    try {
      ending_ = co_await server_.run();
    } catch (...) {
      failure_ = std::current_exception();
    }
    asio::error_code ignored;
    signals_.cancel(ignored);
    for (participant::Agent& agent : agents_) agent.stop();
  }

  static asio::awaitable<void> run_agent(participant::Agent& agent) { (void)co_await agent.run(); }

  // Waits until the participant is there.
  asio::awaitable<std::unique_ptr<net::Channel>> connect(std::string name, const Habits& habits) {
    net::Runtime& runtime = time_.runtime();
    const TimePoint start = habits.presence.next_online(runtime.clock().now());
    if (start > runtime.clock().now()) co_await runtime.sleep_until(start);
    net::PeerIdentity mine{name, "0", "inline"}, coordinators{"coordinator", "0", "inline"};
    auto [here, there] = net::loopback(runtime, std::move(mine), std::move(coordinators));
    gate_.spawn("session", server_.serve(std::move(there)));
    co_return slow_line(runtime, std::move(here), habits, habits.presence.until(runtime.clock().now()));
  }

  void handle_signals() {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    signals_.async_wait([this](const asio::error_code& error, int) {
      if (error) return;
      interrupted_ = true;
      signals_.clear();  // the next one does what it always did
      server_.stop("interrupted");
    });
  }

  Time& time_;
  coordinator::Server& server_;
  net::Gate gate_;
  asio::signal_set signals_;
  std::deque<Habits> habits_;
  std::deque<participant::Agent> agents_;
  std::optional<coordinator::Ending> ending_;
  std::exception_ptr failure_;
  bool interrupted_ = false;
};

coordinator::Settings settings_for(const Scenario& scenario, const std::string& title, unsigned workers) {
  coordinator::Settings settings = scenario.coordinator;
  settings.federation = federation_name(title);
  if (settings.workers == 0) settings.workers = workers;
  return settings;
}

std::unique_ptr<coordinator::Evaluator> evaluator_of(const options::Keys& keys, const coordinator::Settings& settings,
                                                     const model::Graph& graph, const Clock& clock) {
  if (!options::names_data(keys, "evaluation")) return nullptr;
  return coordinator::evaluate_on(graph, data::open(settings.evaluation), learn::loss_from(settings.training.loss),
                                  clock);
}

// Distillation, and the evaluation of who learns by it.
struct School {
  std::unique_ptr<coordinator::Evaluator> of_student;
  std::unique_ptr<coordinator::Distiller> distiller;
};

School school_of(const options::Keys& keys, const coordinator::Settings& settings, const model::Graph& graph,
                 Files& files, const Path& out, const Clock& clock) {
  School school;
  const coordinator::DistillationPolicy& policy = settings.distillation;
  if (!options::names_data(keys, "distillation")) return school;
  std::unique_ptr<coordinator::StudentPlace> student;
  if (!policy.student.empty()) {
    model::Graph made = model::load_or_make(policy.student, settings.seed);
    school.of_student = evaluator_of(keys, settings, made, clock);
    student = std::make_unique<coordinator::StudentPlace>(
        coordinator::StudentPlace{std::move(made), out / "student.onnx", false, school.of_student.get()});
  }
  school.distiller =
      coordinator::distil_on(graph, data::open(policy.data), policy, settings.seed, files, std::move(student));
  return school;
}

// A simulation that the machine's end has ended is begun anew: it waits for no disk.
coordinator::store::StoreOptions store_options() {
  coordinator::store::StoreOptions options;
  options.durability = Durability::Buffered;
  options.keep_rounds = 0;
  return options;
}

}  // namespace

InlineRun run_inline(Files& files, const options::Keys& keys, const Scenario& scenario, const Holdings& holdings,
                     const std::string& title, const Path& out, const Watcher& watcher) {
  const unsigned workers = scenario.crowd.workers == 0 ? usable_cores() : scenario.crowd.workers;
  const coordinator::Settings settings = settings_for(scenario, title, workers);
  const model::Graph graph = model::load_or_make(settings.model, settings.seed);
  const SystemClock system;
  const auto evaluator = evaluator_of(keys, settings, graph, system);
  const School school = school_of(keys, settings, graph, files, out, system);
  coordinator::RunFolder folder = coordinator::RunFolder::create(files, out);
  Time time(scenario, workers, evaluator != nullptr || school.distiller != nullptr);
  Chronicle chronicle(folder, graph, watcher, time.runtime().clock());
  coordinator::RecycledFiles uploads(files, out / "store" / "idle");
  coordinator::store::RunStore store(files, out / "store", store_options(), &uploads);
  coordinator::Server server(time.runtime(), store, settings, graph, evaluator.get(), chronicle,
                             school.distiller.get());
  Engine engine(files, scenario, settings, holdings, time, server);
  if (watcher.started) watcher.started(1);
  const coordinator::Ending ending = engine.run(chronicle);

  folder.write_models(graph, ending.global, ending.edge);
  InlineRun run;
  run.interrupted = engine.interrupted();
  run.report.versions = {{"tributary", TRIBUTARY_VERSION}};
  run.report.ended = ending.why;
  run.report.rounds = std::move(chronicle.records);
  run.report.target = settings.target;
  run.report.parameters = graph.layout()->size();
  run.report.seconds = chronicle.took;
  run.report.coordinator_peak_rss_bytes = coordinator::peak_resident_bytes();
  run.report.participant_peak_rss_bytes = run.report.coordinator_peak_rss_bytes;
  return run;
}

}  // namespace tributary::simulation
