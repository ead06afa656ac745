// common/codec/edge_copy.h
//
// The edge copy: the global model, pruned, quantised and entropy-coded, which the participants receive, train from and
// serve. Symmetric integer quantisation, with a scale per output channel or per block, is defined here and nowhere
// else: an edge.onnx takes `q` and `scale` from here without re-rounding.
//
// Only Role::Weight tensors are pruned and quantised; Vector and State tensors travel as float32.
// Functions of any thread; distinct calls share nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/model/parameters.h"

namespace tributary::codec {

struct EdgePlan {
  // Bits of a weight: 8, 4 or 2 (integers up to 127, 7 or 1 in magnitude), or 32 (no quantisation). With 2 bits, which
  // is ternary, every weight that stays is plus or minus its scale: the mean magnitude of those that stay (Li & Liu
  // 2016, "Ternary weight networks", eq. 5).
  unsigned bits = 8;
  // Share of the weights that are zero, 0 <= sparsity < 1.
  double sparsity = 0.5;
  // true: each tensor has this sparsity. false: one magnitude threshold over all weights.
  bool per_layer = true;
  // Largest |q|, at most what the bits hold; 0 = 16, 7 or 1. A scale is the largest magnitude / levels. This trades
  // rounding error for bytes. A half-pruned `2nn` late in its training, of float32's bytes: 100 levels 0.147, 64 levels
  // 0.137, 16 levels 0.104; the rounding error of 16 levels is below what pruning does (0.46 and 1 of it).
  unsigned levels = 0;
  // Neighbouring weights of a tensor that share a scale, a power of two from 64 to 32768; 0 = those of an output
  // channel. A scale takes two bytes.
  unsigned block = 0;
  unsigned threads = 1;
  // What a copy carries beside its blob, and how the weights are worked on. Blob: no values and no integers, and
  // x is made in the place of the residual, so that encoding takes 1 byte a parameter and the blob, four times.
  enum class Result : std::uint8_t { Whole, Blob } result = Result::Whole;
  // Scales of the copy before (EdgeCopy::scales), or empty. A channel or block keeps its scale while its largest
  // magnitude needs 0.75 to 1.25 times `levels` of it (and no more than the bits hold): integers then stay the same
  // where the model does, which is what makes the difference to the copy before small (edge_delta.h). Not of 2 bits,
  // whose integers do not depend on scales.
  std::span<const std::vector<float>> previous_scales = {};
};

// The largest integer that so many bits hold; 0 of 32.
unsigned largest_integer(unsigned bits);
// EdgePlan::levels, resolved.
unsigned levels_of(const EdgePlan& plan);

// Throws Malformed naming the key (edge.bits, edge.sparsity, edge.levels, edge.block) of a field out of range.
void check(const EdgePlan& plan);

// Which weights share a scale: element i of a tensor has scale (i / stride) % count.
struct ScaleGroups {
  std::uint64_t count = 1;
  std::uint64_t stride = 1;

  std::size_t of(std::uint64_t i) const { return static_cast<std::size_t>(i / stride % count); }
};
// `block` as EdgePlan has it.
ScaleGroups scale_groups(const model::TensorSpec& spec, unsigned block);

// The integers of one weight tensor: w[i] = scale[scale_groups(spec, block).of(i)] * q[i].
struct QuantizedTensor {
  std::vector<std::int8_t> q;
  // One a channel or block; 0 where all are zero. A float32 whose lower 16 bits are 0 (rounded up, except of 2 bits),
  // so that it takes two bytes on the wire.
  std::vector<float> scale;
  unsigned block = 0;
};

struct EdgeCopy {
  Bytes blob;                              // what is sent; its SHA-256 is the edge digest
  model::ParameterSet values;              // exactly what decode_edge_copy(blob) gives
  std::vector<QuantizedTensor> quantized;  // one per Role::Weight tensor in layout order; empty when bits = 32
  std::vector<std::vector<float>> scales;  // the encoder's; one row per Role::Weight tensor; empty when bits = 32
  double sparsity = 0;                     // zeros / weights, reached; 0 without weights
  // The limit for the blob's size, in bits: a tensor's order-0 entropy of the non-zero integers, H(p) of their places,
  // and the floats as they are.
  double entropy_bits = 0;
};

// Prunes by magnitude, quantises and encodes x = master + residual, and leaves in `residual` (same length as the arena;
// start with zeros) what rounding lost: error feedback. With `residual` empty no error is kept. The master is not
// changed. The same bits for any number of threads, and the same blob and residual for either kind of result.
//
// Only the rounding error of the weights that stay is fed back; a pruned weight's residual is 0. The master is a state,
// not a stream of increments: a pruned weight comes back when its magnitude says so. If its loss were added up instead,
// it would cross the threshold every few rounds as a multiple of itself: right on average, wrong in every single copy.
// For the same reason a ternary weight's residual is at most half its scale.
//
// Throws Malformed, naming the tensor, when a value is not finite or a weight's magnitude is 2^120 or more (`residual`
// then unchanged, but of no use any more where only a blob was asked for).
//
// The blob is written into `memory`, whatever that holds, where it is large enough: new memory of this size costs more
// than what is written to it.
EdgeCopy encode_edge_copy(const model::ParameterSet& master, std::span<float> residual, const EdgePlan& plan,
                          Bytes memory = {});

// What a blob may make a decoder allocate; anything beyond throws before allocation.
struct DecodeLimits {
  std::uint64_t max_parameters = std::uint64_t{1} << 30;
  unsigned threads = 1;
};

// Throws Malformed (not a blob of this kind, another layout's, truncated, trailing bytes, values that are not finite),
// Unsupported (newer version), or Overloaded (the layout is over the limit). Never allocates by a claim of the blob,
// reads in one pass.
model::ParameterSet decode_edge_copy(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits = {});

// Also gives back the integers, for an edge.onnx made on a participant. entropy_bits is 0: it is the encoder's.
EdgeCopy decode_edge_copy_quantized(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits = {});
// The same with the blob moved into the result.
EdgeCopy decode_edge_copy_quantized(Bytes&& blob, const model::LayoutPtr& layout, const DecodeLimits& limits = {});

// Gradual pruning (Zhu & Gupta 2017, "To prune, or not to prune", eq. 1): sparsity after round `round` of a schedule
// that goes from `initial` to `final` between rounds `begin` and `end` along a cubic; constant before and after.
double cubic_sparsity(double initial, double final, std::uint64_t begin, std::uint64_t end, std::uint64_t round);

}  // namespace tributary::codec
