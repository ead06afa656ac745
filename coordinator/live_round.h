// coordinator/live_round.h
//
// One round as it happens: feeds a Round with what sessions report, and does what it answers. A session that outlasts
// its round may still hold it, and gets answers from it.
//
// Life: construct, run() once; the other methods at any time before, during and after. Network thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>

#include "common/codec/update.h"
#include "common/net/runtime.h"
#include "coordinator/broadcast.h"
#include "coordinator/ensemble.h"
#include "coordinator/intake.h"
#include "coordinator/ledger.h"
#include "coordinator/roster.h"
#include "coordinator/round.h"
#include "coordinator/round_record.h"
#include "coordinator/server.h"

namespace tributary::coordinator {

class LiveRound : public std::enable_shared_from_this<LiveRound> {
 public:
  struct Surroundings {
    net::Runtime& runtime;
    Roster& roster;
    Intake& intake;
    Ledger& ledger;
    Observer& observer;
    model::LayoutPtr layout;
    std::uint64_t max_examples = 0;
    std::function<void(const std::string& participant, const std::string& why)> refused;
  };
  LiveRound(const Surroundings& surroundings, const RoundTerms& terms, std::vector<std::string> selected,
            std::shared_ptr<const Broadcast> broadcast);

  // Takes in what the store knows of it, of an earlier process. REQUIRES: before run().
  void restore(const store::RoundContents& contents, const std::vector<std::shared_ptr<Upload>>& accepted);

  // From the offers to the end, when all that counts is durable and folded. Returns whether to publish. Throws what the
  // ledger or a fold threw.
  asio::awaitable<bool> run();
  // Ends it without a result, unless it has ended.
  void cancel(const std::string& reason);

  void joined(const std::string& participant);
  void lost(const std::string& participant);
  // It will send no update in this round that counts.
  void rule_out(const std::string& participant, const std::string& reason);
  void declined(const std::string& participant, const wire::Decline& decline);
  // Whether the update's bytes are wanted; when not, the participant has been told, or will be: that this very update
  // counts, if it does.
  bool wants(Session& session, const wire::Update& update);
  // Judges a complete upload and folds it if it counts.
  asio::awaitable<void> take(Session& session, std::shared_ptr<Upload> upload);

  std::uint64_t number() const { return round_.terms().number; }
  TimePoint begun() const { return begun_; }
  bool ended() const { return round_.ended(); }
  bool has_selected(const std::string& participant) const { return round_.has_selected(participant); }
  // Participants whose updates count, sorted.
  std::vector<std::string> counted() const;
  const std::string& abort_reason() const { return abort_reason_; }
  // Their updates; the files are in `spool`.
  std::vector<Ensemble::Member> members(const Path& spool) const;
  // Writes what it knows of the round.
  void describe(RoundRecord& record) const;

 private:
  void perform(Actions actions);
  void act(const SendOffer& action);
  void act(const CountUpdate& action);
  void act(const RefuseUpdate& action);
  void act(const TellClosed& action);
  void act(const Publish& action);
  void act(const Abort& action);
  void counted(const std::string& participant);
  void settle(const std::string& participant, Fate fate, const std::string& reason);
  bool is_counting(const std::string& participant, const wire::Update& update) const;
  std::string objection(const Session& session, const wire::Update& update) const;
  bool is_encoding_of(const Session& session, const std::string& encoding) const;
  void answer(const std::string& participant, bool accepted, const std::string& reason);
  TimePoint now() const { return around_.runtime.clock().now(); }

  Surroundings around_;
  Round round_;
  std::vector<std::string> selected_;
  std::shared_ptr<const Broadcast> broadcast_;
  TimePoint begun_{};
  net::Signal changed_;

  std::deque<Action> to_do_;
  bool performing_ = false;

  std::map<std::string, std::shared_ptr<Upload>> arrived_;  // checked, and the Round is being asked
  std::map<std::string, wire::Update> counted_;             // sorted, so that sums over them are the same each time
  std::vector<Ensemble::Member> members_;                   // of the same, in order of arrival; names of files only
  std::uint64_t clipped_ = 0;                               // of the counted
  std::size_t durable_ = 0;
  bool publish_ = false;
  std::string abort_reason_;
};

}  // namespace tributary::coordinator
