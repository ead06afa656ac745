#include "participant/workshop.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/model/exits.h"
#include "common/model/skeleton.h"

namespace tributary::participant {

namespace {

constexpr std::size_t kMaxModels = 4;
// Parameters of a model whose values an idle workbench keeps: 8 MiB for both.
constexpr std::uint64_t kKeptParameters = 1u << 20;

}  // namespace

std::shared_ptr<Workshop> make_workshop() {
  return std::make_shared<Workshop>();
}

SharedBlob Workshop::find(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  const auto found = blobs_.find(digest);
  return found == blobs_.end() ? nullptr : found->second.lock();
}

SharedBlob Workshop::share(const Digest& digest, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  std::erase_if(blobs_, [](const auto& entry) { return entry.second.expired(); });
  auto& entry = blobs_[digest];
  if (SharedBlob held = entry.lock()) return held;
  auto blob = std::make_shared<const Bytes>(std::move(bytes));
  entry = blob;
  return blob;
}

Workshop::ModelPtr Workshop::model_of(const Digest& digest) {
  const auto found = std::find_if(models_.begin(), models_.end(), [&](const auto& m) { return m->digest == digest; });
  if (found == models_.end())
    models_.push_front(std::make_shared<Model>(Model{digest, {}}));
  else
    models_.splice(models_.begin(), models_, found);
  if (models_.size() > kMaxModels) models_.pop_back();
  return models_.front();
}

Workshop::Loan Workshop::borrow(const Digest& digest, ByteSpan skeleton, const model::GraphLimits& limits) {
  ModelPtr model;
  std::unique_ptr<Workbench> bench;
  {
    const std::lock_guard lock(mutex_);
    model = model_of(digest);
    if (!model->idle.empty()) {
      bench = std::move(model->idle.back());
      model->idle.pop_back();
    }
  }
  if (!bench) {
    bench = std::make_unique<Workbench>();
    const model::Graph graph = model::unpack_skeleton(skeleton, "the model offered", limits);
    bench->network = learn::Network::compile(graph);
    if (model::exits_of(graph).size() > 1) bench->exits = learn::ExitNetwork::compile(graph);
  }
  return {*this, std::move(model), std::move(bench)};
}

Workshop::Loan::~Loan() {
  if (bench_->network->layout()->size() > kKeptParameters) bench_->received = bench_->trained = {};
  const std::lock_guard lock(workshop_.mutex_);
  model_->idle.push_back(std::move(bench_));
}

}  // namespace tributary::participant
