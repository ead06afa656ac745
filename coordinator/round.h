// coordinator/round.h
//
// One round as a pure state machine: events in, actions out; no socket, disk, clock or model in it, so that the live
// server, recovery and millions of simulated seeds drive the very same code.
//
// Life: construct with who was selected; perform start(); then feed events and perform the actions returned, in order,
// until one of them is Publish or Abort; later events are answered (TellClosed, Refuse), never counted.
// Single-threaded. Every event may come at any time, repeated or out of order; a name that was not selected is answered
// by RefuseUpdate or nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/clock.h"

namespace tributary::coordinator {

struct RoundTerms {
  std::uint64_t number = 0;
  std::uint32_t goal = 0;    // updates with which the round is complete
  std::uint32_t quorum = 0;  // updates without which it is aborted; 0 means 1: nothing is published of nothing
  TimePoint deadline;
  Duration return_window{};  // how long a selected participant whose line was lost counts as on its way back
  // How long the round stays open after it is complete, so that those who are nearly done count too.
  Duration grace{};
  // The return window of those who are not there when the round starts: longer after a restart of the coordinator, of
  // which they have to learn first.
  std::optional<Duration> start_window = std::nullopt;  // nullopt: return_window
};

// What became of a selected participant (stores hold the numbers); also the keys of `refused` in a round's record.
enum class Fate : std::uint8_t {
  Waiting,   // offered or to be offered, nothing final yet
  Accepted,  // its update is part of the round
  Declined,  // it said that it has no update to give
  Refused,   // its update was bad; the reason is kept
  Vanished,  // its line was lost and it did not come back within the window
  Late,      // still Waiting when the round ended
};
std::string_view name_of(Fate fate);

// What the server must do. Publish or Abort is the last action of a round.
struct SendOffer {
  std::string participant;
};
// Fold its update and answer with a Verdict: accepted.
struct CountUpdate {
  std::string participant;
};
// Answer with a Verdict: refused.
struct RefuseUpdate {
  std::string participant;
  std::string reason;
};
// Send RoundClosed, if it is there.
struct TellClosed {
  std::string participant;
  std::string reason;
};
// The quorum held: aggregate what was counted.
struct Publish {};
// Below the quorum: the model stays as it is.
struct Abort {
  std::string reason;
};
using Action = std::variant<SendOffer, CountUpdate, RefuseUpdate, TellClosed, Publish, Abort>;
using Actions = std::vector<Action>;

// Why a round cannot take an update, as RefuseUpdate says it.
inline constexpr std::string_view kLate = "late";                     // after the deadline, or after its window
inline constexpr std::string_view kRoundClosed = "round closed";      // the round ended before its deadline
inline constexpr std::string_view kCountedBefore = "counted before";  // this participant's update is part of the round
inline constexpr std::string_view kNotSelected = "not selected";
inline constexpr std::string_view kDeclinedBefore = "declined before";

// The round ends with Publish when `goal` updates are counted and the grace after that is over, or nobody is left to
// wait for and the quorum holds; at the deadline with Publish or Abort; with Abort as soon as those still open cannot
// bring it to the quorum any more. A fate other than Waiting is final. An event at exactly the deadline, or at the end
// of a window, comes too late. An event costs O(log selected), the end of the round O(selected).
class Round {
 public:
  // REQUIRES: goal >= 1, quorum <= goal, selected has no name twice.
  Round(RoundTerms terms, std::vector<std::string> selected);

  // What was final before the coordinator was started again. REQUIRES: before start(); selected, Waiting, and a fate
  // other than that.
  void restore(const std::string& participant, Fate fate, const std::string& reason);

  // Offers to everyone selected that is connected. For the others the window to come back begins now.
  Actions start(TimePoint now, const std::vector<std::string>& connected);

  // A participant said Hello. Offers (again) when it is selected and its fate is open; TellClosed when it is selected
  // and was given up (Vanished, Late), since it may still be at work.
  Actions joined(const std::string& participant, TimePoint now);
  // Its session ended, and no newer one took its place. Its window to come back begins.
  Actions left(const std::string& participant, TimePoint now);
  Actions declined(const std::string& participant, const std::string& reason, TimePoint now);
  // Its update has arrived whole, was checked and is durable: CountUpdate, or RefuseUpdate when the round cannot take
  // it (closed, deadline passed, not selected, counted before: the same participant is never counted twice).
  Actions arrived(const std::string& participant, TimePoint now);
  // Its update was found bad: RefuseUpdate, and no second try in this round.
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
  bool has_accepted(const std::string& participant) const;
  bool has_selected(const std::string& participant) const { return members_.contains(participant); }
  // Reasons and how often, of all selected whose fate is neither Waiting nor Accepted: "declined: no examples",
  // "vanished", "late", "not_finite", ... After the end these and accepted() add up to selected().
  std::map<std::string, std::uint64_t> refused() const;

 private:
  struct Member {
    Fate fate = Fate::Waiting;
    std::string reason;  // of Declined and Refused
    std::optional<TimePoint> gone_since;
  };
  using Members = std::map<std::string, Member>;

  // members_.end() unless selected and Waiting.
  Members::iterator find_open(const std::string& participant);
  void settle(Members::iterator member, Fate fate, std::string reason = {});
  void mark_gone(Members::iterator member, TimePoint now);
  void mark_present(Members::iterator member);
  void expire_windows(TimePoint now);
  // Ends the round when it is decided: by its updates, by nobody left to wait for, or by its deadline.
  void conclude(TimePoint now, Actions& actions);
  void end(Action last, std::string_view told, Actions& actions);
  std::string missing_quorum() const;
  std::string_view refusal_of(const std::string& participant) const;

  RoundTerms terms_;
  Members members_;
  std::set<std::pair<TimePoint, std::string>> gone_;  // of the open members, those whose line is lost
  std::size_t open_ = 0;                              // members still Waiting
  std::size_t accepted_ = 0;
  bool ended_ = false;
  std::optional<TimePoint> complete_since_;
  bool timed_out_ = false;  // ended by its deadline
};

}  // namespace tributary::coordinator
