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
constexpr std::int64_t kFirstOpsetWithSliceInputs = 10;
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
    graph_.initializers.erase(spec.name);
    std::vector<float> scale = weight.scale;
    std::replace(scale.begin(), scale.end(), 0.0F, 1.0F);
    if (weight.block != 0) {
      replace_blocks(spec, weight, scale);
    } else {
      add({spec.name, spec.name, spec.shape}, weight.q, scale, channel_axes(spec));
    }
  }

  // Puts the new nodes before those that were there.
  void finish() {
    std::move(graph_.nodes.begin(), graph_.nodes.end(), std::back_inserter(nodes_));
    graph_.nodes = std::move(nodes_);
  }

 private:
  std::string fresh(std::string name) { return names_.fresh(std::move(name)); }

  // Floats that are made: what they are of, the value that they become, and its shape.
  struct Product {
    std::string of, value;
    std::vector<std::int64_t> shape;
  };

  // A row a block, the last one filled up with zeros; then the weight's own shape.
  void replace_blocks(const TensorSpec& spec, const codec::QuantizedTensor& weight, std::span<const float> scale) {
    const codec::ScaleGroups groups = codec::scale_groups(spec, weight.block);
    const auto size = static_cast<std::int64_t>(spec.size);
    std::vector<std::int8_t> q = weight.q;
    q.resize(groups.count * groups.stride);
    const std::string rows = fresh(spec.name + "_blocks");
    const std::vector<std::int64_t> shape{static_cast<std::int64_t>(groups.count),
                                          static_cast<std::int64_t>(groups.stride)};
    add({spec.name, rows, shape}, q, scale, {0, 1});
    std::string flat = rows;
    if (q.size() != spec.size) {
      flat = add_reshape(rows, fresh(spec.name + "_padded"), {-1});
      flat = add_slice(flat, fresh(spec.name + "_flat"), size);
    }
    add_reshape(flat, spec.name, spec.shape);
  }

  std::string add_reshape(const std::string& from, std::string to, const std::vector<std::int64_t>& shape) {
    nodes_.push_back({fresh(to + "_reshape"), "Reshape", {from, add_constant(to + "_shape", shape)}, {to}, {}});
    return to;
  }

  // The first `count` elements of a vector.
  std::string add_slice(const std::string& from, std::string to, std::int64_t count) {
    using Integers = std::vector<std::int64_t>;
    Node node{fresh(to + "_slice"), "Slice", {from}, {to}, {}};
    if (graph_.opset >= kFirstOpsetWithSliceInputs) {
      node.inputs = {from, add_constant(to + "_start", {0}), add_constant(to + "_end", {count})};
    } else {
      node.attributes = {{"starts", Integers{0}}, {"ends", Integers{count}}, {"axes", Integers{0}}};
    }
    nodes_.push_back(std::move(node));
    return to;
  }

  std::string add_constant(const std::string& name, const std::vector<std::int64_t>& values) {
    const std::string constant = fresh(name);
    const auto length = static_cast<std::int64_t>(values.size());
    nodes_.push_back({constant, "Constant", {}, {constant}, {{"value", Tensor::ints({length}, values)}}});
    return constant;
  }

  // `scale` runs along `axes` of the product.
  void add(const Product& product, std::span<const std::int8_t> q, std::span<const float> scale, Axes axes) {
    const std::string integers = fresh(product.of + "_quantized");
    graph_.initializers.emplace(integers, bytes_tensor(product.shape, q));
    if (graph_.opset >= kFirstOpsetWithAxis && axes.last - axes.first <= 1) {
      add_dequantize(product, integers, scale, axes);
    } else {
      add_cast_and_mul(product, integers, scale, axes);
    }
  }

  void add_dequantize(const Product& made, const std::string& integers, std::span<const float> scale, Axes axes) {
    const std::string scale_name = fresh(made.of + "_scale"), zero_name = fresh(made.of + "_zero_point");
    std::vector<std::int64_t> shape;
    Node node{fresh(made.of + "_dequantize"), "DequantizeLinear", {integers, scale_name, zero_name}, {made.value}, {}};
    if (axes.first != axes.last) {
      shape = {made.shape[axes.first]};
      node.attributes.emplace("axis", static_cast<std::int64_t>(axes.first));
    }
    graph_.initializers.emplace(zero_name, bytes_tensor(shape, std::vector<std::int8_t>(scale.size())));
    graph_.initializers.emplace(scale_name, Tensor::floats(std::move(shape), scale));
    nodes_.push_back(std::move(node));
  }

  // The scale is a Constant node: as an initialiser, an operand of Mul would count as trainable.
  void add_cast_and_mul(const Product& made, const std::string& integers, std::span<const float> scale, Axes axes) {
    const std::string scale_name = fresh(made.of + "_scale"), cast_name = fresh(made.of + "_cast");
    std::vector<std::int64_t> shape(made.shape.size(), 1);
    for (std::size_t axis = axes.first; axis < axes.last; ++axis) shape[axis] = made.shape[axis];
    nodes_.push_back({scale_name, "Constant", {}, {scale_name}, {{"value", Tensor::floats(std::move(shape), scale)}}});
    nodes_.push_back({cast_name, "Cast", {integers}, {cast_name}, {{"to", kOnnxFloat}}});
    nodes_.push_back({fresh(made.of + "_dequantize"), "Mul", {cast_name, scale_name}, {made.value}, {}});
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
    fits = copy.quantized[i].q.size() == weights[i]->size &&
           copy.quantized[i].scale.size() == codec::scale_groups(*weights[i], copy.quantized[i].block).count;
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
