// common/edge/shrinking.h
//
// Structured pruning: output channels of convolutions and neurons of dense layers are taken out of a graph, with
// everything that depends on them, so that it is smaller and faster on any runtime.
// Functions of any thread.
#pragma once

#include <cstdint>

#include "common/model/graph.h"

namespace tributary::edge {

struct ShrinkPlan {
  enum class Score : std::uint8_t {
    L1,         // sum of the magnitudes of a channel's weights (Li et al. 2017, "Pruning filters")
    L2,         // their Euclidean length
    BatchNorm,  // magnitude of the channel's scale in the BatchNormalization behind it (Liu et al. 2017); L1 without
                // one
  };
  Score score = Score::L1;
  double keep = 0.5;  // share of each layer's channels that stays, above 0 and at most 1; at least one channel stays
};

struct ShrinkReport {
  std::uint64_t layers = 0;    // that lost channels
  std::uint64_t channels = 0;  // before
  std::uint64_t kept = 0;      // of them
};

// `graph` with fewer channels. Channels that are added to each other (a residual branch) go together. A layer is left
// whole when its channels reach the output, or a node that is not understood (anything but Conv without groups, Gemm,
// BatchNormalization, MaxPool, AveragePool, GlobalAveragePool, Flatten, Add of two computed values, Dropout, Identity
// and activations), or when its weight is shared. Throws Malformed for a share out of range, what learn::Trace throws,
// and Unsupported when the input leaves more than the batch axis open.
model::Graph shrink(const model::Graph& graph, const ShrinkPlan& plan, ShrinkReport* report = nullptr);

}  // namespace tributary::edge
