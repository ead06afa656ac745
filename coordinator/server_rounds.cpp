#include <algorithm>
#include <set>
#include <utility>

#include "common/base/log.h"
#include "coordinator/cohort.h"
#include "coordinator/selection.h"
#include "coordinator/server_state.h"

namespace tributary::coordinator {

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

}  // namespace tributary::coordinator
