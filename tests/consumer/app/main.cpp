// A program outside the project: makes a model, packs it as an edge copy, unpacks it, and writes it as ONNX.
#include <cstdio>

#include "common/base/error.h"
#include "common/codec/edge_copy.h"
#include "common/edge/edge_graph.h"
#include "common/model/graph.h"
#include "common/model/zoo.h"

int main() {
  using namespace tributary;
  try {
    const model::Graph graph = model::make_zoo_model("mlp:20-16-4", 1);
    const auto copy = codec::encode_edge_copy(graph.parameters(), {}, {});
    const auto received = codec::decode_edge_copy_quantized(copy.blob, graph.layout());
    const model::Graph edge = edge::edge_graph(graph, received);
    const model::Graph read = model::Graph::parse(edge.serialize(), "edge.onnx");
    const bool same = read == edge && digest_of(received.values) == digest_of(copy.values);
    std::printf("%zu nodes, %zu bytes on the wire\n", read.nodes.size(), copy.blob.size());
    return same ? 0 : 1;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
