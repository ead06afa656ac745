#include <utility>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "coordinator/recovery.h"
#include "coordinator/report.h"
#include "coordinator/server_state.h"

namespace tributary::coordinator {

namespace {

// Names the run: no two runs of a federation begin at the same instant.
std::string name_run(const Settings& settings, const Clock& clock) {
  const std::string what = settings.federation + "\n" + std::to_string(settings.seed) + "\n" +
                           std::to_string(clock.unix_seconds()) + "\n" +
                           std::to_string(clock.now().time_since_epoch().count());
  return sha256(as_bytes(what)).hex().substr(0, 32);
}

}  // namespace

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
  recover_models(store, models, intake.sum(), threads(),
                 [this](std::uint64_t round, std::vector<Ensemble::Member> members, model::ParameterSet& global,
                        const model::ParameterSet& start) {
                   if (distils(round)) distil(round, std::move(members), global, start);
                 });
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

// The last round of an earlier process, when that did not come to its end.
void Server::State::finish_last_record() {
  if (unrecorded) {
    RoundRecord record = *std::exchange(unrecorded, std::nullopt);
    finish_beside(std::move(record));
  } else if (last_record) {
    stop_at_target(*last_record);
  }
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

}  // namespace tributary::coordinator
