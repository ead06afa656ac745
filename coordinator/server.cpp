#include "coordinator/server.h"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "common/base/text.h"
#include "coordinator/cohort.h"
#include "coordinator/evaluation.h"
#include "coordinator/global_model.h"
#include "coordinator/intake.h"
#include "coordinator/ledger.h"
#include "coordinator/live_round.h"
#include "coordinator/process_memory.h"
#include "coordinator/recovery.h"
#include "coordinator/report.h"
#include "coordinator/rest.h"
#include "coordinator/roster.h"
#include "coordinator/selection.h"
#include "coordinator/session.h"
#include "coordinator/spool.h"

namespace tributary::coordinator {

namespace {

// Least time between the starts of an aborted round and the next.
constexpr Duration kPauseAfterAbort = std::chrono::seconds(1);
// When participants shall come back to a coordinator that failed: it may have been started again by then.
constexpr double kRetryAfterFailure = 5;
// When one comes back whose session gave way to another of its name: greetings may overtake one another, so that the
// session that came last need not be the one that lives.
constexpr double kRetryReplaced = 10;
// How long a participant that is dropped may take to read why.
constexpr Duration kDropLinger = std::chrono::milliseconds(500);

unsigned threads_of(const Settings& settings) {
  return settings.workers == 0 ? usable_cores() : settings.workers;
}

codec::UpdateLimits limits_of(const Settings& settings) {
  codec::UpdateLimits limits;
  if (settings.update_max_norm > 0) limits.max_norm = settings.update_max_norm;
  if (settings.update_clip_norm > 0) limits.clip_norm = settings.update_clip_norm;
  return limits;
}

// Names the run: no two runs of a federation begin at the same instant.
std::string name_run(const Settings& settings, const Clock& clock) {
  const std::string what = settings.federation + "\n" + std::to_string(settings.seed) + "\n" +
                           std::to_string(clock.unix_seconds()) + "\n" +
                           std::to_string(clock.now().time_since_epoch().count());
  return sha256(as_bytes(what)).hex().substr(0, 32);
}

std::string number_text(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

// "edge.accuracy 0.9702 >= 0.97"; the record meets the target.
std::string how_met(const Target& target, const RoundRecord& record) {
  const auto& quality = target.metric.starts_with("edge") ? record.edge : record.global;
  const bool accuracy = target.metric.ends_with("accuracy");
  return target.metric + " " + number_text(accuracy ? quality->accuracy : quality->loss) +
         (accuracy ? " >= " : " <= ") + number_text(target.value);
}

// After a failure: waits for work that uses what the failure may take away.
asio::awaitable<void> quietly(asio::awaitable<void> work) {
  try {
    co_await std::move(work);
  } catch (const std::exception& e) {
    log::error("server", e.what());
  }
}

}  // namespace

struct Server::State final : SessionHost {
  State(net::Runtime& a_runtime, store::RunStore& a_store, const Settings& some_settings, const model::Graph& graph,
        Evaluator* an_evaluator, Observer& an_observer)
      : runtime(a_runtime),
        store(a_store),
        settings(some_settings),
        observer(an_observer),
        evaluator(an_evaluator),
        terms{settings.federation, "", from_seconds(settings.ping_seconds)},
        models(graph, settings, threads_of(settings)),
        intake(runtime, models.layout(), settings.round.max_examples, limits_of(settings), threads_of(settings)),
        spools(store.uploads(), store.spool()),
        ledger(runtime, store, [this] { end("the coordinator has failed"); }),
        evaluation(runtime, models, evaluator, [this](const RoundRecord& record) { finish(record); }),
        saving(runtime.io()),
        rest(from_seconds(settings.round.min_interval_seconds)),
        changed(runtime.io()) {
    begin_or_recover();
    terms.run = store.run();
  }
  void begin_or_recover();

  // What sessions report.
  void joined(Session& session) override;
  void left(Session& session, Departure departure) override;
  void declined(Session& session, const wire::Decline& decline) override;
  std::shared_ptr<Upload> announced(Session& session, const wire::Update& update) override;
  asio::awaitable<void> arrived(Session& session, std::shared_ptr<Upload> upload) override;
  void not_stored(Session& session, const Upload& upload, const std::string& why) override;

  // The rounds.
  asio::awaitable<void> run_rounds();
  asio::awaitable<void> run_round(std::uint64_t number);
  asio::awaitable<void> resume_round();
  asio::awaitable<void> hold(std::shared_ptr<LiveRound> round);
  void send_away(Session& session, std::uint64_t round);
  RoundTerms terms_of(std::uint64_t number, std::uint32_t goal, std::uint32_t quorum) const;
  LiveRound::Surroundings surroundings() {
    return {runtime, roster, intake, ledger, observer, models.layout(), settings.round.max_examples};
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
  void finish(const RoundRecord& record);
  void count_traffic(RoundRecord& record);
  bool evaluates(std::uint64_t round) const;

  // Ends the rounds; the first reason counts.
  void end(const std::string& why);
  bool over() const { return !ended.empty(); }
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
  SessionTerms terms;
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

// ------------------------------------------------------------------------------------------ the store

void Server::State::begin_or_recover() {
  const store::History& history = store.history();
  if (!history.run) {
    store::RunBegun run;
    run.run = name_run(settings, runtime.clock());
    run.federation = settings.federation;
    run.unix_seconds = runtime.clock().unix_seconds();
    run.skeleton = models.skeleton_digest();
    run.model = models.model_digest();
    store.begin(run);
    return;
  }
  recover_models(store, models, intake.sum(), threads_of(settings));
  next_round = history.last_round() + 1;
  unfinished = store.unfinished();
  if (unfinished && unfinished->opened.edge != models.edge_digest())
    fail(Error::Kind::Corrupt, "the open round offers an edge copy other than that of the last published round");
  recovered = recover_uploads(store);
  if (unfinished) {
    std::vector<std::string> counted;
    for (const auto& each : unfinished->accepted) counted.push_back(each.file);
    spools.adopt(unfinished->opened.round, counted);
  }
  if (history.rounds.empty()) return;
  const store::PastRound& last = history.rounds.back();
  RoundRecord record = record_from_json(last.record, "the store's last round");
  (last.recorded ? last_record : unrecorded) = std::move(record);
}

// The round has ended: its place in the chain, then its models when it is time.
asio::awaitable<void> Server::State::publish_durably(const RoundRecord& record) {
  store::RoundEnded ended;
  ended.round = record.round;
  ended.published = record.published;
  ended.model = record.model_digest;
  ended.edge = record.edge_digest;
  ended.record = to_json(record);
  bool save = false;
  ledger.post([&](store::RunStore& s) {
    s.end_round(ended);
    save = s.wants_models(models.state_bytes());
  });
  co_await ledger.settled();
  spools.clear();
  if (save) saving.spawn("saving", save_models());
}

asio::awaitable<void> Server::State::save_models() {
  try {
    co_await runtime.on_worker([&] { store.save_models(models.state(), models.edge_blobs()); });
    ledger.post([state = models.state()](store::RunStore& s) { s.models_saved(state); });
  } catch (...) {
    saving_failure = std::current_exception();
    end("the coordinator has failed");
  }
}

// The last round of an earlier process, when that did not come to its end.
void Server::State::finish_last_record() {
  if (unrecorded) {
    RoundRecord record = *std::exchange(unrecorded, std::nullopt);
    if (record.published && evaluates(record.round)) {
      evaluation.begin(std::move(record));
    } else {
      finish(record);
    }
  } else if (last_record && meets(settings.target, *last_record)) {
    complete = true;
    end("target reached: " + how_met(settings.target, *last_record));
  }
}

// ------------------------------------------------------------------------------------------ sessions

void Server::State::joined(Session& session) {
  if (closed) {
    session.say_goodbye(ended, retry_seconds);
    return;
  }
  log::info("server", session.name() + " joined from " + session.peer().address);
  if (Session* older = roster.join(session)) older->say_goodbye("replaced by a newer session of " + session.name(), kRetryReplaced);
  observer.participant_joined(session.name(), session.peer().address, session.hello().examples);
  if (live) live->joined(session.name());
  if (live && !live->ended() && !live->has_selected(session.name())) send_away(session, live->number());
  changed.notify();
}

void Server::State::left(Session& session, Departure departure) {
  if (!roster.leave(session)) return;  // a newer session has taken its place
  const std::string& name = session.name();
  observer.participant_left(name);
  if (departure == Departure::Lost) roster.note_lost(name, runtime.clock().now());
  if (!live) return;
  if (departure == Departure::Expelled) {
    live->rule_out(name, "out of protocol");
  } else if (departure == Departure::SentAway) {
    live->rule_out(name, "dropped");
  } else {
    live->lost(name);
  }
}

void Server::State::declined(Session& session, const wire::Decline& decline) {
  if (decline.reason == wire::kNoExamples)
    rest.until(session.name(), runtime.clock().now() + from_seconds(settings.round.rest_seconds));
  if (live) live->declined(session.name(), decline);
}

std::shared_ptr<Upload> Server::State::announced(Session& session, const wire::Update& update) {
  if (ledger.counted(update.round, session.name()) == update.checksum) {
    session.tell_verdict({update.round, true, ""});
    return nullptr;
  }
  if (!live) {
    session.tell_verdict({update.round, false, "no update is expected"});
    return nullptr;
  }
  if (!live->wants(session, update)) return nullptr;
  auto upload = spools.begin(session.name(), update);
  intake.watch(*upload);
  return upload;
}

asio::awaitable<void> Server::State::arrived(Session& session, std::shared_ptr<Upload> upload) {
  const auto round = live;  // may be another before this ends
  if (!round || round->number() != upload->announced.round) co_return;
  if (!upload->intact() && upload->spool.continues()) {
    log::warning("server", "what was kept of " + session.name() + "'s update was damaged: it is asked for again");
    session.restart(spools.begin_again(session.name(), upload->announced));
    co_return;
  }
  spools.forget(session.name());
  co_await round->take(session, std::move(upload));
}

void Server::State::not_stored(Session& session, const Upload& upload, const std::string& why) {
  log::error("server", "cannot keep the update of " + session.name() + ": " + why);
  if (live && live->number() == upload.announced.round) live->rule_out(session.name(), "not stored");
}

// ------------------------------------------------------------------------------------------ rounds

asio::awaitable<void> Server::State::run_rounds() {
  finish_last_record();
  if (unfinished) co_await resume_round();
  const Share& first = settings.round.participants;
  if (settings.rounds == 0 || next_round <= settings.rounds)
    co_await wait_until(
        next_round, [&](std::uint32_t count) { return count >= std::max(first.of(count), 1U); },
        "round.participants = " + first.text());
  for (; !over() && (settings.rounds == 0 || next_round <= settings.rounds); ++next_round) {
    co_await run_round(next_round);
  }
  co_await evaluation.settled();
  if (!over()) {
    complete = true;
    end(std::to_string(settings.rounds) + (settings.rounds == 1 ? " round" : " rounds"));
  }
  co_await saving.close();
  if (saving_failure) std::rethrow_exception(saving_failure);
  co_await ledger.settled();
}

asio::awaitable<void> Server::State::run_round(std::uint64_t number) {
  const auto fits = [this](std::uint32_t count) {
    const CohortSize size = cohort_size(settings.round, std::max(count, 1U));
    return count > 0 && size.quorum <= size.goal;
  };
  co_await wait_until(number, fits, "round.cohort and round.quorum");
  if (over()) co_return;
  const std::vector<std::string> candidates = there();
  const CohortSize size = cohort_size(settings.round, static_cast<std::uint32_t>(candidates.size()));
  std::vector<std::string> selected = select_cohort(candidates, size.asked, settings.seed, number);
  co_await make_deltas(selected);
  if (over()) co_return;
  intake.sum().clear();
  ledger.post([opened = store::RoundOpened{number, size.goal, size.quorum, selected, models.edge_digest()}](
                  store::RunStore& s) { s.open_round(opened); });
  co_await hold(std::make_shared<LiveRound>(surroundings(), terms_of(number, size.goal, size.quorum),
                                            std::move(selected), models.broadcast(number)));
}

// The round that an earlier process left open, with the updates that it had acknowledged.
asio::awaitable<void> Server::State::resume_round() {
  const store::RoundContents contents = *std::exchange(unfinished, std::nullopt);
  const store::RoundOpened& opened = contents.opened;
  RoundTerms round_terms = terms_of(opened.round, opened.goal, opened.quorum);
  round_terms.start_window = from_seconds(std::max(settings.round.resume_seconds, settings.round.return_seconds));
  const auto round =
      std::make_shared<LiveRound>(surroundings(), round_terms, opened.selected, models.broadcast(opened.round));
  round->restore(contents, std::exchange(recovered, {}));
  co_await hold(round);
  ++next_round;
}

RoundTerms Server::State::terms_of(std::uint64_t number, std::uint32_t goal, std::uint32_t quorum) const {
  RoundTerms round_terms;
  round_terms.number = number;
  round_terms.goal = goal;
  round_terms.quorum = quorum;
  round_terms.deadline = runtime.clock().now() + from_seconds(settings.round.deadline_seconds);
  round_terms.return_window = from_seconds(settings.round.return_seconds);
  round_terms.grace = from_seconds(settings.round.grace_seconds);
  return round_terms;
}

// One that this round does not ask need not keep its line meanwhile.
void Server::State::send_away(Session& session, std::uint64_t round) {
  if (settings.round.retry_seconds <= 0) return;
  session.tell_wait(coordinator::retry_seconds(settings.round.retry_seconds, settings.seed, round, session.name()),
                    "not selected");
}

asio::awaitable<void> Server::State::hold(std::shared_ptr<LiveRound> round) {
  live = round;
  for (const std::string& name : roster.connected()) {
    if (!round->has_selected(name)) send_away(*roster.find(name), round->number());
  }
  const bool publish = co_await round->run();
  co_await evaluation.settled();  // of the round before: its models change now, or it was the last
  co_await saving.close();
  if (saving_failure) std::rethrow_exception(saving_failure);
  if (!over()) co_await settle(*round, publish);
}

// The differences that those selected can use: of each, to the newest copy that it holds.
asio::awaitable<void> Server::State::make_deltas(const std::vector<std::string>& selected) {
  std::set<Digest> bases;
  for (const std::string& name : selected) {
    const Session* session = roster.find(name);
    if (session == nullptr) continue;
    const auto& held = session->held();
    const auto base = std::find_if(held.begin(), held.end(), [&](const Digest& d) { return models.remembers(d); });
    if (base != held.end()) bases.insert(*base);
  }
  if (!bases.empty()) co_await runtime.on_worker([&] { models.make_deltas(bases); });
}

// Makes of a round that has ended what it is: new models, or none; and its record.
asio::awaitable<void> Server::State::settle(LiveRound& round, bool publish) {
  RoundRecord record;
  round.describe(record);
  record.published = publish;
  for (const std::string& name : round.counted()) rest.counted(name, runtime.clock().now());
  record.examples = intake.sum().examples();
  participant_peak_rss_bytes = std::max(participant_peak_rss_bytes, record.participant_peak_rss_bytes);
  record.participant_peak_rss_bytes = participant_peak_rss_bytes;
  count_traffic(record);
  if (publish) {
    co_await runtime.on_worker([&] {
      const TimePoint begun = runtime.clock().now();
      give_free_memory_back();  // of the uploads, before the edge copy needs its own
      models.apply(intake.sum(), record.round);
      record.seconds.encode = seconds(runtime.clock().now() - begun);
    });
  } else {
    log::warning("server", "round " + std::to_string(record.round) + " was aborted: " + round.abort_reason());
  }
  models.describe(record);
  record.seconds.fold = intake.take_seconds();
  record.seconds.round = seconds(runtime.clock().now() - round.begun());
  record.coordinator_rss_bytes = resident_bytes();
  co_await publish_durably(record);
  if (publish && evaluates(record.round)) {
    evaluation.begin(std::move(record));
  } else {
    finish(record);
  }
  if (!publish) co_await pause_until(round.begun() + kPauseAfterAbort);
}

bool Server::State::evaluates(std::uint64_t round) const {
  return evaluator != nullptr &&
         (round == settings.rounds || round % std::max<std::uint64_t>(settings.evaluation_every, 1) == 0);
}

void Server::State::finish(const RoundRecord& record) {
  ledger.post([recorded = store::RoundRecorded{record.round, to_json(record)}](store::RunStore& s) {
    s.record_round(recorded);
  });
  observer.round_finished(record);
  if (!meets(settings.target, record)) return;
  complete = complete || !over();
  end("target reached: " + how_met(settings.target, record));
}

// Nothing is summed any more, so that the sum's memory can go first.
asio::awaitable<Ending> Server::State::take_ending() {
  Ending ending;
  co_await runtime.on_worker([&] {
    intake.sum().release();
    give_free_memory_back();
    ending.edge = models.edge();
    ending.round = models.round();
    ending.global = models.take_global();
  });
  ending.why = ended;
  ending.complete = complete;
  co_return ending;
}

void Server::State::count_traffic(RoundRecord& record) {
  const net::Traffic all = roster.traffic();
  record.bytes_down = all.bytes_out - counted.bytes_out;
  record.bytes_up = all.bytes_in - counted.bytes_in;
  counted = all;
}

asio::awaitable<void> Server::State::wait_until(std::uint64_t round, std::function<bool(std::uint32_t there)> enough,
                                                std::string missing) {
  bool told = false;
  while (!over()) {
    co_await between_rounds();
    const auto count = static_cast<std::uint32_t>(there().size());
    if (over() || enough(count)) co_return;
    if (!std::exchange(told, true)) {
      log::info("server", "round " + std::to_string(round) + " waits: " + std::to_string(count) +
                              " participants are there, too few for " + missing);
    }
    const auto rests = rest.next(roster.connected(), runtime.clock().now());
    const auto timer = runtime.at(rests.value_or(TimePoint::max()), [this] { changed.notify(); });
    co_await changed.wait();
  }
}

// What an operator has asked for while no round was being settled; the end of a pause.
asio::awaitable<void> Server::State::between_rounds() {
  while (!over()) {
    if (checkpoint) {
      const auto write = std::exchange(checkpoint, nullptr);
      Ending models_now;
      models_now.round = models.round();
      co_await runtime.on_worker([&] {
        models_now.edge = models.edge();
        models_now.global = models.global();
        write(std::move(models_now));
      });
      continue;
    }
    if (!paused) co_return;
    co_await changed.wait();
  }
}

asio::awaitable<void> Server::State::pause_until(TimePoint t) {
  const auto timer = runtime.at(t, [this] { changed.notify(); });
  while (!over() && runtime.clock().now() < t) co_await changed.wait();
}

void Server::State::end(const std::string& why) {
  if (over()) return;
  ended = why;
  if (live) live->cancel(why);
  changed.notify();
}

// ------------------------------------------------------------------------------------------ the server

Server::Server(net::Runtime& runtime, store::RunStore& store, const Settings& settings, const model::Graph& graph,
               Evaluator* evaluator, Observer& observer)
    : state_(std::make_unique<State>(runtime, store, settings, graph, evaluator, observer)) {}

Server::~Server() = default;

asio::awaitable<void> Server::serve(std::unique_ptr<net::Channel> channel) {
  Session session(state_->runtime, std::move(channel), state_->terms, *state_);
  state_->roster.opened(session);
  co_await session.run();
  state_->roster.closed(session);
}

asio::awaitable<Ending> Server::run() {
  State& state = *state_;
  std::exception_ptr failure;
  try {
    co_await state.run_rounds();
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    state.end("the coordinator has failed");
    state.retry_seconds = kRetryAfterFailure;
    co_await quietly(state.evaluation.settled());
    co_await quietly(state.intake.settled());
    co_await quietly(state.saving.close());
    co_await quietly(state.ledger.settled());
  }
  state.closed = true;
  state.roster.for_each([&](Session& session) { session.say_goodbye(state.ended, state.retry_seconds); });
  if (failure) std::rethrow_exception(failure);
  co_return co_await state.take_ending();
}

void Server::stop(const std::string& why, double retry_seconds) {
  if (!state_->over()) state_->retry_seconds = retry_seconds;
  state_->end(why.empty() ? "stopped" : why);
}

void Server::pause(bool paused) {
  state_->paused = paused;
  state_->changed.notify();
}

void Server::checkpoint(std::function<void(Ending)> write) {
  state_->checkpoint = std::move(write);
  state_->changed.notify();
}

void Server::drop_sessions(const std::function<std::string(const net::PeerIdentity&)>& keep) {
  state_->roster.for_each([&](Session& session) {
    const std::string why = keep(session.peer());
    if (why.empty()) return;
    const bool in_force = state_->roster.find(session.name()) == &session;
    if (in_force && state_->live) state_->live->rule_out(session.name(), why);
    session.say_goodbye(why, 0, kDropLinger);
  });
}

std::vector<std::string> Server::connected() const {
  return state_->roster.connected();
}

}  // namespace tributary::coordinator
