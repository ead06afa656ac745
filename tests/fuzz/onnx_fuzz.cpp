// Any bytes are a model or are refused with an Error. What is accepted can be written, reads the same, and has a
// layout whose parameters can be taken out and put back.
#include <cstdlib>

#include "common/base/error.h"
#include "common/model/graph.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const model::GraphLimits limits{.max_file_bytes = 1 << 20, .max_parameters = 1 << 20, .max_nodes = 1000};
  try {
    model::Graph graph = model::Graph::parse(std::as_bytes(std::span(data, size)), "fuzz.onnx", limits);
    const Bytes written = graph.serialize();
    require(model::Graph::parse(written, "again.onnx").serialize() == written);
    graph.set_parameters(graph.parameters());
    require(graph.serialize() == written);
  } catch (const Error& e) {
    using enum Error::Kind;
    require(e.kind() == Malformed || e.kind() == Unsupported || e.kind() == Overloaded);
    require(std::string_view(e.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
