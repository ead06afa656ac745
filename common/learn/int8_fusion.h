// common/learn/int8_fusion.h
//
// Recognises in a quantised graph (QuantizeLinear and DequantizeLinear around the operators) what can run on integers,
// and says so: a graph with nodes of our own in their place, which operators_int8.cpp runs. No LibTorch. Private to the
// room.
#pragma once

#include "common/model/graph.h"

namespace tributary::learn {

// Names that no file can bring: Graph::parse() refuses them.
inline constexpr const char* kInt8Conv = "tributary.Int8Conv";
inline constexpr const char* kInt8Dense = "tributary.Int8Dense";
inline constexpr const char* kInt8MaxPool = "tributary.Int8MaxPool";

// In `graph` each of these becomes one node:
//   DequantizeLinear -> Conv, Gemm or MatMul (-> Relu) (-> QuantizeLinear), the weight from int8 without zero points,
//     the bias from int32                  kInt8Conv, kInt8Dense: reads uint8, gives uint8 or float32
//   DynamicQuantizeLinear -> DequantizeLinear -> the same, without QuantizeLinear
//     and with a float32 bias              the same nodes reading float32 and the bias, "dynamic" = 1
//   DequantizeLinear -> MaxPool -> QuantizeLinear of the same levels
//                                          kInt8MaxPool on uint8
//   DequantizeLinear -> Flatten, Reshape, Transpose, Squeeze, Unsqueeze -> QuantizeLinear of the same levels
//                                          that node on uint8
// Everything else stays as it is; and the whole graph where no product is found, such as that of quantisation-aware
// training, whose weights are still float32. Attributes of kInt8Conv and kInt8Dense: those of the node replaced, and
//   weight (int8; dense [in, out]), weight_scales (one, or one an output channel), bias (float32; not when dynamic),
//   x_scale, x_zero (not when dynamic), y_scale, y_zero (absent: gives float32), relu, dynamic.
// The graph keeps its name, inputs and outputs.
model::Graph fuse_int8(const model::Graph& graph);

// Whether this processor multiplies int8 and adds in int32 in one instruction (VNNI). Others would go through int16
// sums that saturate: there, a quantised graph is run in float32.
bool runs_int8();

}  // namespace tributary::learn
