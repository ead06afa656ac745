#include "common/edge/quantization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "common/base/error.h"
#include "common/edge/graph_edits.h"
#include "common/edge/weight_nodes.h"

namespace tributary::edge {

namespace {

using model::DType;
using model::Graph;
using model::Node;
using model::Role;
using model::Tensor;
using model::TensorSpec;

constexpr std::int64_t kFirstOpset = 13;  // DequantizeLinear has an axis from here on

void require_opset(const Graph& graph) {
  if (graph.opset < kFirstOpset)
    fail(Error::Kind::Unsupported, "model '" + graph.name + "' has opset " + std::to_string(graph.opset) +
                                       ", quantised activations need 13 or later: export it again, or quantise its "
                                       "weights only");
}

// The weight of a node that is quantised; null for other nodes.
const TensorSpec* quantized_weight(const Graph& graph, const model::ParameterLayout& layout, const Node& node) {
  const bool is_gemm = node.op == "Gemm";
  if (!is_gemm && node.op != "Conv" && node.op != "MatMul") return nullptr;
  if (is_gemm && (node.real("alpha", 1) != 1 || node.real("beta", 1) != 1 || node.integer("transA", 0) != 0))
    return nullptr;
  const TensorSpec* weight = layout.find(node.inputs.at(1));
  if (weight == nullptr || weight->role != Role::Weight || graph.initializers.contains(node.inputs[0])) return nullptr;
  return node.op == "MatMul" && weight->shape.size() != 2 ? nullptr : weight;
}

bool only_moves(const Node& node) {
  static const std::set<std::string_view> kMoving{"MaxPool",   "Flatten",   "Reshape",  "Squeeze",
                                                  "Unsqueeze", "Transpose", "Identity", "Slice"};
  return kMoving.contains(node.op);
}

// Values to quantise, each with the value whose levels it has.
class Places {
 public:
  explicit Places(const Graph& graph) : wiring_(graph), layout_(graph.layout()) {
    for (const Node& node : graph.nodes)
      if (quantized_weight(graph, *layout_, node) != nullptr) mark(node.inputs[0]);
  }

  // In order of the graph's nodes, roots before what is moved from them.
  const std::vector<std::string>& values() const { return values_; }
  const std::string& root(const std::string& value) const { return roots_.at(value); }

 private:
  void mark(const std::string& value) {
    std::vector<std::string> path{value};
    for (const Node* node = wiring_.maker(path.back()); node != nullptr && only_moves(*node);
         node = wiring_.maker(path.back()))
      path.push_back(node->inputs.front());
    for (auto at = path.rbegin(); at != path.rend(); ++at)
      if (roots_.emplace(*at, path.back()).second) values_.push_back(*at);
  }

  Wiring wiring_;
  model::LayoutPtr layout_;
  std::map<std::string, std::string> roots_;
  std::vector<std::string> values_;
};

// Puts each of `added` nodes before the first node that reads one of its outputs.
void insert_sorted(Graph& graph, std::vector<Node> added) {
  std::vector<Node> nodes;
  std::map<std::string, std::size_t> pending;
  for (std::size_t i = 0; i < added.size(); ++i)
    for (const auto& output : added[i].outputs) pending[output] = i;
  std::vector<bool> placed(added.size());
  const auto place = [&](const auto& self, const std::string& value) -> void {
    const auto found = pending.find(value);
    if (found == pending.end() || placed[found->second]) return;
    placed[found->second] = true;
    for (const auto& input : added[found->second].inputs) self(self, input);
    nodes.push_back(std::move(added[found->second]));
  };
  for (Node& node : graph.nodes) {
    for (const auto& input : node.inputs) place(place, input);
    nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
}

Tensor scalar_byte(std::uint8_t value) {
  return {DType::UInt8, {}, {std::byte{value}}};
}

// Puts QuantizeLinear and DequantizeLinear behind every value of the places.
class ActivationQuantizer {
 public:
  ActivationQuantizer(Graph& graph, const std::map<std::string, Range>& ranges)
      : graph_(graph), ranges_(ranges), names_(graph) {}

  void run() {
    const Places places(graph_);
    for (const auto& value : places.values()) wrap(value, places.root(value));
    insert_sorted(graph_, std::move(added_));
  }

 private:
  void wrap(const std::string& value, const std::string& root) {
    const auto& [scale, zero] = levels(root);
    const std::string integers = names_.fresh(value + "_quantized"), again = names_.fresh(value + "_dequantized");
    redirect_readers(graph_, value, again);
    added_.push_back({names_.fresh(value + "_quantize"), "QuantizeLinear", {value, scale, zero}, {integers}, {}});
    added_.push_back({names_.fresh(value + "_dequantize"), "DequantizeLinear", {integers, scale, zero}, {again}, {}});
  }

  const std::pair<std::string, std::string>& levels(const std::string& root) {
    const auto found = levels_.find(root);
    if (found != levels_.end()) return found->second;
    const auto range = ranges_.find(root);
    if (range == ranges_.end())
      fail(Error::Kind::Malformed, "no range was found for value '" + root + "': calibrate the model first");
    const Levels levels = levels_of(range->second);
    const std::string scale = names_.fresh(root + "_scale"), zero = names_.fresh(root + "_zero_point");
    graph_.initializers.emplace(scale, Tensor::floats({}, std::vector<float>{levels.scale}));
    graph_.initializers.emplace(zero, scalar_byte(levels.zero));
    return levels_.emplace(root, std::make_pair(scale, zero)).first->second;
  }

  Graph& graph_;
  const std::map<std::string, Range>& ranges_;
  Names names_;
  std::map<std::string, std::pair<std::string, std::string>> levels_;
  std::vector<Node> added_;
};

// One that does not fit int32 is none.
std::optional<std::vector<std::int32_t>> integers_of(std::span<const float> bias, std::span<const float> scale) {
  std::vector<std::int32_t> made;
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const double value = std::nearbyint(double{bias[i]} / double{scale[scale.size() == 1 ? 0 : i]});
    if (!(std::abs(value) < std::numeric_limits<std::int32_t>::max())) return std::nullopt;
    made.push_back(static_cast<std::int32_t>(value));
  }
  return made;
}

// Biases of the quantised nodes as int32.
class BiasQuantizer {
 public:
  BiasQuantizer(Graph& graph, const Graph& original, const codec::EdgeCopy& copy,
                const std::map<std::string, Range>& ranges)
      : graph_(graph), original_(original), copy_(copy), ranges_(ranges), places_(original), names_(graph) {}

  void run() {
    const auto layout = original_.layout();
    for (const Node& node : original_.nodes) {
      const TensorSpec* weight = quantized_weight(original_, *layout, node);
      if (weight != nullptr && node.inputs.size() > 2 && !node.inputs[2].empty()) quantize(node, weight->name);
    }
    insert_sorted(graph_, std::move(added_));
    remove_unused(graph_);
  }

 private:
  const std::vector<float>& weight_scales(const std::string& name) const {
    std::size_t at = 0;
    for (const auto& spec : copy_.values.layout().tensors()) {
      if (spec.role != Role::Weight) continue;
      if (spec.name == name) break;
      ++at;
    }
    return copy_.quantized.at(at).scale;
  }

  void quantize(const Node& node, const std::string& weight) {
    const Tensor* bias = float_initializer(original_, node.inputs[2]);
    std::vector<float> scale = weight_scales(weight);
    if (bias == nullptr || bias->shape.size() != 1 || (scale.size() != 1 && scale.size() != bias->elements())) return;
    const float activation = levels_of(ranges_.at(places_.root(node.inputs[0]))).scale;
    for (float& one : scale) one = activation * (one == 0 ? 1.0F : one);
    const auto integers = integers_of(bias->as<float>(), scale);
    if (!integers || !std::all_of(scale.begin(), scale.end(), [](float s) { return std::isnormal(s); })) return;
    const ByteSpan raw = std::as_bytes(std::span(*integers));
    const std::string stem = node.inputs[2];
    const std::string q = names_.fresh(stem + "_quantized"), s = names_.fresh(stem + "_scale");
    const std::string again = names_.fresh(stem + "_dequantized");
    graph_.initializers.emplace(q, Tensor{DType::Int32, bias->shape, {raw.begin(), raw.end()}});
    Node dequantize{names_.fresh(stem + "_dequantize"), "DequantizeLinear", {q, s}, {again}, {}};
    if (scale.size() > 1) dequantize.attributes.emplace("axis", std::int64_t{0});
    graph_.initializers.emplace(s,
                                Tensor::floats(scale.size() == 1 ? std::vector<std::int64_t>{} : bias->shape, scale));
    added_.push_back(std::move(dequantize));
    for (Node& mine : graph_.nodes)
      if (mine.outputs == node.outputs) mine.inputs[2] = again;
  }

  Graph& graph_;
  const Graph& original_;
  const codec::EdgeCopy& copy_;
  const std::map<std::string, Range>& ranges_;
  Places places_;
  Names names_;
  std::vector<Node> added_;
};

// The layout with one channel for each weight.
model::LayoutPtr without_channels(const model::ParameterLayout& layout) {
  std::vector<TensorSpec> specs(layout.tensors().begin(), layout.tensors().end());
  for (TensorSpec& spec : specs) {
    if (spec.role != Role::Weight) continue;
    spec.channels = 1;
    spec.channel_stride = spec.size;
  }
  return std::make_shared<model::ParameterLayout>(std::move(specs));
}

// The weights of `graph` replaced by the integers of `copy`.
Graph with_integers(Graph graph, const codec::EdgeCopy& copy) {
  if (!copy.quantized.empty()) replace_weights(graph, copy);
  return graph;
}

}  // namespace

void check(const WeightPlan& plan) {
  if (plan.bits != 8 && plan.bits != 4)
    fail(Error::Kind::Malformed, "weights have 8 or 4 bits, not " + std::to_string(plan.bits));
}

codec::EdgeCopy round_weights(const model::ParameterSet& parameters, const WeightPlan& plan) {
  check(plan);
  codec::EdgePlan rounding;
  rounding.sparsity = 0;
  rounding.levels = plan.bits == 8 ? 127 : 7;
  if (plan.per_channel) return codec::encode_edge_copy(parameters, {}, rounding);
  const auto values = parameters.values();
  const model::ParameterSet merged(without_channels(parameters.layout()), {values.begin(), values.end()});
  return codec::encode_edge_copy(merged, {}, rounding);
}

Graph quantize_weights(const Graph& graph, const WeightPlan& plan) {
  return with_integers(graph, round_weights(graph.parameters(), plan));
}

Graph quantize_dynamic(const Graph& graph, const WeightPlan& plan) {
  require_opset(graph);
  Graph made = graph;
  Names names(made);
  std::map<std::string, std::string> dequantized;
  std::vector<Node> added;
  const auto layout = graph.layout();
  for (Node& node : made.nodes) {
    if (quantized_weight(graph, *layout, node) == nullptr) continue;
    const std::string value = node.inputs[0];
    auto [found, is_new] = dequantized.emplace(value, "");
    if (is_new) {
      const std::string q = names.fresh(value + "_quantized"), s = names.fresh(value + "_scale");
      const std::string z = names.fresh(value + "_zero_point");
      found->second = names.fresh(value + "_dequantized");
      added.push_back({names.fresh(value + "_quantize"), "DynamicQuantizeLinear", {value}, {q, s, z}, {}});
      added.push_back({names.fresh(value + "_dequantize"), "DequantizeLinear", {q, s, z}, {found->second}, {}});
    }
    node.inputs[0] = found->second;
  }
  insert_sorted(made, std::move(added));
  return with_integers(std::move(made), round_weights(graph.parameters(), plan));
}

std::vector<std::string> quantized_values(const Graph& graph) {
  const Places places(graph);
  std::vector<std::string> roots;
  for (const auto& value : places.values())
    if (places.root(value) == value) roots.push_back(value);
  return roots;
}

Graph quantize_activations(const Graph& graph, const std::map<std::string, Range>& ranges) {
  require_opset(graph);
  Graph made = graph;
  ActivationQuantizer(made, ranges).run();
  return made;
}

Graph quantize_static(const Graph& graph, const std::map<std::string, Range>& ranges, const WeightPlan& plan) {
  Graph made = quantize_activations(graph, ranges);
  const codec::EdgeCopy copy = round_weights(graph.parameters(), plan);
  Graph integers = with_integers(std::move(made), copy);
  BiasQuantizer(integers, graph, copy, ranges).run();
  return integers;
}

}  // namespace tributary::edge
