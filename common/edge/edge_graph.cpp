#include "common/edge/edge_graph.h"

#include "common/edge/inference_graph.h"
#include "common/edge/weight_nodes.h"

namespace tributary::edge {

model::Graph edge_graph(const model::Graph& graph, const codec::EdgeCopy& copy) {
  model::Graph made = inference_graph(graph);
  made.set_parameters(copy.values);
  if (!copy.quantized.empty()) replace_weights(made, copy);
  return made;
}

}  // namespace tributary::edge
