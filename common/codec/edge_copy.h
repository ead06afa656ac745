// common/codec/edge_copy.h
//
// The edge copy: the global model, pruned, quantised and entropy-coded, which the participants receive, train from and
// serve. Symmetric integer quantisation per output channel is defined here and nowhere else: an edge.onnx takes `q` and
// `scale` from here without re-rounding.
//
// Only Role::Weight tensors are pruned and quantised; Vector and State tensors travel as float32.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/model/parameters.h"

namespace tributary::codec {

struct EdgePlan {
  // Bits of a weight: 8 (int8 in [-127, 127]), or 32 (no quantisation).
  unsigned bits = 8;
  // Share of the weights that are zero, 0 <= sparsity < 1.
  double sparsity = 0.5;
  // true: each tensor has this sparsity. false: one magnitude threshold over all weights.
  bool per_layer = true;
  unsigned threads = 1;
};

// Throws Malformed naming the key (edge.bits, edge.sparsity) of a field out of range.
void check(const EdgePlan& plan);

// The integers of one weight tensor: w[i] = scale[channel(i)] * q[i], with channels as in the TensorSpec.
struct QuantizedTensor {
  std::vector<std::int8_t> q;
  std::vector<float> scale;  // one a channel; 0 for an all-zero channel
};

struct EdgeCopy {
  Bytes blob;                                // what is sent; its SHA-256 is the edge digest
  model::ParameterSet values;                // exactly what decode_edge_copy(blob) gives
  std::vector<QuantizedTensor> quantized;    // one per Role::Weight tensor in layout order; empty when bits = 32
  double sparsity = 0;                       // zeros / weights, reached
  double entropy_bits = 0;                   // order-0 entropy of what was coded, in bits: the limit for the blob's size
};

// Prunes by magnitude, quantises and encodes `master + residual`, and leaves what was lost in `residual` (same length
// as the arena; start with zeros): error feedback. With `residual` empty no error is kept. The master is not changed.
// Deterministic for any number of threads.
EdgeCopy encode_edge_copy(const model::ParameterSet& master, std::span<float> residual, const EdgePlan& plan);

// What a blob may make a decoder allocate; anything beyond throws before allocation.
struct DecodeLimits {
  std::uint64_t max_parameters = std::uint64_t{1} << 30;
};

// Throws Malformed (not a blob of this kind, truncated, trailing bytes, values that are not finite), Unsupported
// (newer version), or Malformed when the layout digest in the blob is not `layout`'s. Never allocates by a claim of
// the blob, reads in one pass.
model::ParameterSet decode_edge_copy(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits = {});

// Also gives back the integers, for an edge.onnx made on a participant.
EdgeCopy decode_edge_copy_quantized(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits = {});

// Gradual pruning (Zhu & Gupta 2017, "To prune, or not to prune", eq. 1): sparsity after round `round` of a schedule
// that goes from `initial` to `final` between rounds `begin` and `end` along a cubic.
double cubic_sparsity(double initial, double final, std::uint64_t begin, std::uint64_t end, std::uint64_t round);

}  // namespace tributary::codec
