// coordinator/admin/watch.h
//
// What an operator may see of a running coordinator: kept by an Observer of the server, read by the admin listener. The
// round path pays a short lock and a copy of what has changed, whoever looks and however often.
//
// Observer's methods belong to the network thread; snapshot() and version() to any.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/options/keys.h"
#include "coordinator/round_record.h"
#include "coordinator/server.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

struct WatchedParticipant {
  bool connected = false;
  std::string address;           // of the last session
  std::uint64_t examples = 0;    // of its last update, or as it said when it came
  std::uint64_t last_round = 0;  // of the last verdict; 0 = none yet
  bool last_accepted = false;
  std::string refused;  // why, where the last verdict is a refusal
  std::uint64_t accepted = 0, refusals = 0;
};

struct WatchedRun {
  std::string federation, model, address;
  std::uint64_t parameters = 0;
  std::uint64_t rounds_wanted = 0;  // 0 = for ever
  Target target;
  std::int64_t started_unix_seconds = 0;
  bool paused = false;
  bool over = false;
  std::string ended;  // why
  // The round under way; 0 = none.
  std::uint64_t round = 0;
  std::uint64_t selected = 0, arrived = 0, goal = 0;
  std::string checkpoint;  // how the last one went
};

struct WatchTotals {
  std::uint64_t published = 0, aborted = 0, accepted = 0, bytes_down = 0, bytes_up = 0, examples = 0;
  std::map<std::string, std::uint64_t> refused;
  std::map<std::string, std::uint64_t> peers_refused;  // by kind
  PhaseSeconds seconds;
};

struct Snapshot {
  WatchedRun run;
  std::map<std::string, WatchedParticipant> participants;
  std::deque<std::shared_ptr<const RoundRecord>> rounds;  // the last kKeptRounds
  WatchTotals totals;                                     // of all
};

class Watch final : public Observer {
 public:
  static constexpr std::size_t kKeptRounds = 2000;

  Watch(const Settings& settings, std::uint64_t parameters, const Clock& clock);

  void round_started(std::uint64_t round, std::size_t selected) override;
  void update_arrived(std::uint64_t round, std::size_t accepted, std::size_t goal) override;
  void round_finished(const RoundRecord& record) override;
  void participant_joined(const std::string& name, const std::string& address, std::uint64_t examples) override;
  void participant_left(const std::string& name) override;
  void update_judged(const JudgedUpdate& judged) override;
  void peer_refused(const std::string& kind) override;

  void listens_on(const std::string& address);
  void paused(bool paused);
  void checkpoint(const std::string& how);
  void over(const std::string& why);

  // Grows with every change.
  std::uint64_t version() const;
  Snapshot snapshot() const;

 private:
  template <class Change>
  void change(Change change);

  mutable std::mutex mutex_;
  std::uint64_t version_ = 1;
  Snapshot now_;
};

}  // namespace tributary::coordinator
