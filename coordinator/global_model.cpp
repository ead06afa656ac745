#include "coordinator/global_model.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/codec/update.h"
#include "common/model/exits.h"
#include "common/model/skeleton.h"

namespace tributary::coordinator {

namespace {

constexpr std::uint32_t kChunkBytes = 256 * 1024;

std::shared_ptr<wire::FramedBlob> framed(Bytes blob) {
  return std::make_shared<wire::FramedBlob>(std::move(blob), kChunkBytes);
}

std::string encoding_asked(const Settings& settings, const model::ParameterLayout& layout) {
  if (settings.update_encoding != kAutoEncoding) return settings.update_encoding;
  try {
    const codec::UpdateEncoding chosen = codec::encoding_within(layout, settings.update_budget_bytes);
    log::info("model", "update.encoding = auto: " + chosen.text() + ", about " +
                           std::to_string(chosen.expected_bytes(layout)) + " bytes an update");
    return chosen.text();
  } catch (const Error& e) {
    fail(e.kind(), "update.budget_bytes = " + std::to_string(settings.update_budget_bytes) + " " + e.what());
  }
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
      history_(global_.layout_ptr(), settings.edge.bits != 32 ? settings.edge.history : 0, threads) {
  if (settings.quantization_aware && settings.training.online && model::exits_of(graph).size() > 1)
    fail(Error::Kind::Malformed,
         "training.quantization_aware does not go with training.online and a model of several exits");
  update_encoding_ = encoding_asked(settings, global_.layout());
  if (const auto* alpha = model::alpha_of(graph, global_.layout())) alpha_ = {alpha->offset, alpha->size};
  make_edge_copy();
}

void GlobalModel::apply(Accumulator& sum, std::uint64_t round, const Refinement& refine) {
  const std::span<float> values = global_.values();
  sum.take_mean(threads_,
                [&](std::uint64_t first, std::span<const float> part) { optimizer_.apply(values, first, part); });
  if (refine) {
    codec::DecodeLimits limits;
    limits.max_parameters = global_.layout().size();
    limits.threads = threads_;
    refine(global_, codec::decode_edge_copy(framed_edge_->blob(), global_.layout_ptr(), limits));
  }
  round_ = round;
  make_edge_copy();
}

// Gives up the present copy. Its memory, when nobody has need of it any more: with float32 that is all of the next.
Bytes GlobalModel::memory_of_edge_copy() {
  history_.make_room();
  const auto last = std::exchange(framed_edge_, nullptr);
  return last.use_count() == 1 ? last->take_blob() : Bytes();
}

void GlobalModel::make_edge_copy() {
  Bytes memory = memory_of_edge_copy();
  // Hashing keeps one processor busy, so it goes on beside the encoding where there is another.
  auto model_digest = std::async(threads_ > 1 ? std::launch::async : std::launch::deferred,
                                 [this] { return model::digest_of(global_); });
  codec::EdgeCopy edge = publisher_.publish(global_, round_, std::move(memory));
  framed_edge_ = framed(std::move(edge.blob));
  edge_digest_ = sha256(framed_edge_->blob());
  history_.add(edge_digest_, framed_edge_);
  edge_sparsity_ = edge.sparsity;
  model_digest_ = model_digest.get();
}

store::ModelStateView GlobalModel::state() const {
  store::ModelStateView state;
  state.round = round_;
  state.layout = global_.layout().digest();
  for (const EdgeHistory::Copy& copy : history_.copies()) state.edges.push_back(copy.digest);
  state.global = global_.values();
  state.velocity = optimizer_.velocity();
  state.residual = publisher_.residual();
  state.scales = publisher_.scales();
  return state;
}

std::vector<store::EdgeBlob> GlobalModel::edge_blobs() const {
  std::vector<store::EdgeBlob> blobs;
  for (const EdgeHistory::Copy& copy : history_.copies()) {
    blobs.push_back({copy.digest, std::shared_ptr<const Bytes>(copy.blob, &copy.blob->blob())});
  }
  return blobs;
}

std::uint64_t GlobalModel::state_bytes() const {
  const std::size_t floats = global_.values().size() + optimizer_.velocity().size() + publisher_.residual().size();
  return floats * sizeof(float);
}

void GlobalModel::restore(store::ModelState state, const std::vector<Bytes>& edges) {
  const std::span<float> values = global_.values();
  if (state.layout != global_.layout().digest() || state.global.size() != values.size() ||
      state.velocity.size() != optimizer_.velocity().size() || state.residual.size() != publisher_.residual().size() ||
      edges.empty() || edges.size() != state.edges.size())
    fail(Error::Kind::Corrupt, "the models saved after round " + std::to_string(state.round) + " are of another shape");
  std::copy(state.global.begin(), state.global.end(), values.begin());
  optimizer_.restore(std::move(state.velocity));
  publisher_.restore(std::move(state.residual), std::move(state.scales));
  round_ = state.round;
  for (std::size_t i = edges.size(); i-- > 0;) {
    framed_edge_ = framed(edges[i]);
    history_.add(state.edges[i], framed_edge_);
  }
  edge_digest_ = state.edges.front();
  edge_sparsity_ = edge().sparsity;
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
  offer.encoding = update_encoding_;
  offer.seed = settings_.seed;
  offer.plan = settings_.training;
  if (settings_.quantization_aware) {
    const EdgePolicy& edge = settings_.edge;
    offer.plan.quantized_bits = edge.bits;
    offer.plan.quantized_levels = edge.levels;
    offer.plan.quantized_block = edge.block;
    offer.plan.pruned = publisher_.sparsity(round_) > 0;
  }
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
