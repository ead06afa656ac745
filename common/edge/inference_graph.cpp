#include "common/edge/inference_graph.h"

#include <set>

#include "common/base/error.h"

namespace tributary::edge {

namespace {

using model::Graph;
using model::Node;

std::set<std::string> values_read(const Graph& graph) {
  std::set<std::string> read;
  for (const Node& node : graph.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  for (const auto& output : graph.outputs) read.insert(output.name);
  read.erase("");
  return read;
}

// Below opset 14 the further outputs are what asks for training, from 14 on an attribute.
void use_running_statistics(Node& node, const std::set<std::string>& read) {
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (read.contains(node.outputs[i])) {
      fail(Error::Kind::Unsupported, "node '" + node.name + "' (BatchNormalization): its output " + std::to_string(i) +
                                         ", a statistic of training, is read; export the model for inference");
    }
  }
  if (node.outputs.size() > 1) node.outputs.resize(1);
  node.attributes.erase("training_mode");
}

// From opset 12 on the third input asks for training; below, a file cannot.
void switch_off(Node& dropout) {
  constexpr std::size_t kInputsOfInference = 2;
  if (dropout.inputs.size() > kInputsOfInference) dropout.inputs.resize(kInputsOfInference);
}

}  // namespace

Graph inference_graph(const Graph& graph) {
  Graph made = graph;
  const std::set<std::string> read = values_read(graph);
  for (Node& node : made.nodes) {
    if (node.op == "BatchNormalization") use_running_statistics(node, read);
    if (node.op == "Dropout") switch_off(node);
  }
  return made;
}

}  // namespace tributary::edge
