// common/edge/inference_graph.h
//
// A model that was exported for training draws dropout and normalises by the batch wherever it is run. What the
// federation publishes is for prediction.
// Functions of any thread.
#pragma once

#include "common/model/graph.h"

namespace tributary::edge {

// `graph` with every BatchNormalization on its running statistics and every Dropout off, as learn::Network predicts
// with it. Parameters and layout stay the same. A graph exported for inference stays as it is.
// Throws Unsupported, naming the node, when the statistics that only training computes are read.
model::Graph inference_graph(const model::Graph& graph);

}  // namespace tributary::edge
