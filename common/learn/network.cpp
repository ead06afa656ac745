#include "common/learn/network.h"

#include "common/learn/eager.h"
#include "common/learn/int8_fusion.h"
#include "common/learn/planned.h"

namespace tributary::learn {

std::unique_ptr<Network> Network::compile(const model::Graph& graph) {
  auto planned = compile_planned(graph);
  if (planned != nullptr) return planned;
  return runs_int8() ? compile_eager(fuse_int8(graph), graph.layout()) : compile_eager(graph);
}

}  // namespace tributary::learn
