// tests/protocol/federation.h
//
// One federation of one seed, in one thread: the coordinator and the participants as they are, on machines, disks,
// lines and clocks that fail as the seed's weather has it. First the storm, then calm, in which the federation must
// come to its end.
//
// Life: construct, run() once.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine.h"
#include "network.h"
#include "oracle.h"
#include "weather.h"

#include "common/net/simulated_runtime.h"
#include "coordinator/recycled_files.h"
#include "coordinator/server.h"
#include "participant/agent.h"

namespace tributary::protocol {

inline const Path kStore = "store";

// What a check of the checks breaks on purpose.
enum class Sabotage : std::uint8_t {
  None,
  LyingDisk,  // the coordinator's says that it has made durable what it has not
};

struct Verdict {
  std::optional<std::string> violation;  // what did not hold
  Checksum fingerprint;                  // of all that was said, and when
  Oracle::Counts counts;
  std::uint64_t starts = 0;     // of coordinators
  std::int64_t peak_bytes = 0;  // allocated by all of it together, disks included
};

class Federation {
 public:
  // `tells`: what happens goes to standard output, for whoever looks for a fault.
  Federation(std::uint64_t seed, const Weather& weather, Sabotage sabotage, bool tells);
  ~Federation();

  Verdict run();

 private:
  struct Coordinator;
  struct Participant;
  class Watch;

  // The coordinator's lives.
  void start_coordinator();
  void tend_coordinator();
  void bury_coordinator();
  void coordinator_dies(SimulatedDisk::Loss loss);
  static asio::awaitable<void> run_server(Coordinator& coordinator);
  // A participant's.
  void start_participant(Participant& participant);
  void tend_participant(Participant& participant);
  void bury_participant(Participant& participant);
  void participant_dies(Participant& participant, SimulatedDisk::Loss loss);
  static asio::awaitable<void> run_agent(Participant& participant);
  asio::awaitable<std::unique_ptr<net::Channel>> connect(Participant& participant, std::uint64_t life);

  // The storm.
  void plan_mishap();
  void happen(Mishap mishap);
  Mishap draw_mishap();
  void calm();
  bool is_long_calm() const;
  std::vector<wire::Message> mischief(const std::string& participant, wire::Message message);
  Line::Cut draw_cut();
  SimulatedDisk::Loss draw_loss();
  std::vector<std::shared_ptr<Line>> live_lines();
  Participant& anyone();

  bool tend();
  void abandon();
  bool chance(double p) { return random_.uniform() < p; }
  Duration up_to(Duration most);
  TimePoint now() const { return clock_.now(); }

  const Weather weather_;
  std::uint64_t seed_;
  RandomStream random_;
  ManualClock clock_;
  net::SimulatedRuntime world_{clock_};
  model::Graph graph_;
  Oracle oracle_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Coordinator> coordinator_;
  std::deque<std::unique_ptr<Participant>> participants_;
  std::vector<std::weak_ptr<Line>> lines_;
  std::uint64_t next_line_ = 1;
  std::vector<wire::Message> replay_;  // an upload of the mischievous one, whole
  bool storm_ = true;
  std::uint64_t mishaps_left_;
  TimePoint refused_until_{};
  TimePoint limit_ = TimePoint::max();
  std::uint64_t starts_ = 0;
  std::unique_ptr<net::Runtime::Timer> next_mishap_;
};

}  // namespace tributary::protocol
