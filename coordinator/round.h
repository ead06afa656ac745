// coordinator/round.h
//
// One round as a pure state machine: events in, actions out; no socket, disk, clock or model in it, so that the live
// server, recovery and millions of simulated seeds drive the very same code.
//
// Life: construct with who was selected; perform start(); then feed events and perform the actions returned, in order,
// until one of them is Publish or Abort; later events are answered (TellClosed, Refuse), never counted. Single-threaded.
// Every event may come at any time, repeated or out of order; a name that was not selected is answered by RefuseUpdate
// or nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"

namespace tributary::coordinator {

struct RoundTerms {
  std::uint64_t number = 0;
  std::uint32_t goal = 0;    // updates with which the round is complete
  std::uint32_t quorum = 0;  // updates without which it is aborted
  TimePoint deadline;
  Duration return_window{};  // how long a selected participant whose line was lost counts as on its way back
};

// What became of a selected participant; also the keys of `refused` in a round's record.
enum class Fate : std::uint8_t {
  Waiting,    // offered or to be offered, nothing final yet
  Accepted,   // its update is part of the round
  Declined,   // it said that it has no update to give
  Refused,    // its update was bad; the reason is kept
  Vanished,   // its line was lost and it did not come back within the window
  Late,       // still Waiting when the round ended
};
std::string_view name_of(Fate fate);

// What the server must do.
struct SendOffer { std::string participant; };
struct CountUpdate { std::string participant; };                         // fold it, answer Verdict accepted
struct RefuseUpdate { std::string participant; std::string reason; };    // answer Verdict refused
struct TellClosed { std::string participant; std::string reason; };      // send RoundClosed, if it is there
struct Publish {};                                                       // quorum held: aggregate what was counted
struct Abort { std::string reason; };                                    // below quorum: the model stays as it is
using Action = std::variant<SendOffer, CountUpdate, RefuseUpdate, TellClosed, Publish, Abort>;
using Actions = std::vector<Action>;

class Round {
 public:
  // REQUIRES: goal >= 1, quorum <= goal, selected has no name twice.
  Round(RoundTerms terms, std::vector<std::string> selected);

  // Offers to everyone selected that is connected.
  Actions start(TimePoint now, const std::vector<std::string>& connected);

  // A participant said Hello. Offers (again) when it is selected and its fate is open.
  Actions joined(const std::string& participant, TimePoint now);
  // Its session ended. Its window to come back begins.
  Actions left(const std::string& participant, TimePoint now);
  Actions declined(const std::string& participant, const std::string& reason, TimePoint now);
  // Its update has arrived whole, was checked and is durable: CountUpdate, or RefuseUpdate when the round cannot take it
  // (closed, deadline passed, not selected, counted before: the same participant is never counted twice).
  Actions arrived(const std::string& participant, TimePoint now);
  // Its update was found bad.
  Actions bad_update(const std::string& participant, const std::string& reason, TimePoint now);
  // Time has passed: deadline and windows. To be called at next_wake() at the latest.
  Actions tick(TimePoint now);
  // The run ends: Abort unless the round has ended already.
  Actions cancel(const std::string& reason);

  // When tick() has something to do; nullopt after the end.
  std::optional<TimePoint> next_wake() const;

  const RoundTerms& terms() const { return terms_; }
  bool ended() const { return ended_; }
  std::size_t selected() const { return members_.size(); }
  std::size_t accepted() const { return accepted_; }
  bool is_open_for(const std::string& participant) const;
  // Reasons and how often, of all that was not accepted: "declined: no examples", "vanished", "late", "not_finite", ...
  std::map<std::string, std::uint64_t> refused() const;

 private:
  struct Member {
    Fate fate = Fate::Waiting;
    std::string reason;
    std::optional<TimePoint> gone_since;
  };

  Actions settle(TimePoint now);
  Actions end(Action last);

  RoundTerms terms_;
  std::map<std::string, Member> members_;
  std::map<std::string, std::uint64_t> other_refusals_;
  std::size_t accepted_ = 0;
  bool ended_ = false;
};

}  // namespace tributary::coordinator
