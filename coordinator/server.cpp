#include "coordinator/server.h"

#include <exception>
#include <utility>

#include "common/base/log.h"
#include "common/base/text.h"
#include "coordinator/process_memory.h"
#include "coordinator/server_state.h"

namespace tributary::coordinator {

namespace {

// When participants shall come back to a coordinator that failed: it may have been started again by then.
constexpr double kRetryAfterFailure = 5;
// How long a participant that is dropped may take to read why.
constexpr Duration kDropLinger = std::chrono::milliseconds(500);

codec::UpdateLimits limits_of(const Settings& settings) {
  codec::UpdateLimits limits;
  if (settings.update_max_norm > 0) limits.max_norm = settings.update_max_norm;
  if (settings.update_clip_norm > 0) limits.clip_norm = settings.update_clip_norm;
  return limits;
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

Server::State::State(net::Runtime& a_runtime, store::RunStore& a_store, const Settings& some_settings,
                     const model::Graph& graph, Evaluator* an_evaluator, Observer& an_observer, Distiller* a_distiller)
    : runtime(a_runtime),
      store(a_store),
      settings(some_settings),
      observer(an_observer),
      evaluator(an_evaluator),
      distiller(a_distiller),
      terms{settings.federation, "", from_seconds(settings.ping_seconds), settings.limits},
      refusals(runtime.clock(), from_seconds(settings.limits.log_seconds)),
      models(graph, settings, threads()),
      intake(runtime, models.layout(), settings.round.max_examples, limits_of(settings), threads()),
      spools(store.uploads(), store.spool()),
      ledger(runtime, store, [this] { end("the coordinator has failed"); }),
      evaluation(runtime, models, [this](const RoundRecord& record) { finish(record); }),
      saving(runtime.io()),
      rest(from_seconds(settings.round.min_interval_seconds)),
      changed(runtime.io()) {
  begin_or_recover();
  terms.run = store.run();
}

void Server::State::end(const std::string& why) {
  if (over()) return;
  ended = why;
  if (live) live->cancel(why);
  changed.notify();
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

Server::Server(net::Runtime& runtime, store::RunStore& store, const Settings& settings, const model::Graph& graph,
               Evaluator* evaluator, Observer& observer, Distiller* distiller)
    : state_(std::make_unique<State>(runtime, store, settings, graph, evaluator, observer, distiller)) {}

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

void Server::note_refusal(const std::string& kind, const std::string& peer, const std::string& what) {
  state_->note_refusal(kind, peer, what);
}

std::vector<std::string> Server::connected() const {
  return state_->roster.connected();
}

}  // namespace tributary::coordinator
