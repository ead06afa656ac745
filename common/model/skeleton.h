// common/model/skeleton.h
//
// A model as it travels: the graph without the values of its parameters, which come with each edge copy, compressed.
// Free functions of any thread.
//
//   skeleton := zstd frame of the ONNX file whose layout() parameters are all zero
#pragma once

#include "common/base/bytes.h"
#include "common/model/graph.h"

namespace tributary::model {

Bytes pack_skeleton(const Graph& graph);

// Throws Malformed (not a skeleton, truncated), Overloaded (larger than the limits when unpacked; memory grows with what
// is unpacked, never by a claim) and what Graph::parse throws, with `source` in front.
Graph unpack_skeleton(ByteSpan skeleton, std::string_view source, const GraphLimits& limits = {});

}  // namespace tributary::model
