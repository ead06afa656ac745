// coordinator/global_model.h
//
// The model that the federation learns: the master weights, the edge copy made of them, and how a round's mean update
// moves both. One thread at a time; the acts of CPU work may run on a worker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/codec/edge_copy.h"
#include "common/model/graph.h"
#include "coordinator/accumulator.h"
#include "coordinator/broadcast.h"
#include "coordinator/edge_history.h"
#include "coordinator/edge_publisher.h"
#include "coordinator/round_record.h"
#include "coordinator/server_optimizer.h"
#include "coordinator/settings.h"
#include "coordinator/store/run_store.h"

namespace tributary::coordinator {

class GlobalModel {
 public:
  // Makes edge copy 0. `threads` encode. Throws what encode_edge_copy throws, and Malformed when no encoding of an
  // update of this model is as short as update.budget_bytes.
  GlobalModel(const model::Graph& graph, const Settings& settings, unsigned threads);

  // What becomes of the moved model before its edge copy is made; `start` is the copy that its updates began from.
  using Refinement = std::function<void(model::ParameterSet& global, const model::ParameterSet& start)>;

  // Moves the model by the mean of the sum, which is clear then, refines it, and makes the edge copy of `round`.
  // REQUIRES: sum.updates() > 0. Throws Malformed when the model is not finite any more, and what `refine` throws.
  void apply(Accumulator& sum, std::uint64_t round, const Refinement& refine = {});

  const model::ParameterSet& global() const { return global_; }
  // Made from what is sent, at each call: its values are not kept.
  codec::EdgeCopy edge() const;
  // The global model, taken away: the last call.
  model::ParameterSet take_global();
  const model::LayoutPtr& layout() const { return global_.layout_ptr(); }
  std::uint64_t round() const { return round_; }  // which made it; 0 = none

  // Whether a difference to this earlier edge copy can be made.
  bool remembers(const Digest& edge) const { return history_.has(edge); }
  // Makes the differences to these, for the broadcasts of the present copy. For a worker; edge() may be called
  // meanwhile. REQUIRES: remembers() each.
  void make_deltas(const std::set<Digest>& bases) { history_.make(bases); }

  // Everything that the next round follows from, for the store; borrowed until the next apply().
  store::ModelStateView state() const;
  std::vector<store::EdgeBlob> edge_blobs() const;
  // The models as they were then. `edges`: the blobs of state.edges. Throws Corrupt when they do not fit this model.
  void restore(store::ModelState state, const std::vector<Bytes>& edges);
  std::uint64_t state_bytes() const;

  const Digest& skeleton_digest() const { return skeleton_.digest; }
  const Digest& model_digest() const { return model_digest_; }
  const Digest& edge_digest() const { return edge_digest_; }

  // What the offers of `round` say and send.
  std::shared_ptr<const Broadcast> broadcast(std::uint64_t round) const;
  // Digests, size and sparsity of the present models.
  void describe(RoundRecord& record) const;

 private:
  void make_edge_copy();
  Bytes memory_of_edge_copy();
  // Weights of the exits; empty where the graph keeps none.
  std::vector<double> alphas() const;

  // The graph without values. Made before the rest, because it takes three times the model for a moment.
  struct Skeleton {
    explicit Skeleton(const model::Graph& graph);
    std::shared_ptr<const wire::FramedBlob> framed;
    Digest digest;
  };

  const Settings& settings_;
  unsigned threads_;
  Skeleton skeleton_;
  model::ParameterSet global_;
  ServerOptimizer optimizer_;
  EdgePublisher publisher_;
  EdgeHistory history_;
  std::uint64_t round_ = 0;

  std::shared_ptr<wire::FramedBlob> framed_edge_;
  Digest edge_digest_, model_digest_;
  double edge_sparsity_ = 0;
  std::string update_encoding_;  // asked for
  struct Place {
    std::uint64_t offset = 0, size = 0;
    bool empty() const { return size == 0; }
  };
  Place alpha_;
};

}  // namespace tributary::coordinator
