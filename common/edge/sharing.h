// common/edge/sharing.h
//
// Similar-layer fusion: layers of one shape whose weights, or whose effects, are alike use one set of weights. The set
// is stored once in the file and frozen; what is left is trained around it.
// Functions of one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/edge/central_training.h"

namespace tributary::edge {

struct SharingPlan {
  enum class Similarity : std::uint8_t {
    Cosine,  // of the two weights, as vectors
    Cka,     // linear centred kernel alignment of the two layers' outputs on examples (Kornblith et al. 2019)
  };
  Similarity similarity = Similarity::Cka;
  std::uint32_t pairs = 1;       // that are to share; each takes one set of weights out of the model
  std::uint32_t examples = 256;  // that Cka looks at, 2 to 1024
  CentralPlan training;          // of what is left
};

struct SimilarPair {
  std::string first, second;  // names of the weights, in the graph's order
  double similarity = 0;      // cosine: -1 to 1; cka: 0 to 1
};

// Every two layers of one operator (Conv, Gemm, MatMul), one set of attributes and one shape, whose weights are
// parameters that one node alone reads; the most similar first. `examples` are not looked at for Cosine. Throws
// Malformed for a plan out of range or too few examples, and what learn::Trace throws.
std::vector<SimilarPair> similar_pairs(const model::Graph& graph, const data::View& examples, const SharingPlan& plan);

struct Sharing {
  std::vector<SimilarPair> pairs;   // that were joined
  std::vector<std::string> frozen;  // weights that more than one layer reads now
};

// Joins the most similar pairs: the later layer reads the weights of the earlier one, and keeps its own bias. A pair
// whose layers share already is passed over; so three layers alike are two pairs. Nothing is trained. Throws Malformed
// when there are fewer such pairs than asked for, saying how many there are; and as similar_pairs() does.
Sharing share(model::Graph& graph, const data::View& examples, const SharingPlan& plan);

// Trains everything of `graph`, which share() has made, but the weights that it froze. The watch is told the parameters
// in the graph's layout; at the end the graph has them. Throws Malformed when training diverges, and Unsupported when a
// frozen weight's name has a comma.
void train_around(model::Graph& graph, const Sharing& sharing, const data::View& examples, const SharingPlan& plan,
                  const Clock& clock, const TrainingWatch& watch = {});

}  // namespace tributary::edge
