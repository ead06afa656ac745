// tests/protocol/reference.h
//
// The federation's models by the plainest arithmetic: each update decoded on its own, one integer sum, one mean, one
// step. What the coordinator publishes must be this, bit for bit.
#pragma once

#include <map>
#include <vector>

#include "common/model/graph.h"
#include "coordinator/edge_publisher.h"
#include "coordinator/settings.h"

namespace tributary::protocol {

struct Counted {
  Bytes blob;
  std::uint64_t examples = 0;
};

class Reference {
 public:
  Reference(const model::Graph& graph, const coordinator::Settings& settings);

  void apply(const std::vector<Counted>& updates, std::uint64_t round);
  const Digest& model() const { return model_; }
  const Digest& edge() const { return edge_; }
  // The edge copy of that name, one of all there were; nullptr when there was none.
  const Bytes* find_edge(const Digest& edge) const;

 private:
  void publish(std::uint64_t round);

  const coordinator::Settings& settings_;
  model::ParameterSet global_;
  std::vector<float> velocity_;
  coordinator::EdgePublisher publisher_;
  Digest model_, edge_;
  std::map<Digest, Bytes> edges_;
};

}  // namespace tributary::protocol
