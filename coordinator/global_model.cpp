#include "coordinator/global_model.h"

#include <cmath>
#include <utility>

#include "common/model/exits.h"
#include "common/model/skeleton.h"

namespace tributary::coordinator {

namespace {

constexpr std::uint32_t kChunkBytes = 256 * 1024;

std::shared_ptr<const wire::FramedBlob> framed(ByteSpan blob) {
  return std::make_shared<const wire::FramedBlob>(blob, kChunkBytes);
}

}  // namespace

GlobalModel::Skeleton::Skeleton(const model::Graph& graph) {
  const Bytes packed = model::pack_skeleton(graph);
  framed = coordinator::framed(packed);
  digest = sha256(packed);
}

GlobalModel::GlobalModel(const model::Graph& graph, const Settings& settings, unsigned threads)
    : settings_(settings),
      threads_(threads),
      skeleton_(graph),
      global_(graph.parameters()),
      optimizer_(global_.layout_ptr(), settings.server),
      publisher_(global_.layout_ptr(), settings.edge, threads),
      history_(global_.layout_ptr(), settings.edge.bits == 8 ? settings.edge.history : 0, threads) {
  if (const auto* alpha = model::alpha_of(graph, global_.layout())) alpha_ = {alpha->offset, alpha->size};
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
  const codec::EdgeCopy edge = publisher_.publish(global_, round_);
  framed_edge_ = framed(edge.blob);
  edge_digest_ = sha256(edge.blob);
  history_.add(edge_digest_, framed_edge_);
  edge_sparsity_ = edge.sparsity;
  model_digest_ = digest_of(global_);
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

// Averages of logarithms, so not normalised yet.
std::vector<double> GlobalModel::alphas() const {
  std::vector<double> alphas;
  if (alpha_.empty()) return alphas;
  double sum = 0;
  for (const float logarithm : global_.values().subspan(alpha_.offset, alpha_.size)) {
    alphas.push_back(std::exp(double{logarithm}));
    sum += alphas.back();
  }
  for (double& alpha : alphas) alpha /= sum;
  return alphas;
}

void GlobalModel::describe(RoundRecord& record) const {
  record.model_digest = model_digest_;
  record.edge_digest = edge_digest_;
  record.edge_bytes = framed_edge_->blob_bytes();
  record.edge_sparsity = edge_sparsity_;
  record.alphas = alphas();
}

}  // namespace tributary::coordinator
