#include "simulations/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>

#include <signal.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "simulations/children.h"
#include "simulations/progress.h"

namespace tributary::simulation {

namespace {

using Instant = std::chrono::steady_clock::time_point;
using std::chrono::seconds;

constexpr const char* kCoordinator = "coordinator";
constexpr seconds kListenTime{30}, kGoodbyeTime{15}, kTermTime{5};
constexpr long kBeatNanoseconds = 50'000'000;

Instant now() {
  return std::chrono::steady_clock::now();
}

// SIGINT, SIGTERM and SIGCHLD as values instead of interruptions.
class Signals {
 public:
  Signals() {
    ::sigemptyset(&set_);
    for (const int number : {SIGINT, SIGTERM, SIGCHLD}) ::sigaddset(&set_, number);
    ::sigprocmask(SIG_BLOCK, &set_, &before_);
  }
  ~Signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Waits a beat at most; true when the user wants the end.
  bool wait_for_stop() const {
    const timespec beat{0, kBeatNanoseconds};
    const int number = ::sigtimedwait(&set_, nullptr, &beat);
    return number == SIGINT || number == SIGTERM;
  }

 private:
  sigset_t set_{}, before_{};
};

std::string last_line(const Path& log) {
  std::error_code ignored;
  if (!std::filesystem::exists(log, ignored)) return "nothing was logged";
  const std::string text = read_text_file(log);
  std::string last = "nothing was logged";
  for (const std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) last = trim(line);
  }
  return last;
}

std::string how(const Exit& exit) {
  return exit.signal != 0 ? "was ended by signal " + std::to_string(exit.signal)
                          : "ended with exit code " + std::to_string(exit.code);
}

class Run {
 public:
  Run(const Orders& orders, const Watcher& watcher)
      : orders_(orders), watcher_(watcher), tail_(orders.out / "rounds.jsonl") {}

  Outcome to_the_end() {
    children_.start(kCoordinator, orders_.programs.coordinator, orders_.coordinator, log_of(kCoordinator));
    const std::string address = await_address();
    if (!address.empty()) start_participants(address);
    while (children_.alive(kCoordinator)) beat();
    show_rounds();
    see_participants_off();
    return outcome_;
  }

 private:
  // A participant process, or what came after it.
  struct Crew {
    std::vector<std::string> arguments;
    Path log;
    std::uint32_t restarts = 0;
  };

  Path log_of(const std::string& name) const { return orders_.out / "logs" / (name + ".log"); }

  // Empty when the run was stopped before.
  std::string await_address() {
    const Path file = orders_.out / "coordinator.address";
    const Instant deadline = now() + kListenTime;
    while (!outcome_.interrupted) {
      std::error_code ignored;
      if (std::filesystem::exists(file, ignored)) return std::string(trim(read_text_file(file)));
      if (now() > deadline) {
        fail(Error::Kind::Unavailable,
             "the coordinator does not listen after 30 s: see " + log_of(kCoordinator).string());
      }
      if (!children_.alive(kCoordinator)) return "";
      beat();
    }
    return "";
  }

  void start_participants(const std::string& address) {
    for (std::size_t i = 0; i < orders_.participants.size(); ++i) {
      std::vector<std::string> arguments = orders_.participants[i];
      arguments.push_back("--server");
      arguments.push_back(address);
      const std::string name = "participants-" + std::to_string(i);
      Crew& crew = crews_[name] = {std::move(arguments), log_of(name)};
      children_.start(name, orders_.programs.participant, crew.arguments, crew.log);
    }
    last_round_ = now();
    if (watcher_.started) watcher_.started(orders_.participants.size());
    crowd_started_ = true;
  }

  // One turn of waiting: signals, ends of processes, new rounds.
  void beat() {
    if (signals_.wait_for_stop()) stop();
    show_rounds();
    for (const Exit& exit : children_.reap()) ended(exit);
    enforce_stop();
    if (watcher_.waiting && crowd_started_ && !stop_deadline_) {
      watcher_.waiting(std::chrono::duration<double>(now() - last_round_).count());
    }
  }

  void stop() {
    if (outcome_.interrupted) children_.signal_all(SIGKILL);
    outcome_.interrupted = true;
    stop_coordinator();
  }

  void stop_coordinator() {
    if (stop_deadline_) return;
    children_.signal(kCoordinator, SIGTERM);
    stop_deadline_ = now() + kGoodbyeTime;
  }

  void enforce_stop() {
    if (!stop_deadline_ || now() < *stop_deadline_) return;
    children_.signal_all(SIGKILL);
  }

  void show_rounds() {
    for (const coordinator::RoundRecord& record : tail_.next()) {
      ++rounds_;
      last_round_ = now();
      if (watcher_.round) watcher_.round(record);
    }
  }

  void ended(const Exit& exit) {
    if (exit.name == kCoordinator) return coordinator_ended(exit);
    outcome_.participant_peak_rss_bytes = std::max(outcome_.participant_peak_rss_bytes, exit.peak_rss_bytes);
    if (exit.code == 0 || stop_deadline_) return;
    const std::string what = exit.name + " " + how(exit) + ": " + last_line(crews_.at(exit.name).log);
    if (start_again(exit.name, what)) return;
    if (rounds_ == 0) fail(Error::Kind::Unavailable, what);
    if (watcher_.warning) watcher_.warning(what);
    if (children_.count() > 1 || !children_.alive(kCoordinator)) return;
    if (watcher_.warning) watcher_.warning("no participant is left: the run is stopped");
    stop_coordinator();
  }

  // False when there is no restart left, or nobody to come back to.
  bool start_again(const std::string& name, const std::string& what) {
    Crew& crew = crews_.at(name);
    if (crew.restarts == orders_.restarts || !children_.alive(kCoordinator)) return false;
    ++crew.restarts;
    if (watcher_.warning) {
      watcher_.warning(what + "; started again (" + std::to_string(crew.restarts) + " of " +
                       std::to_string(orders_.restarts) + ")");
    }
    crew.log = log_of(name + "-again-" + std::to_string(crew.restarts));
    children_.start(name, orders_.programs.participant, crew.arguments, crew.log);
    return true;
  }

  void coordinator_ended(const Exit& exit) {
    outcome_.coordinator_peak_rss_bytes = exit.peak_rss_bytes;
    if (exit.code == 0 || stop_deadline_) return;
    fail(Error::Kind::Unavailable, "the coordinator " + how(exit) + ": " + last_line(log_of(kCoordinator)));
  }

  // They were told goodbye; who does not go is sent away.
  void see_participants_off() {
    stop_deadline_ = now() + kGoodbyeTime;
    bool asked = false;
    while (children_.count() > 0) {
      beat();
      if (asked || now() < *stop_deadline_ - kTermTime) continue;
      children_.signal_all(SIGTERM);
      asked = true;
    }
  }

  const Orders& orders_;
  const Watcher& watcher_;
  Signals signals_;
  Children children_;
  std::map<std::string, Crew> crews_;
  RoundTail tail_;
  Outcome outcome_;
  std::uint64_t rounds_ = 0;
  bool crowd_started_ = false;
  Instant last_round_{};
  std::optional<Instant> stop_deadline_;
};

}  // namespace

Programs programs_beside_us() {
  std::error_code error;
  const Path folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const Programs programs{folder / "tributary-coordinator", folder / "tributary-participant"};
  for (const Path& program : {programs.coordinator, programs.participant}) {
    if (std::filesystem::exists(program, error)) continue;
    fail(Error::Kind::Unavailable, program.string() + ": is missing: build or install it beside tributary-simulate");
  }
  return programs;
}

Outcome run(const Orders& orders, const Watcher& watcher) {
  return Run(orders, watcher).to_the_end();
}

}  // namespace tributary::simulation
