#include "common/edge/weight_nodes.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/edge/graph_edits.h"

namespace tributary::edge {

namespace {

using model::DType;
using model::Graph;
using model::Node;
using model::Role;
using model::Tensor;
using model::TensorSpec;

constexpr std::int64_t kFirstOpsetWithAxis = 13;
constexpr std::int64_t kOnnxFloat = 1;

// The axes [first, last) over which the output channels run; none when there is one channel.
struct Axes {
  std::size_t first = 0, last = 0;
};

Axes channel_axes(const TensorSpec& spec) {
  const auto length = [&](std::size_t axis) { return static_cast<std::uint64_t>(spec.shape[axis]); };
  Axes axes;
  std::uint64_t inner = 1, channels = 1;
  for (axes.last = spec.shape.size(); inner < spec.channel_stride && axes.last > 0;) inner *= length(--axes.last);
  for (axes.first = axes.last; channels < spec.channels && axes.first > 0;) channels *= length(--axes.first);
  TRIBUTARY_CHECK(inner == spec.channel_stride && channels == spec.channels);
  while (axes.last > axes.first && spec.shape[axes.last - 1] == 1) --axes.last;
  return axes;
}

Tensor bytes_tensor(std::vector<std::int64_t> shape, std::span<const std::int8_t> values) {
  const ByteSpan raw = std::as_bytes(values);
  return {DType::Int8, std::move(shape), {raw.begin(), raw.end()}};
}

// Turns weights of a graph into integers and the nodes that make floats of them.
class Quantizer {
 public:
  explicit Quantizer(Graph& graph) : graph_(graph), names_(graph) {}

  void replace(const TensorSpec& spec, const codec::QuantizedTensor& weight) {
    const std::string integers = fresh(spec.name + "_quantized");
    graph_.initializers.erase(spec.name);
    graph_.initializers.emplace(integers, bytes_tensor(spec.shape, weight.q));
    std::vector<float> scale = weight.scale;
    std::replace(scale.begin(), scale.end(), 0.0F, 1.0F);
    const Axes axes = channel_axes(spec);
    if (graph_.opset >= kFirstOpsetWithAxis && axes.last - axes.first <= 1) {
      add_dequantize(spec, integers, scale, axes);
    } else {
      add_cast_and_mul(spec, integers, scale, axes);
    }
  }

  // Puts the new nodes before those that were there.
  void finish() {
    std::move(graph_.nodes.begin(), graph_.nodes.end(), std::back_inserter(nodes_));
    graph_.nodes = std::move(nodes_);
  }

 private:
  std::string fresh(std::string name) { return names_.fresh(std::move(name)); }

  void add_dequantize(const TensorSpec& spec, const std::string& integers, std::span<const float> scale, Axes axes) {
    const std::string scale_name = fresh(spec.name + "_scale"), zero_name = fresh(spec.name + "_zero_point");
    std::vector<std::int64_t> shape;
    Node node{fresh(spec.name + "_dequantize"), "DequantizeLinear", {integers, scale_name, zero_name}, {spec.name}, {}};
    if (axes.first != axes.last) {
      shape = {spec.shape[axes.first]};
      node.attributes.emplace("axis", static_cast<std::int64_t>(axes.first));
    }
    graph_.initializers.emplace(zero_name, bytes_tensor(shape, std::vector<std::int8_t>(scale.size())));
    graph_.initializers.emplace(scale_name, Tensor::floats(std::move(shape), scale));
    nodes_.push_back(std::move(node));
  }

  // The scale is a Constant node: as an initialiser, an operand of Mul would count as trainable.
  void add_cast_and_mul(const TensorSpec& spec, const std::string& integers, std::span<const float> scale, Axes axes) {
    const std::string scale_name = fresh(spec.name + "_scale"), cast_name = fresh(spec.name + "_cast");
    std::vector<std::int64_t> shape(spec.shape.size(), 1);
    for (std::size_t axis = axes.first; axis < axes.last; ++axis) shape[axis] = spec.shape[axis];
    nodes_.push_back({scale_name, "Constant", {}, {scale_name}, {{"value", Tensor::floats(std::move(shape), scale)}}});
    nodes_.push_back({cast_name, "Cast", {integers}, {cast_name}, {{"to", kOnnxFloat}}});
    nodes_.push_back({fresh(spec.name + "_dequantize"), "Mul", {cast_name, scale_name}, {spec.name}, {}});
  }

  Graph& graph_;
  Names names_;
  std::vector<Node> nodes_;
};

// The weights of a layout, held against their integers.
std::vector<const TensorSpec*> weights_of(const model::ParameterLayout& layout, const codec::EdgeCopy& copy) {
  std::vector<const TensorSpec*> weights;
  for (const TensorSpec& spec : layout.tensors()) {
    if (spec.role == Role::Weight) weights.push_back(&spec);
  }
  bool fits = weights.size() == copy.quantized.size();
  for (std::size_t i = 0; fits && i < weights.size(); ++i) {
    fits = copy.quantized[i].q.size() == weights[i]->size && copy.quantized[i].scale.size() == weights[i]->channels;
  }
  if (!fits) fail(Error::Kind::Malformed, "the integers of the edge copy do not fit its layout");
  return weights;
}

}  // namespace

void replace_weights(Graph& graph, const codec::EdgeCopy& copy) {
  Quantizer quantizer(graph);
  const auto weights = weights_of(copy.values.layout(), copy);
  for (std::size_t i = 0; i < weights.size(); ++i) quantizer.replace(*weights[i], copy.quantized[i]);
  quantizer.finish();
}

}  // namespace tributary::edge
