#include <utility>

#include "common/base/log.h"
#include "common/base/text.h"
#include "coordinator/selection.h"
#include "coordinator/server_state.h"

namespace tributary::coordinator {

namespace {
// When one comes back whose session gave way to another of its name: greetings may overtake one another, so that the
// session that came last need not be the one that lives.
constexpr double kRetryReplaced = 10;
// Beyond its time, so that a participant that is kept out does not come too early.
constexpr double kLaterSeconds = 1;
}  // namespace

void Server::State::joined(Session& session) {
  if (closed) {
    session.say_goodbye(ended, retry_seconds);
    return;
  }
  if (const auto until = kept_out.find(session.name()); until != kept_out.end()) {
    const double left = seconds(until->second - runtime.clock().now());
    if (left > 0) {
      note_refusal("kept out", session.name(), session.name() + " is back before its time");
      session.say_goodbye("out of protocol a moment ago", left + kLaterSeconds);
      return;
    }
    kept_out.erase(until);
  }
  log::info("server", session.name() + " joined from " + session.peer().address);
  if (Session* older = roster.join(session))
    older->say_goodbye("replaced by a newer session of " + session.name(), kRetryReplaced);
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

void Server::State::broke_protocol(Session& session, const std::string& how) {
  note_refusal("protocol", session.name(), session.name() + " at " + session.peer().address + " broke it: " + how);
  if (settings.limits.expelled_seconds > 0)
    kept_out[session.name()] = runtime.clock().now() + from_seconds(settings.limits.expelled_seconds);
}

void Server::State::note_refusal(const std::string& kind, const std::string& peer, const std::string& what) {
  refusals.note(kind, peer, what);
  observer.peer_refused(kind);
}

void Server::State::not_stored(Session& session, const Upload& upload, const std::string& why) {
  log::error("server", "cannot keep the update of " + session.name() + ": " + why);
  if (live && live->number() == upload.announced.round) live->rule_out(session.name(), "not stored");
}

// One that this round does not ask need not keep its line meanwhile.
void Server::State::send_away(Session& session, std::uint64_t round) {
  if (settings.round.retry_seconds <= 0) return;
  session.tell_wait(coordinator::retry_seconds(settings.round.retry_seconds, settings.seed, round, session.name()),
                    "not selected");
}

}  // namespace tributary::coordinator
