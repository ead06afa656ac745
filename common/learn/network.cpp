#include "common/learn/network.h"

#include "common/learn/eager.h"
#include "common/learn/planned.h"

namespace tributary::learn {

std::unique_ptr<Network> Network::compile(const model::Graph& graph) {
  auto planned = compile_planned(graph);
  return planned != nullptr ? std::move(planned) : compile_eager(graph);
}

}  // namespace tributary::learn
