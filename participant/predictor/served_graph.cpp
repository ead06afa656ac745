#include "participant/predictor/served_graph.h"

#include <map>
#include <optional>
#include <set>
#include <variant>

#include "common/base/error.h"
#include "common/net/pki.h"

namespace tributary::predictor {

namespace {

using model::DType;
using model::Graph;
using model::Node;
using model::Tensor;

// The tensors that a graph holds: initialisers, and the values of Constant nodes.
class Tensors {
 public:
  explicit Tensors(const Graph& graph) : graph_(graph) {
    for (const Node& node : graph.nodes) {
      const auto* value = node.op == "Constant" ? node.find("value") : nullptr;
      if (value != nullptr && std::holds_alternative<Tensor>(*value))
        constants_.emplace(node.outputs.at(0), std::get<Tensor>(*value));
    }
  }
  // Null where the input is left out or computed.
  const Tensor* of(const Node& node, std::size_t input) const {
    if (node.inputs.size() <= input) return nullptr;
    const std::string& name = node.inputs[input];
    if (const auto at = graph_.initializers.find(name); at != graph_.initializers.end()) return &at->second;
    const auto at = constants_.find(name);
    return at == constants_.end() ? nullptr : &at->second;
  }

 private:
  const Graph& graph_;
  std::map<std::string, Tensor> constants_;
};

bool all_zero(const Tensor* tensor) {
  if (tensor == nullptr) return true;
  for (const std::byte byte : tensor->data)
    if (byte != std::byte{0}) return false;
  return true;
}

// The weights of DequantizeLinear(q, scale, 0) with a scale for all or one for each index of an axis.
std::optional<Tensor> dequantised(const Tensors& tensors, const Node& node) {
  const Tensor* q = tensors.of(node, 0);
  const Tensor* scale = tensors.of(node, 1);
  if (node.op != "DequantizeLinear" || q == nullptr || scale == nullptr || q->type != DType::Int8 ||
      scale->type != DType::Float32 || (node.inputs.size() > 2 && !all_zero(tensors.of(node, 2))))
    return std::nullopt;
  const auto factors = scale->as<float>();
  const auto values = q->as<std::int8_t>();
  const auto rank = static_cast<std::int64_t>(q->shape.size());
  std::int64_t axis = node.integer("axis", 1);
  if (axis < 0) axis += rank;
  if (factors.size() > 1 && (axis < 0 || axis >= rank ||
                             q->shape[static_cast<std::size_t>(axis)] != static_cast<std::int64_t>(factors.size())))
    return std::nullopt;
  std::size_t inner = 1;
  for (std::size_t d = static_cast<std::size_t>(axis) + 1; factors.size() > 1 && d < q->shape.size(); ++d)
    inner *= static_cast<std::size_t>(q->shape[d]);
  std::vector<float> weights(values.size());
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = factors[factors.size() > 1 ? i / inner % factors.size() : 0] * static_cast<float>(values[i]);
  return Tensor::floats(q->shape, weights);
}

// Cast(q) to float32, and Mul of that with a scale that ONNX would stretch over it.
std::optional<Tensor> cast(const Tensors& tensors, const Node& node) {
  constexpr std::int64_t kOnnxFloat = 1;
  const Tensor* q = tensors.of(node, 0);
  if (node.op != "Cast" || q == nullptr || q->type != DType::Int8 || node.integer("to", 0) != kOnnxFloat)
    return std::nullopt;
  const auto values = q->as<std::int8_t>();
  return Tensor::floats(q->shape, std::vector<float>(values.begin(), values.end()));
}

std::optional<Tensor> scaled(const Tensors& tensors, const Node& node, const std::set<std::string>& casts) {
  const Tensor* a = tensors.of(node, 0);
  const Tensor* b = tensors.of(node, 1);
  if (node.op != "Mul" || a == nullptr || b == nullptr || !casts.contains(node.inputs[0]) ||
      b->type != DType::Float32 || b->shape.size() > a->shape.size())
    return std::nullopt;
  const std::size_t rank = a->shape.size(), missing = rank - b->shape.size();
  std::vector<std::size_t> strides(rank, 0);
  std::size_t stride = 1;
  for (std::size_t d = rank; d-- > missing;) {
    const std::int64_t length = b->shape[d - missing];
    if (length != 1 && length != a->shape[d]) return std::nullopt;
    if (length != 1) strides[d] = stride;
    stride *= static_cast<std::size_t>(length);
  }
  const auto values = a->as<float>(), factors = b->as<float>();
  std::vector<float> product(values.size());
  for (std::size_t i = 0; i < product.size(); ++i) {
    std::size_t rest = i, at = 0;
    for (std::size_t d = rank; d-- > 0;) {
      const auto length = static_cast<std::size_t>(a->shape[d]);
      at += rest % length * strides[d];
      rest /= length;
    }
    product[i] = factors[at] * values[i];
  }
  return Tensor::floats(a->shape, product);
}

}  // namespace

Graph with_float_weights(Graph graph) {
  const Tensors tensors(graph);
  std::vector<Node> nodes;
  std::set<std::string> casts;
  for (Node& node : graph.nodes) {
    auto folded = dequantised(tensors, node);
    if (!folded) folded = scaled(tensors, node, casts);
    if (!folded) {
      folded = cast(tensors, node);
      if (folded) casts.insert(node.outputs.at(0));
    }
    if (folded)
      graph.initializers[node.outputs.at(0)] = std::move(*folded);
    else
      nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
  std::set<std::string> used;
  for (const Node& node : graph.nodes) used.insert(node.inputs.begin(), node.inputs.end());
  for (const auto& output : graph.outputs) used.insert(output.name);
  std::erase_if(graph.nodes,
                [&](const Node& node) { return node.op == "Constant" && !used.contains(node.outputs.at(0)); });
  std::erase_if(graph.initializers, [&](const auto& entry) { return !used.contains(entry.first); });
  return graph;
}

ServedFile load_served(const std::string& argument, const model::GraphLimits& limits) {
  const auto equals = argument.find('=');
  const Path path = equals == std::string::npos ? argument : argument.substr(equals + 1);
  ServedFile file;
  file.name = equals == std::string::npos ? path.stem().string() : argument.substr(0, equals);
  net::check_name(file.name);
  file.graph = with_float_weights(Graph::load(path, limits));
  const auto round = file.graph.metadata.find("tributary.round");
  file.version = round == file.graph.metadata.end() ? "1" : round->second;
  return file;
}

}  // namespace tributary::predictor
