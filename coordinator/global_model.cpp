#include "coordinator/global_model.h"

#include <future>
#include <utility>

#include "common/model/skeleton.h"

namespace tributary::coordinator {

namespace {

constexpr std::uint32_t kChunkBytes = 256 * 1024;

std::shared_ptr<const wire::FramedBlob> framed(Bytes blob) {
  return std::make_shared<const wire::FramedBlob>(std::move(blob), kChunkBytes);
}

}  // namespace

GlobalModel::Skeleton::Skeleton(const model::Graph& graph) {
  const Bytes packed = model::pack_skeleton(graph);
  digest = sha256(packed);
  framed = coordinator::framed(Bytes(packed.begin(), packed.end()));  // without the room that packing has taken
}

GlobalModel::GlobalModel(const model::Graph& graph, const Settings& settings, unsigned threads)
    : settings_(settings),
      threads_(threads),
      skeleton_(graph),
      global_(graph.parameters()),
      optimizer_(global_.layout_ptr(), settings.server),
      publisher_(global_.layout_ptr(), settings.edge, threads),
      history_(global_.layout_ptr(), settings.edge.bits == 8 ? settings.edge.history : 0, threads) {
  make_edge_copy();
}

void GlobalModel::apply(Accumulator& sum, std::uint64_t round) {
  const std::span<float> values = global_.values();
  sum.take_mean(threads_,
                [&](std::uint64_t first, std::span<const float> part) { optimizer_.apply(values, first, part); });
  round_ = round;
  make_edge_copy();
}

void GlobalModel::make_edge_copy() {
  framed_edge_.reset();
  // Hashing keeps one processor busy, so it goes on beside the encoding where there is another.
  auto model_digest = std::async(threads_ > 1 ? std::launch::async : std::launch::deferred,
                                 [this] { return model::digest_of(global_); });
  codec::EdgeCopy edge = publisher_.publish(global_, round_);
  framed_edge_ = framed(std::move(edge.blob));
  edge_digest_ = sha256(framed_edge_->blob());
  history_.add(edge_digest_, framed_edge_);
  edge_sparsity_ = edge.sparsity;
  model_digest_ = model_digest.get();
}

codec::EdgeCopy GlobalModel::edge() const {
  codec::DecodeLimits limits;
  limits.max_parameters = global_.layout().size();
  limits.threads = threads_;
  return codec::decode_edge_copy_quantized(framed_edge_->blob(), global_.layout_ptr(), limits);
}

model::ParameterSet GlobalModel::take_global() {
  return std::move(global_);
}

std::shared_ptr<const Broadcast> GlobalModel::broadcast(std::uint64_t round) const {
  auto broadcast = std::make_shared<Broadcast>();
  wire::Offer& offer = broadcast->offer;
  offer.round = round;
  offer.model = skeleton_.digest;
  offer.model_bytes = skeleton_.framed->blob_bytes();
  offer.edge = edge_digest_;
  offer.edge_bytes = framed_edge_->blob_bytes();
  offer.encoding = settings_.update_encoding;
  offer.seed = settings_.seed;
  offer.plan = settings_.training;
  broadcast->model = skeleton_.framed;
  broadcast->edge = framed_edge_;
  broadcast->deltas = history_.deltas();
  return broadcast;
}

void GlobalModel::describe(RoundRecord& record) const {
  record.model_digest = model_digest_;
  record.edge_digest = edge_digest_;
  record.edge_bytes = framed_edge_->blob_bytes();
  record.edge_sparsity = edge_sparsity_;
}

}  // namespace tributary::coordinator
