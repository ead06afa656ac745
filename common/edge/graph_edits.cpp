#include "common/edge/graph_edits.h"

#include <algorithm>

namespace tributary::edge {

using model::Graph;
using model::Node;
using model::Tensor;

Names::Names(const Graph& graph) {
  for (const auto& input : graph.inputs) taken_.insert(input.name);
  for (const auto& [name, tensor] : graph.initializers) taken_.insert(name);
  for (const Node& node : graph.nodes) {
    taken_.insert(node.name);
    taken_.insert(node.outputs.begin(), node.outputs.end());
  }
}

std::string Names::fresh(std::string name) {
  while (!taken_.insert(name).second) name += "_";
  return name;
}

Wiring::Wiring(const Graph& given) : graph(given) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const auto& output : graph.nodes[i].outputs)
      if (!output.empty()) makers[output] = i;
    for (const auto& input : graph.nodes[i].inputs)
      if (!input.empty()) readers[input].push_back(i);
  }
  for (const auto& output : graph.outputs) outputs.insert(output.name);
}

const Node* Wiring::maker(const std::string& value) const {
  const auto found = makers.find(value);
  return found == makers.end() ? nullptr : &graph.nodes[found->second];
}

const Node* Wiring::only_reader(const std::string& value) const {
  const auto found = readers.find(value);
  if (found == readers.end() || found->second.size() != 1 || outputs.contains(value)) return nullptr;
  return &graph.nodes[found->second.front()];
}

const Tensor* float_initializer(const Graph& graph, const std::string& name) {
  const auto found = graph.initializers.find(name);
  return found == graph.initializers.end() || found->second.type != model::DType::Float32 ? nullptr : &found->second;
}

std::vector<float> float_values(const Tensor& tensor) {
  const auto values = tensor.as<float>();
  return {values.begin(), values.end()};
}

void redirect_readers(Graph& graph, const std::string& from, const std::string& to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
}

void remove_unused(Graph& graph) {
  std::set<std::string> needed;
  for (const auto& output : graph.outputs) needed.insert(output.name);
  std::vector<bool> keep(graph.nodes.size());
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    keep[i] = std::any_of(node.outputs.begin(), node.outputs.end(),
                          [&](const std::string& output) { return !output.empty() && needed.contains(output); });
    if (keep[i]) needed.insert(node.inputs.begin(), node.inputs.end());
  }
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < keep.size(); ++i)
    if (keep[i]) nodes.push_back(std::move(graph.nodes[i]));
  graph.nodes = std::move(nodes);
  std::erase_if(graph.initializers, [&](const auto& entry) { return !needed.contains(entry.first); });
}

}  // namespace tributary::edge
