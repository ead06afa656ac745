// coordinator/edge_publisher.h
//
// Makes the edge copy of each round: the sparsity that the schedule says, quantisation with the scales of the copy
// before where they still serve (EdgePlan::previous_scales), entropy coding, and the memory of what rounding lost
// (error feedback, 4 bytes a parameter). One thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "common/codec/edge_copy.h"
#include "coordinator/settings.h"

namespace tributary::coordinator {

class EdgePublisher {
 public:
  EdgePublisher(model::LayoutPtr layout, const EdgePolicy& policy, unsigned threads);

  // Sparsity asked of the copy that is made after round `round` (0 = the first, before any round).
  double sparsity(std::uint64_t round) const;
  // The copy's blob, size and sparsity; its values are what the blob decodes to. `memory`: as encode_edge_copy. Throws
  // Malformed when the model has a value that is not finite; the publisher is of no use then.
  codec::EdgeCopy publish(const model::ParameterSet& global, std::uint64_t round, Bytes memory = {});

  // What the next copy follows from beside the model.
  const std::vector<float>& residual() const { return residual_; }
  const std::vector<std::vector<float>>& scales() const { return scales_; }
  // REQUIRES: a residual of residual()'s size.
  void restore(std::vector<float> residual, std::vector<std::vector<float>> scales);

 private:
  EdgePolicy policy_;
  unsigned threads_;
  std::vector<float> residual_;
  std::vector<std::vector<float>> scales_;  // of the last copy
};

}  // namespace tributary::coordinator
