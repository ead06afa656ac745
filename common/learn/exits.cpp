#include "common/learn/exits.h"

#include "common/learn/eager_exits.h"
#include "common/learn/planned_exits.h"

namespace tributary::learn {

std::unique_ptr<ExitNetwork> ExitNetwork::compile(const model::Graph& graph) {
  auto planned = compile_planned_exits(graph);
  return planned != nullptr ? std::move(planned) : compile_eager_exits(graph);
}

}  // namespace tributary::learn
