#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "coordinator/process_memory.h"
#include "coordinator/report.h"
#include "coordinator/server_state.h"

namespace tributary::coordinator {

namespace {

// Least time between the starts of an aborted round and the next.
constexpr Duration kPauseAfterAbort = std::chrono::seconds(1);

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

}  // namespace

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
  GlobalModel::Refinement refinement;
  if (distils(record.round)) {
    refinement = [&](model::ParameterSet& global, const model::ParameterSet& start) {
      const TimePoint begun = runtime.clock().now();
      record.distilled = distil(record.round, round.members(store.spool()), global, start);
      record.seconds.distil = seconds(runtime.clock().now() - begun);
    };
  }
  if (publish) {
    co_await runtime.on_worker([&] {
      const TimePoint begun = runtime.clock().now();
      give_free_memory_back();  // of the uploads, before the edge copy needs its own
      models.apply(intake.sum(), record.round, refinement);
      record.seconds.encode = seconds(runtime.clock().now() - begun) - record.seconds.distil;
    });
  } else {
    log::warning("server", "round " + std::to_string(record.round) + " was aborted: " + round.abort_reason());
  }
  models.describe(record);
  record.seconds.fold = intake.take_seconds();
  record.seconds.round = seconds(runtime.clock().now() - round.begun());
  record.coordinator_rss_bytes = resident_bytes();
  co_await publish_durably(record);
  finish_beside(std::move(record));
  if (!publish) co_await pause_until(round.begun() + kPauseAfterAbort);
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
    // What was distilled takes long to make again.
    save = record.distilled || s.wants_models(models.state_bytes());
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

Evaluation::Work Server::State::work_of(std::uint64_t round) const {
  const bool evaluates = is_last(round) || round % std::max<std::uint64_t>(settings.evaluation_every, 1) == 0;
  const bool teaches =
      !settings.distillation.student.empty() && (is_last(round) || settings.distillation.is_due(round));
  Evaluation::Work work{evaluates ? evaluator : nullptr, teaches ? distiller : nullptr};
  const std::uint64_t file_every = settings.edge.file_every;
  if (file_every != 0 && round % file_every == 0)
    work.keep_edge = [this, round](codec::EdgeCopy edge) { observer.edge_published(round, std::move(edge)); };
  return work;
}

void Server::State::finish_beside(RoundRecord record) {
  Evaluation::Work work = work_of(record.round);
  if (record.published && work.any()) {
    evaluation.begin(std::move(record), std::move(work));
  } else {
    finish(record);
  }
}

bool Server::State::distils(std::uint64_t round) const {
  return distiller != nullptr && settings.distillation.cohort && settings.distillation.is_due(round);
}

bool Server::State::distil(std::uint64_t round, std::vector<Ensemble::Member> members, model::ParameterSet& global,
                           const model::ParameterSet& start) {
  const Ensemble cohort(store.uploads(), start, std::move(members));
  return distiller->teach_global(global, cohort, round);
}

void Server::State::finish(const RoundRecord& record) {
  ledger.post([recorded = store::RoundRecorded{record.round, to_json(record)}](store::RunStore& s) {
    s.record_round(recorded);
  });
  observer.round_finished(record);
  stop_at_target(record);
}

void Server::State::stop_at_target(const RoundRecord& record) {
  if (!meets(settings.target, record)) return;
  complete = complete || !over();
  end("target reached: " + how_met(settings.target, record));
}

void Server::State::count_traffic(RoundRecord& record) {
  const net::Traffic all = roster.traffic();
  record.bytes_down = all.bytes_out - counted.bytes_out;
  record.bytes_up = all.bytes_in - counted.bytes_in;
  counted = all;
}

}  // namespace tributary::coordinator
