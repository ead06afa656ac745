// common/edge/quantization.h
//
// Post-training quantisation: from a float32 model to one whose weights are integers and whose activations are
// quantised too, written so that any ONNX runtime opens it and an integer engine recognises it. Weights are rounded by
// the codec (symmetric, codec/edge_copy.h); activations have 256 levels, zero among them (ranges.h). Fold the model
// first (folding.h).
// Functions of any thread; no LibTorch.
//
// What is quantised: Conv, Gemm (alpha = beta = 1, a not transposed) and MatMul (by a matrix) whose weight is a
// parameter. All other weights (LSTM, embeddings) become integers that are dequantised where they are read.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/codec/edge_copy.h"
#include "common/edge/ranges.h"
#include "common/model/graph.h"

namespace tributary::edge {

struct WeightPlan {
  unsigned bits = 8;        // 8: -127..127; 4: -7..7 (stored as int8, since ONNX has no int4 before opset 21)
  bool per_channel = true;  // a scale for each output channel, else one for each tensor
};

// Throws Malformed naming the field out of range.
void check(const WeightPlan& plan);

// The integers of every weight, and the values that they stand for. Throws Malformed for weights that are not finite.
codec::EdgeCopy round_weights(const model::ParameterSet& parameters, const WeightPlan& plan);

// Weights alone; any opset.
model::Graph quantize_weights(const model::Graph& graph, const WeightPlan& plan = {});

// Activations quantised when the model runs, by what each batch holds:
//   x -> DynamicQuantizeLinear -> DequantizeLinear -> Conv, Gemm or MatMul <- DequantizeLinear <- int8 weight
// Biases stay float32. Throws Unsupported below opset 13.
model::Graph quantize_dynamic(const model::Graph& graph, const WeightPlan& plan = {});

// The values for which quantize_static() needs a range: the inputs of quantised nodes, followed back through nodes that
// only move values (MaxPool, Flatten, Reshape, Transpose...).
std::vector<std::string> quantized_values(const model::Graph& graph);

// Activations quantised by ranges found before (calibration.h), in QDQ form:
//   QuantizeLinear -> DequantizeLinear -> node <- DequantizeLinear <- int8 weight
// around every quantised value and every node that only moves one, with the same levels before and after it. Biases
// become int32 with scale (activation's x weight's). A Relu behind a quantised node stands between it and the next
// QuantizeLinear, so that an engine runs the three as one.
// Throws Malformed when a value's range is missing, Unsupported below opset 13.
model::Graph quantize_static(const model::Graph& graph, const std::map<std::string, Range>& ranges,
                             const WeightPlan& plan = {});

// quantize_static() without integers for the weights and biases: the float weights stay parameters, activations go
// through QuantizeLinear and DequantizeLinear. What quantisation-aware training trains (aware_training.h).
model::Graph quantize_activations(const model::Graph& graph, const std::map<std::string, Range>& ranges);

}  // namespace tributary::edge
