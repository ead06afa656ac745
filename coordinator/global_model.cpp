#include "coordinator/global_model.h"

#include <vector>

#include "common/model/skeleton.h"

namespace tributary::coordinator {

namespace {

constexpr std::uint32_t kChunkBytes = 256 * 1024;

std::shared_ptr<const wire::FramedBlob> framed(ByteSpan blob) {
  return std::make_shared<const wire::FramedBlob>(blob, kChunkBytes);
}

}  // namespace

GlobalModel::GlobalModel(const model::Graph& graph, const Settings& settings, unsigned threads)
    : settings_(settings),
      global_(graph.parameters()),
      optimizer_(global_.layout_ptr(), settings.server),
      publisher_(global_.layout_ptr(), settings.edge, threads) {
  const Bytes skeleton = model::pack_skeleton(graph);
  skeleton_ = framed(skeleton);
  skeleton_digest_ = sha256(skeleton);
  make_edge_copy();
}

void GlobalModel::apply(const Accumulator& sum, std::uint64_t round) {
  std::vector<float> mean(global_.layout().size());
  sum.mean(mean);
  optimizer_.apply(global_.values(), mean);
  round_ = round;
  make_edge_copy();
}

void GlobalModel::make_edge_copy() {
  framed_edge_.reset();
  edge_ = publisher_.publish(global_, round_);
  framed_edge_ = framed(edge_.blob);
  edge_digest_ = sha256(edge_.blob);
  model_digest_ = digest_of(global_);
}

std::shared_ptr<const Broadcast> GlobalModel::broadcast(std::uint64_t round) const {
  auto broadcast = std::make_shared<Broadcast>();
  wire::Offer& offer = broadcast->offer;
  offer.round = round;
  offer.model = skeleton_digest_;
  offer.model_bytes = skeleton_->blob_bytes();
  offer.edge = edge_digest_;
  offer.edge_bytes = framed_edge_->blob_bytes();
  offer.encoding = settings_.update_encoding;
  offer.seed = settings_.seed;
  offer.plan = settings_.training;
  broadcast->model = skeleton_;
  broadcast->edge = framed_edge_;
  return broadcast;
}

void GlobalModel::describe(RoundRecord& record) const {
  record.model_digest = model_digest_;
  record.edge_digest = edge_digest_;
  record.edge_bytes = edge_.blob.size();
  record.edge_sparsity = edge_.sparsity;
}

}  // namespace tributary::coordinator
