// coordinator/server_state.h
//
// What the server's own sources share: the run's state, and the steps that they take with it. server.cpp has the
// daemon's life, server_recovery.cpp what a store's run is gone on from, server_sessions.cpp what sessions report,
// server_rounds.cpp the rounds, server_publishing.cpp what becomes of one that has ended. Network thread.
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/parallel.h"
#include "coordinator/evaluation.h"
#include "coordinator/global_model.h"
#include "coordinator/intake.h"
#include "coordinator/ledger.h"
#include "coordinator/live_round.h"
#include "coordinator/refusals.h"
#include "coordinator/rest.h"
#include "coordinator/roster.h"
#include "coordinator/server.h"
#include "coordinator/session.h"
#include "coordinator/spool.h"

namespace tributary::coordinator {

struct Server::State final : SessionHost {
  State(net::Runtime& runtime, store::RunStore& store, const Settings& settings, const model::Graph& graph,
        Evaluator* evaluator, Observer& observer, Distiller* distiller);
  void begin_or_recover();

  // What sessions report (server_sessions.cpp).
  void joined(Session& session) override;
  void left(Session& session, Departure departure) override;
  void declined(Session& session, const wire::Decline& decline) override;
  std::shared_ptr<Upload> announced(Session& session, const wire::Update& update) override;
  asio::awaitable<void> arrived(Session& session, std::shared_ptr<Upload> upload) override;
  void broke_protocol(Session& session, const std::string& how) override;
  void not_stored(Session& session, const Upload& upload, const std::string& why) override;
  void note_refusal(const std::string& kind, const std::string& peer, const std::string& what);

  // The rounds.
  asio::awaitable<void> run_rounds();
  asio::awaitable<void> run_round(std::uint64_t number);
  asio::awaitable<void> resume_round();
  asio::awaitable<void> hold(std::shared_ptr<LiveRound> round);
  void send_away(Session& session, std::uint64_t round);
  RoundTerms terms_of(std::uint64_t number, std::uint32_t goal, std::uint32_t quorum) const;
  LiveRound::Surroundings surroundings() {
    return {runtime,
            roster,
            intake,
            ledger,
            observer,
            models.layout(),
            settings.round.max_examples,
            [this](const std::string& name, const std::string& why) {
              note_refusal("update", name, "refused the update of " + name + ": " + why);
            }};
  }
  asio::awaitable<void> publish_durably(const RoundRecord& record);
  asio::awaitable<void> save_models();
  void finish_last_record();
  asio::awaitable<void> make_deltas(const std::vector<std::string>& selected);
  asio::awaitable<void> wait_until(std::uint64_t round, std::function<bool(std::uint32_t there)> enough,
                                   std::string missing);
  asio::awaitable<void> pause_until(TimePoint t);
  asio::awaitable<void> between_rounds();
  asio::awaitable<void> settle(LiveRound& round, bool publish);
  asio::awaitable<Ending> take_ending();
  // Hands the record on, once what else is done with the round's models is in it.
  void finish_beside(RoundRecord record);
  void finish(const RoundRecord& record);
  // Ends the rounds when the record meets the target.
  void stop_at_target(const RoundRecord& record);
  void count_traffic(RoundRecord& record);
  bool is_last(std::uint64_t round) const { return round == settings.rounds; }
  // What is done with the models of a published round, beside the next one.
  Evaluation::Work work_of(std::uint64_t round) const;
  bool distils(std::uint64_t round) const;
  bool distil(std::uint64_t round, std::vector<Ensemble::Member> members, model::ParameterSet& global,
              const model::ParameterSet& start);

  // Ends the rounds; the first reason counts.
  void end(const std::string& why);
  bool over() const { return !ended.empty(); }
  unsigned threads() const { return settings.workers == 0 ? usable_cores() : settings.workers; }
  // Who may be asked: those there that do not rest.
  std::vector<std::string> there() {
    const TimePoint now = runtime.clock().now();
    return rest.rested(roster.there(now, from_seconds(settings.round.return_seconds)), now);
  }

  net::Runtime& runtime;
  store::RunStore& store;  // by the ledger only, once the rounds begin
  const Settings& settings;
  Observer& observer;
  Evaluator* evaluator;
  Distiller* distiller;
  SessionTerms terms;
  Refusals refusals;
  std::map<std::string, TimePoint> kept_out;  // participants that broke the protocol -> until when
  GlobalModel models;
  Intake intake;
  SpoolFolder spools;
  Ledger ledger;
  Evaluation evaluation;
  net::Gate saving;  // of the models, beside the next round
  std::exception_ptr saving_failure;
  // Of the store, what an earlier process left.
  std::uint64_t next_round = 1;
  std::optional<store::RoundContents> unfinished;
  std::vector<std::shared_ptr<Upload>> recovered;
  std::optional<RoundRecord> unrecorded;
  std::optional<RoundRecord> last_record;
  Roster roster;
  Rest rest;
  std::shared_ptr<LiveRound> live;
  net::Signal changed;                     // who is there, or whether the run is over
  std::string ended;                       // why; empty while the rounds go on
  double retry_seconds = 0;                // when those who are here shall come back after the end; 0 = never
  bool complete = false;                   // ended because nothing is left to do, not to be resumed
  bool paused = false;                     // by an operator
  std::function<void(Ending)> checkpoint;  // that is to be written
  bool closed = false;                     // run() has ended
  net::Traffic counted;
  std::uint64_t participant_peak_rss_bytes = 0;
};

}  // namespace tributary::coordinator
