// Which initialisers are parameters, and in which role. Walks the nodes in order; for each input that is a float32
// initialiser, or is made from one by shape-only operators, the slot it lands in decides.
#include <cmath>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/model/graph.h"

namespace tributary::model {

namespace {

// Where a value comes from: the initialisers behind it, and whether one transposition of a matrix lies between.
struct Origin {
  std::vector<std::string> initializers;
  bool direct = true;
  bool transposed = false;
};

// What a slot makes of the initialiser in it. For a weight, the axis of its output channels, from the front (>= 0) or
// from the end (-1 = last); `merged` leading axes count as channels together.
struct Use {
  Role role = Role::Vector;
  int channel_axis = 0;
  int merged = 1;
};

bool is_shape_only(const std::string& op) {
  static const std::set<std::string> kNames{"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Concat",
                                            "Slice",    "Split",     "Flatten", "Expand",  "Cast"};
  return kNames.contains(op);
}

std::optional<Use> slot_use(const Node& node, std::size_t slot) {
  const Use weight_first{Role::Weight, 0, 1};
  const Use weight_last{Role::Weight, -1, 1};
  const Use vector{};
  if (node.op == "Gemm") {
    if (slot == 2) return vector;
    if (slot == 0) return node.integer("transA", 0) != 0 ? weight_last : weight_first;
    return node.integer("transB", 0) != 0 ? weight_first : weight_last;
  }
  if (node.op == "MatMul") return weight_last;
  if (node.op == "Conv" && slot >= 1) return slot == 1 ? weight_first : vector;
  if (node.op == "BatchNormalization" && slot >= 1) return slot <= 2 ? vector : Use{Role::State, 0, 1};
  if (node.op == "LayerNormalization" && slot >= 1) return vector;
  if (node.op == "PRelu" && slot == 1) return vector;
  if (node.op == "LSTM" || node.op == "GRU") {
    if (slot == 1 || slot == 2) return Use{Role::Weight, 0, 2};
    if (slot == 3) return vector;
  }
  if (node.op == "Gather" && slot == 0) return weight_first;
  return std::nullopt;
}

bool is_arithmetic(const std::string& op) {
  return op == "Add" || op == "Sub" || op == "Mul" || op == "Div";
}

bool all_finite(const Tensor& tensor) {
  for (const float value : tensor.as<float>()) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

TensorSpec spec_of(const std::string& name, const Tensor& tensor, Use use, const Origin& origin) {
  TensorSpec spec{name, tensor.shape, use.role};
  if (use.role == Role::Weight && tensor.shape.size() < 2) spec.role = Role::Vector;
  if (spec.role != Role::Weight) return spec;
  const auto rank = static_cast<int>(tensor.shape.size());
  int axis = use.channel_axis < 0 ? rank + use.channel_axis : use.channel_axis;
  int merged = use.merged;
  if (!origin.direct) {
    // Between initialiser and slot the axes moved; only a transposed matrix is followed.
    axis = origin.transposed && rank == 2 ? 1 - axis : 0;
    merged = 1;
  }
  for (int i = axis; i < axis + merged && i < rank; ++i)
    spec.channels *= static_cast<std::uint64_t>(tensor.shape[static_cast<std::size_t>(i)]);
  for (int i = axis + merged; i < rank; ++i)
    spec.channel_stride *= static_cast<std::uint64_t>(tensor.shape[static_cast<std::size_t>(i)]);
  return spec;
}

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph) {
    if (const auto frozen = graph.metadata.find("tributary.frozen"); frozen != graph.metadata.end()) {
      for (const std::string_view name : split(frozen->second, ',')) seen_.insert(std::string(trim(name)));
    }
    for (const auto& [name, tensor] : graph.initializers) {
      if (tensor.type == DType::Float32) origins_[name] = Origin{{name}, true, false};
    }
  }

  std::vector<TensorSpec> find() {
    for (const Node& node : graph_.nodes) {
      for (std::size_t slot = 0; slot < node.inputs.size(); ++slot) visit(node, slot);
      if (is_shape_only(node.op)) pass_on(node);
    }
    return std::move(specs_);
  }

 private:
  void visit(const Node& node, std::size_t slot) {
    const auto origin = origins_.find(node.inputs[slot]);
    if (origin == origins_.end()) return;
    const std::optional<Use> use = slot_use(node, slot);
    if (!use && !is_arithmetic(node.op)) return;
    for (const std::string& name : origin->second.initializers) {
      const Tensor& tensor = graph_.initializers.at(name);
      const std::uint64_t elements = tensor.elements();
      if (elements == 0) continue;
      if (!use && (elements < 2 || !all_finite(tensor))) continue;
      if (seen_.insert(name).second) specs_.push_back(spec_of(name, tensor, use.value_or(Use{}), origin->second));
    }
  }

  void pass_on(const Node& node) {
    const std::size_t data_inputs =
        node.op == "Concat" ? node.inputs.size() : std::min<std::size_t>(1, node.inputs.size());
    Origin joined;
    for (std::size_t i = 0; i < data_inputs; ++i) {
      const auto origin = origins_.find(node.inputs[i]);
      if (origin == origins_.end()) continue;
      joined.initializers.insert(joined.initializers.end(), origin->second.initializers.begin(),
                                 origin->second.initializers.end());
      joined.direct = node.op == "Identity" && origin->second.direct;
      joined.transposed =
          node.op == "Transpose" ? origin->second.direct : node.op == "Identity" && origin->second.transposed;
    }
    if (joined.initializers.empty()) return;
    for (const std::string& output : node.outputs) origins_[output] = joined;
  }

  const Graph& graph_;
  std::map<std::string, Origin> origins_;
  std::set<std::string> seen_;
  std::vector<TensorSpec> specs_;
};

}  // namespace

LayoutPtr Graph::layout() const {
  return std::make_shared<ParameterLayout>(Finder(*this).find());
}

}  // namespace tributary::model
