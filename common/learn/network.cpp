#include "common/learn/network.h"

#include "common/learn/eager.h"

namespace tributary::learn {

std::unique_ptr<Network> Network::compile(const model::Graph& graph) {
  return compile_eager(graph);
}

}  // namespace tributary::learn
