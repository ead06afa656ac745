#include "coordinator/recovery.h"

#include <utility>

#include "common/base/error.h"

namespace tributary::coordinator {

namespace {

[[noreturn]] void corrupt(const std::string& what) {
  fail(Error::Kind::Corrupt, what + "; restore the run's folder from a copy, or move it away and begin anew");
}

void refuse_other_model() {
  fail(Error::Kind::Refused,
       "the model is not the one that the run began with: give the same model and seed, or another folder with --out");
}

std::vector<Bytes> edges_of(const store::RunStore& store, const store::ModelState& state) {
  std::vector<Bytes> edges;
  for (const Digest& digest : state.edges) edges.push_back(store.edge(digest));
  return edges;
}

void check_models(const GlobalModel& models, const store::RoundEnded& ended) {
  if (models.model_digest() == ended.model && models.edge_digest() == ended.edge) return;
  corrupt("the models of round " + std::to_string(ended.round) + " are not those that it published");
}

void make_again(const store::RunStore& store, const store::RoundEnded& ended, GlobalModel& models, Accumulator& sum,
                unsigned threads, const MakeAgain& refine) {
  sum.clear();
  const store::RoundContents contents = store.round(ended.round);
  std::vector<Ensemble::Member> members;
  for (const store::UpdateAccepted& each : contents.accepted) {
    std::unique_ptr<MappedFile> file;
    if (each.bytes.empty()) {
      store.check_update(each);
      file = store.uploads().map(store.spool() / each.file);
    }
    const Accumulator::Contribution contribution{file ? file->bytes() : ByteSpan(each.bytes), each.announced.examples,
                                                 each.factor};
    sum.add({&contribution, 1}, threads);
    members.push_back({each.participant, store.spool() / each.file, each.bytes, each.factor});
  }
  if (sum.updates() == 0) corrupt("round " + std::to_string(ended.round) + " was published, but has no updates");
  GlobalModel::Refinement refinement;
  if (refine) {
    refinement = [&](model::ParameterSet& global, const model::ParameterSet& start) {
      refine(ended.round, members, global, start);
    };
  }
  models.apply(sum, ended.round, refinement);
  check_models(models, ended);
}

}  // namespace

void recover_models(const store::RunStore& store, GlobalModel& models, Accumulator& sum, unsigned threads,
                    const MakeAgain& refine) {
  const store::History& history = store.history();
  if (history.run->skeleton != models.skeleton_digest() || history.run->model != models.model_digest())
    refuse_other_model();
  std::uint64_t covered = 0;
  if (auto state = store.models()) {
    covered = state->round;
    const auto edges = edges_of(store, *state);
    models.restore(std::move(*state), edges);
    check_models(models, history.rounds.at(covered - 1).ended);
  }
  for (const store::PastRound& round : history.rounds) {
    if (round.ended.published && round.ended.round > covered)
      make_again(store, round.ended, models, sum, threads, refine);
  }
  sum.clear();
}

std::vector<std::shared_ptr<Upload>> recover_uploads(const store::RunStore& store) {
  std::vector<std::shared_ptr<Upload>> uploads;
  if (!store.unfinished()) return uploads;
  for (const store::UpdateAccepted& each : store.unfinished()->accepted) {
    auto upload = std::make_shared<Upload>(store.uploads(), store.spool() / each.file, each.announced, true);
    upload->factor = each.factor;
    upload->spool.keep();
    uploads.push_back(std::move(upload));
  }
  return uploads;
}

}  // namespace tributary::coordinator
