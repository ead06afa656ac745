// common/edge/weight_nodes.h
//
// Weights as integers and the nodes that make floats of them. Private to the room; any thread.
#pragma once

#include "common/codec/edge_copy.h"
#include "common/model/graph.h"

namespace tributary::edge {

// Replaces each Role::Weight tensor of the copy's layout in `graph` by its integers, as edge_graph.h describes. Throws
// Malformed when the integers do not fit the layout. REQUIRES: the graph has the copy's layout, and copy.quantized is
// not empty.
void replace_weights(model::Graph& graph, const codec::EdgeCopy& copy);

}  // namespace tributary::edge
