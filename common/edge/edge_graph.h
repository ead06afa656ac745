// common/edge/edge_graph.h
//
// The edge copy that the federation publishes, as an ONNX model that any runtime opens: edge.onnx. Integers and scales
// are those of the copy (codec/edge_copy.h); nothing is rounded again.
// Functions of any thread.
#pragma once

#include "common/codec/edge_copy.h"
#include "common/model/graph.h"

namespace tributary::edge {

// `graph` for inference (inference_graph.h) with the values of `copy`. Each quantised weight W is stored as int8, one
// byte an element, and becomes, under its old name, the output of
//   DequantizeLinear(W_quantized, W_scale, W_zero_point)  with a scale per output channel and zero points 0; or
//   Mul(Cast(W_quantized), W_scale)                       where the channels span several axes (LSTM and GRU in both
//                                                         directions), or the opset is below 13: it has no `axis` yet.
// Where a scale is a block's, W is a matrix of a row a block, the last row filled up with zeros, whose product is then
// cut (Slice) and brought (Reshape) to W's shape. Integers of 4 and 2 bits are stored as int8 as well. All give exactly
// copy.values, bit for bit. The opset stays the graph's. The scale of an all-zero channel is written as 1, since some
// runtimes refuse 0. A copy of 32 bits gives plain float32 initialisers.
//
// The result is for prediction: its layout() has no weights but those that stayed float32.
// Throws Malformed when `copy` belongs to another model; Unsupported as inference_graph() does.
model::Graph edge_graph(const model::Graph& graph, const codec::EdgeCopy& copy);

}  // namespace tributary::edge
