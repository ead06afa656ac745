#include "common/edge/inspection.h"

#include <algorithm>
#include <set>

namespace tributary::edge {

namespace {

using model::DType;
using model::Graph;
using model::Node;
using model::Role;
using model::Tensor;

TensorKind kind_of(Role role) {
  switch (role) {
    case Role::Weight:
      return TensorKind::Weight;
    case Role::Vector:
      return TensorKind::Vector;
    case Role::State:
      return TensorKind::State;
  }
  return TensorKind::Constant;
}

std::uint64_t zeros_of(const Tensor& tensor) {
  const auto count = [](const auto& values) {
    return static_cast<std::uint64_t>(std::ranges::count_if(values, [](auto value) { return value == 0; }));
  };
  switch (tensor.type) {
    case DType::Float32:
      return count(tensor.as<float>());
    case DType::Float64:
      return count(tensor.as<double>());
    case DType::Int64:
      return count(tensor.as<std::int64_t>());
    case DType::Int32:
      return count(tensor.as<std::int32_t>());
    case DType::Int8:
    case DType::UInt8:
    case DType::Bool:
      return count(tensor.as<std::int8_t>());
  }
  return 0;
}

class Inspector {
 public:
  explicit Inspector(const Graph& graph) : graph_(graph), layout_(graph.layout()) {}

  Inspection inspect() {
    made_.name = graph_.name;
    made_.opset = graph_.opset;
    made_.inputs = graph_.inputs;
    made_.outputs = graph_.outputs;
    made_.model_digest = digest_of(graph_.parameters());
    for (const Node& node : graph_.nodes) {
      ++made_.operators[node.op];
      for (const std::string& input : node.inputs) list(input, &node);
      if (const auto* value = node.find("value")) {
        if (const auto* tensor = std::get_if<Tensor>(value)) made_.tensor_bytes += tensor->data.size();
      }
    }
    for (const auto& [name, tensor] : graph_.initializers) list(name, nullptr);
    return std::move(made_);
  }

 private:
  void list(const std::string& name, const Node* reader) {
    const auto found = graph_.initializers.find(name);
    if (found == graph_.initializers.end() || !listed_.insert(name).second) return;
    const Tensor& tensor = found->second;
    TensorFacts facts;
    facts.name = name;
    facts.kind = kind(name, tensor, reader);
    facts.type = tensor.type;
    facts.shape = tensor.shape;
    if (reader != nullptr) {
      facts.node = reader->name;
      facts.op = reader->op;
    }
    facts.elements = tensor.elements();
    facts.bytes = tensor.data.size();
    facts.zeros = zeros_of(tensor);
    add_up(facts);
    made_.tensors.push_back(std::move(facts));
  }

  TensorKind kind(const std::string& name, const Tensor& tensor, const Node* reader) const {
    if (const auto* spec = layout_->find(name)) return kind_of(spec->role);
    const bool integers = tensor.type == DType::Int8 && !tensor.data.empty();
    return reader != nullptr && integers && makes_weight(name, *reader) ? TensorKind::QuantizedWeight
                                                                        : TensorKind::Constant;
  }

  bool makes_weight(const std::string& integers, const Node& reader) const {
    if (reader.inputs.front() != integers) return false;
    if (reader.op == "Cast") return true;
    return reader.op == "DequantizeLinear" && (reader.inputs.size() < 3 || is_zero(reader.inputs[2]));
  }

  bool is_zero(const std::string& name) const {
    const auto found = graph_.initializers.find(name);
    return name.empty() || (found != graph_.initializers.end() && zeros_of(found->second) == found->second.elements());
  }

  void add_up(const TensorFacts& facts) {
    made_.tensor_bytes += facts.bytes;
    if (facts.kind == TensorKind::Constant) return;
    made_.parameters += facts.elements;
    if (facts.kind != TensorKind::Weight && facts.kind != TensorKind::QuantizedWeight) return;
    made_.weights += facts.elements;
    made_.weight_zeros += facts.zeros;
  }

  const Graph& graph_;
  model::LayoutPtr layout_;
  std::set<std::string> listed_;
  Inspection made_;
};

}  // namespace

std::string_view name_of(TensorKind kind) {
  switch (kind) {
    case TensorKind::Weight:
      return "weight";
    case TensorKind::QuantizedWeight:
      return "quantized weight";
    case TensorKind::Vector:
      return "vector";
    case TensorKind::State:
      return "state";
    case TensorKind::Constant:
      return "constant";
  }
  return "constant";
}

double Inspection::sparsity() const {
  return weights == 0 ? 0 : static_cast<double>(weight_zeros) / static_cast<double>(weights);
}

Inspection inspect(const Graph& graph) {
  return Inspector(graph).inspect();
}

Inspection inspect_file(const Path& path, const model::GraphLimits& limits) {
  const auto file = RealFiles().map(path);
  Inspection made = inspect(Graph::parse(file->bytes(), path.string(), limits));
  made.file_bytes = file->bytes().size();
  made.file_digest = sha256(file->bytes());
  return made;
}

}  // namespace tributary::edge
