#include "common/learn/int8_fusion.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace tributary::learn {

namespace {

using model::DType;
using model::Graph;
using model::Node;
using model::Tensor;

struct Levels {
  float scale = 1;
  std::int64_t zero = 0;
  friend bool operator==(const Levels&, const Levels&) = default;
};

// Integers of a weight or bias and what they are multiplied with.
struct Integers {
  const Tensor* values = nullptr;
  std::vector<float> scales;
  std::int64_t axis = 0;  // of the scales, where there are several
};

class Fuser {
 public:
  explicit Fuser(const Graph& graph) : given_(graph), made_(graph) {
    for (const Node& node : given_.nodes) {
      for (const auto& output : node.outputs)
        if (!output.empty()) makers_[output] = &node;
      for (const auto& input : node.inputs) readers_[input].push_back(&node);
    }
    for (const auto& output : given_.outputs) readers_[output.name].push_back(nullptr);  // these must stay
  }

  Graph run() {
    const bool any = std::any_of(given_.nodes.begin(), given_.nodes.end(), [](const Node& node) {
      return node.op == "DequantizeLinear" || node.op == "DynamicQuantizeLinear";
    });
    if (!any) return made_;
    std::vector<Node> nodes;
    for (const Node& node : given_.nodes) {
      if (gone_.contains(&node)) continue;  // part of one that came before it
      auto fused = fuse(node);
      nodes.push_back(fused ? std::move(*fused) : node);
    }
    const bool has_product = std::any_of(
        nodes.begin(), nodes.end(), [](const Node& node) { return node.op == kInt8Conv || node.op == kInt8Dense; });
    if (has_product) made_.nodes = std::move(nodes);
    return made_;
  }

 private:
  std::optional<Node> fuse(const Node& node) {
    if (node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul") return fuse_product(node);
    static const std::set<std::string_view> kMoving{"MaxPool",   "Flatten", "Reshape",
                                                    "Transpose", "Squeeze", "Unsqueeze"};
    return kMoving.contains(node.op) ? fuse_moving(node) : std::nullopt;
  }

  const Node* maker(const std::string& value, std::string_view op) const {
    const auto found = makers_.find(value);
    return found != makers_.end() && found->second->op == op ? found->second : nullptr;
  }
  const Node* only_reader(const std::string& value, std::string_view op) const {
    const auto found = readers_.find(value);
    if (found == readers_.end() || found->second.size() != 1 || found->second[0] == nullptr) return nullptr;
    const Node* reader = found->second[0];
    return reader->op == op && reader->inputs[0] == value ? reader : nullptr;
  }
  const Tensor* constant(const std::string& name) const {
    const auto found = given_.initializers.find(name);
    return found == given_.initializers.end() ? nullptr : &found->second;
  }

  // Of a QuantizeLinear or DequantizeLinear that works on uint8 with one scale.
  std::optional<Levels> levels_of(const Node& node) const {
    if (node.inputs.size() < 3) return std::nullopt;
    const Tensor* scale = constant(node.inputs[1]);
    const Tensor* zero = constant(node.inputs[2]);
    if (scale == nullptr || zero == nullptr || scale->type != DType::Float32 || zero->type != DType::UInt8 ||
        scale->elements() != 1 || zero->elements() != 1)
      return std::nullopt;
    return Levels{scale->as<float>()[0], zero->as<std::uint8_t>()[0]};
  }

  std::optional<Integers> integers_of(const std::string& value, DType type) const {
    const Node* node = maker(value, "DequantizeLinear");
    if (node == nullptr) return std::nullopt;
    const Tensor* values = constant(node->inputs[0]);
    const Tensor* scales = constant(node->inputs[1]);
    if (values == nullptr || scales == nullptr || values->type != type || scales->type != DType::Float32 ||
        values->elements() == 0 || scales->elements() == 0 || !has_no_zero_points(*node))
      return std::nullopt;
    const auto rank = static_cast<std::int64_t>(values->shape.size());
    const auto axis = node->integer("axis", 1);
    const auto list = scales->as<float>();
    return Integers{values, {list.begin(), list.end()}, axis < 0 ? axis + rank : axis};
  }

  bool has_no_zero_points(const Node& node) const {
    if (node.inputs.size() < 3 || node.inputs[2].empty()) return true;
    const Tensor* zeros = constant(node.inputs[2]);
    return zeros != nullptr &&
           std::all_of(zeros->data.begin(), zeros->data.end(), [](std::byte b) { return b == std::byte{0}; });
  }

  std::optional<Node> fuse_moving(const Node& node) {
    const Node* before = maker(node.inputs.at(0), "DequantizeLinear");
    const Node* after = node.outputs.size() == 1 ? only_reader(node.outputs[0], "QuantizeLinear") : nullptr;
    if (before == nullptr || after == nullptr) return std::nullopt;
    const auto in = levels_of(*before), out = levels_of(*after);
    if (!in || !out || *in != *out || (node.op == "MaxPool" && !plain_pool(node))) return std::nullopt;
    Node made = node;
    if (node.op == "MaxPool") made.op = kInt8MaxPool;
    made.inputs[0] = before->inputs[0];
    take_over(*after, made);
    return made;
  }

  static bool plain_pool(const Node& node) {
    const auto ones = [](const std::vector<std::int64_t>& list) {
      return std::all_of(list.begin(), list.end(), [](std::int64_t v) { return v == 1; });
    };
    return node.integers("kernel_shape", {}).size() == 2 && node.integer("ceil_mode", 0) == 0 &&
           node.text("auto_pad", "NOTSET") == "NOTSET" && ones(node.integers("dilations", {}));
  }

  std::optional<Node> fuse_product(const Node& node) {
    if (node.op == "Gemm" &&
        (node.real("alpha", 1) != 1 || node.real("beta", 1) != 1 || node.integer("transA", 0) != 0))
      return std::nullopt;
    if (node.op == "Conv" && !plain_conv(node)) return std::nullopt;
    const Node* before = maker(node.inputs.at(0), "DequantizeLinear");
    const auto weight = integers_of(node.inputs.at(1), DType::Int8);
    if (before == nullptr || !weight || !fits(node, *weight)) return std::nullopt;
    Node made{node.name, node.op == "Conv" ? kInt8Conv : kInt8Dense, {}, node.outputs, node.attributes};
    if (!read_input(*before, made) || !read_bias(node, *weight, made)) return std::nullopt;
    made.attributes["weight"] =
        node.op == "Gemm" && node.integer("transB", 0) != 0 ? transposed(*weight->values) : *weight->values;
    made.attributes["weight_scales"] = weight->scales;
    read_output(made);
    return made;
  }

  static bool plain_conv(const Node& node) {
    return node.text("auto_pad", "NOTSET") == "NOTSET" && node.integers("kernel_shape", {1, 1}).size() == 2;
  }

  // Scales run over the output channels, and the weight has the rank that the engine takes.
  static bool fits(const Node& node, const Integers& weight) {
    const auto& shape = weight.values->shape;
    if (shape.size() != (node.op == "Conv" ? 4U : 2U)) return false;
    if (weight.scales.size() == 1) return true;
    const bool first = node.op == "Conv" || (node.op == "Gemm" && node.integer("transB", 0) != 0);
    return weight.axis == (first ? 0 : 1) && static_cast<std::size_t>(shape[first ? 0 : 1]) == weight.scales.size();
  }

  bool read_input(const Node& before, Node& made) const {
    made.attributes["dynamic"] = std::int64_t{0};
    if (const Node* dynamic = maker(before.inputs[0], "DynamicQuantizeLinear")) {
      if (before.inputs != dynamic->outputs) return false;
      made.inputs = {dynamic->inputs[0]};
      made.attributes["dynamic"] = std::int64_t{1};
      return true;
    }
    const auto levels = levels_of(before);
    if (!levels) return false;
    made.inputs = {before.inputs[0]};
    made.attributes["x_scale"] = levels->scale;
    made.attributes["x_zero"] = levels->zero;
    return true;
  }

  bool read_bias(const Node& node, const Integers& weight, Node& made) const {
    if (node.inputs.size() < 3 || node.inputs[2].empty()) return true;
    const bool first = node.op == "Conv" || node.integer("transB", 0) != 0;
    const auto channels = static_cast<std::uint64_t>(weight.values->shape[first ? 0 : 1]);
    const bool dynamic = made.attributes.at("dynamic") != model::Attribute(std::int64_t{0});
    if (const Tensor* floats = constant(node.inputs[2]); dynamic && floats != nullptr) {
      made.inputs.push_back(node.inputs[2]);
      return floats->type == DType::Float32 && floats->elements() == channels;
    }
    const auto integers = integers_of(node.inputs[2], DType::Int32);
    if (dynamic || !integers || integers->values->elements() != channels ||
        (integers->scales.size() != 1 && integers->scales.size() != channels))
      return false;
    std::vector<float> bias;
    const auto values = integers->values->as<std::int32_t>();
    for (std::size_t i = 0; i < values.size(); ++i)
      bias.push_back(static_cast<float>(values[i]) * integers->scales[integers->scales.size() == 1 ? 0 : i]);
    made.attributes["bias"] = bias;
    return true;
  }

  // A Relu and a QuantizeLinear that read nothing else.
  void read_output(Node& made) {
    made.attributes["relu"] = std::int64_t{0};
    if (const Node* relu = only_reader(made.outputs[0], "Relu")) {
      made.attributes["relu"] = std::int64_t{1};
      take_over(*relu, made);
    }
    const Node* quantize = made.attributes.at("dynamic") == model::Attribute(std::int64_t{0})
                               ? only_reader(made.outputs[0], "QuantizeLinear")
                               : nullptr;
    const auto levels = quantize != nullptr ? levels_of(*quantize) : std::nullopt;
    if (!levels) return;
    made.attributes["y_scale"] = levels->scale;
    made.attributes["y_zero"] = levels->zero;
    take_over(*quantize, made);
  }

  void take_over(const Node& next, Node& made) {
    gone_.insert(&next);
    made.outputs = {next.outputs[0]};
  }

  static Tensor transposed(const Tensor& matrix) {
    const auto rows = static_cast<std::size_t>(matrix.shape[0]), columns = static_cast<std::size_t>(matrix.shape[1]);
    Tensor made{matrix.type, {matrix.shape[1], matrix.shape[0]}, Bytes(matrix.data.size())};
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c) made.data[c * rows + r] = matrix.data[r * columns + c];
    return made;
  }

  const Graph& given_;
  Graph made_;
  std::map<std::string, const Node*> makers_;
  std::map<std::string, std::vector<const Node*>> readers_;
  std::set<const Node*> gone_;
};

}  // namespace

model::Graph fuse_int8(const model::Graph& graph) {
  return Fuser(graph).run();
}

}  // namespace tributary::learn
