// participant/predictor/served_graph.h
//
// A model file as it is served. Functions of any thread.
#pragma once

#include <string>

#include "common/model/graph.h"

namespace tributary::predictor {

// The graph with the int8 weights of an edge.onnx as float32 again, exactly (scale * q), so that the planned executor
// takes it. What else is quantised stays so.
model::Graph with_float_weights(model::Graph graph);

struct ServedFile {
  std::string name;     // by which clients ask for it
  std::string version;  // the round that made it, where the file says so (metadata tributary.round); otherwise "1"
  model::Graph graph;
};

// "FILE" or "NAME=FILE"; a name that is not given is the file's, without extension. Throws what Graph::load throws, and
// Malformed for a name that is none.
ServedFile load_served(const std::string& argument, const model::GraphLimits& limits = {});

}  // namespace tributary::predictor
