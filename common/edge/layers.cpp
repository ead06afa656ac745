#include "common/edge/layers.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/error.h"
#include "common/edge/wording.h"
#include "common/learn/trace.h"

namespace tributary::edge {

namespace {

using model::Graph;
using model::Node;
using Shapes = std::map<std::string, std::vector<std::int64_t>>;

std::uint64_t product(const std::vector<std::int64_t>& shape) {
  std::uint64_t all = 1;
  for (const auto dimension : shape) all *= static_cast<std::uint64_t>(std::max<std::int64_t>(dimension, 0));
  return all;
}

std::size_t example_size(const Graph& graph) {
  const auto& input = graph.example_input();
  for (std::size_t i = 1; i < input.shape.size(); ++i)
    if (input.shape[i] < 0)
      fail(Error::Kind::Unsupported, "input '" + input.name + "' of model '" + graph.name +
                                         "' leaves more than the batch axis open; export it with fixed dimensions");
  std::vector<std::int64_t> shape = input.shape;
  if (!shape.empty()) shape[0] = 1;
  return product(shape);
}

Shapes shapes_of(const Graph& graph) {
  Shapes shapes;
  const std::vector<float> zeros(example_size(graph));
  learn::Trace::compile(graph)->run(
      zeros, 1, [](const std::string&) { return true; },
      [&](const learn::TracedValue& value) { shapes[value.name] = value.shape; });
  for (const auto& [name, tensor] : graph.initializers) shapes[name] = tensor.shape;
  return shapes;
}

class Lister {
 public:
  explicit Lister(const Graph& graph) : graph_(graph), layout_(graph.layout()), shapes_(shapes_of(graph)) {
    computed_.insert(graph.inputs.front().name);
  }

  std::vector<LayerFacts> list() {
    find_computed();
    std::vector<LayerFacts> layers;
    for (const Node& node : graph_.nodes) {
      if (!computed_.contains(node.outputs.front())) continue;
      LayerFacts facts{node.name,           node.op, shapes_.at(node.outputs.front()), 0, 0, multiply_adds(node),
                       node.outputs.front()};
      for (const auto& input : node.inputs) add_parameters(input, facts);
      layers.push_back(std::move(facts));
    }
    return layers;
  }

 private:
  // Values that depend on the graph's input; and who makes the others.
  void find_computed() {
    for (const Node& node : graph_.nodes) {
      const bool depends = std::any_of(node.inputs.begin(), node.inputs.end(),
                                       [&](const std::string& name) { return computed_.contains(name); });
      for (const auto& output : node.outputs) {
        if (depends) computed_.insert(output);
        if (!depends) makers_[output] = &node;
      }
    }
  }

  void add_parameters(const std::string& value, LayerFacts& facts) {
    if (value.empty() || !counted_.insert(value).second) return;
    if (const auto found = graph_.initializers.find(value); found != graph_.initializers.end()) {
      const bool integers = found->second.type == model::DType::Int8 && found->second.elements() > 1;
      if (layout_->find(value) != nullptr || integers) facts.parameters += found->second.elements();
      facts.bytes += found->second.data.size();
    } else if (const auto maker = makers_.find(value); maker != makers_.end()) {
      for (const auto& input : maker->second->inputs) add_parameters(input, facts);
    }
  }

  std::uint64_t multiply_adds(const Node& node) const {
    const auto shape = [&](std::size_t i) { return shapes_.at(node.inputs.at(i)); };
    const std::uint64_t made = product(shapes_.at(node.outputs.front()));
    if (node.op == "Conv") {
      const auto kernel = shape(1);
      return made * (product(kernel) / std::max<std::uint64_t>(1, static_cast<std::uint64_t>(kernel.at(0))));
    }
    if (node.op == "Gemm")
      return made * static_cast<std::uint64_t>(shape(0).at(node.integer("transA", 0) != 0 ? 0 : 1));
    if (node.op == "MatMul") return made * static_cast<std::uint64_t>(shape(0).back());
    return 0;
  }

  const Graph& graph_;
  model::LayoutPtr layout_;
  Shapes shapes_;
  std::set<std::string> computed_, counted_;
  std::map<std::string, const Node*> makers_;
};

}  // namespace

std::vector<LayerFacts> layers_of(const Graph& graph) {
  return Lister(graph).list();
}

std::uint64_t multiply_adds_of(const Graph& graph) {
  std::uint64_t sum = 0;
  for (const auto& layer : layers_of(graph)) sum += layer.multiply_adds;
  return sum;
}

std::string as_table(const std::vector<LayerFacts>& layers) {
  std::vector<std::vector<std::string>> rows{{"layer", "operator", "output", "parameters", "bytes", "multiply-adds"}};
  LayerFacts sum;
  for (const LayerFacts& layer : layers) {
    rows.push_back({layer.name, layer.op, shape_text(layer.shape), grouped(layer.parameters), grouped(layer.bytes),
                    grouped(layer.multiply_adds)});
    sum.parameters += layer.parameters;
    sum.bytes += layer.bytes;
    sum.multiply_adds += layer.multiply_adds;
  }
  rows.push_back({"all", "", "", grouped(sum.parameters), grouped(sum.bytes), grouped(sum.multiply_adds)});
  return columns(rows, 3);
}

}  // namespace tributary::edge
