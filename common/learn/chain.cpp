#include "common/learn/chain.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "common/learn/chain_window.h"

namespace tributary::learn {

namespace {

using Dims = std::vector<std::int64_t>;

using NodeRow = std::vector<const model::Node*>;

// The nodes from the graph's input to `output` when each passes one value on, in that order. A node's first input is
// the value, but Add may have it second.
std::optional<NodeRow> nodes_in_a_row(const model::Graph& graph, const std::string& output) {
  std::map<std::string, const model::Node*> producers;
  for (const auto& node : graph.nodes)
    for (const auto& made : node.outputs) producers[made] = &node;
  NodeRow nodes;
  std::string value = output;
  while (value != graph.inputs.front().name) {
    const auto found = producers.find(value);
    if (found == producers.end() || found->second->inputs.empty() || found->second->outputs.front() != value)
      return std::nullopt;
    const model::Node& node = *found->second;
    nodes.push_back(&node);
    const bool second = node.op == "Add" && node.inputs.size() == 2 && graph.initializers.contains(node.inputs[0]);
    value = node.inputs[second ? 1 : 0];
    if (nodes.size() > graph.nodes.size()) return std::nullopt;
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

// Takes the head off the end of a row.
Head take_head(NodeRow& nodes, std::int64_t opset) {
  while (!nodes.empty() && nodes.back()->op == "Identity") nodes.pop_back();
  const Head head = nodes.empty() ? Head::Plain : head_of(*nodes.back(), opset);
  if (head != Head::Plain) nodes.pop_back();
  return head;
}

std::size_t common_length(const NodeRow& a, const NodeRow& b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

class Recogniser {
 public:
  Recogniser(const model::Graph& graph, const model::ParameterLayout& layout) : graph_(graph), layout_(layout) {}

  std::optional<Chain> run() {
    if (graph_.inputs.empty() || graph_.outputs.empty() || !start()) return std::nullopt;
    auto nodes = nodes_in_a_row(graph_, graph_.outputs.front().name);
    if (!nodes) return std::nullopt;
    chain_.head = take_head(*nodes, graph_.opset);
    for (const auto* node : *nodes)
      if (!add(*node)) return std::nullopt;
    if (dims_.size() != 1 || used_.empty()) return std::nullopt;
    chain_.outputs = static_cast<std::size_t>(dims_[0]);
    return chain_;
  }

  std::optional<Tree> run(std::span<const std::string> outputs) {
    if (graph_.inputs.empty() || outputs.empty() || !start()) return std::nullopt;
    std::vector<NodeRow> rows;
    Tree tree;
    for (const auto& output : outputs) {
      auto nodes = nodes_in_a_row(graph_, output);
      if (!nodes) return std::nullopt;
      tree.exits.push_back({0, {}, take_head(*nodes, graph_.opset)});
      rows.push_back(std::move(*nodes));
    }
    if (!grow(rows, tree)) return std::nullopt;
    tree.features = chain_.features;
    tree.trunk = std::move(chain_.layers);
    return tree;
  }

 private:
  // Walks along the last row, the trunk, and follows each exit where it leaves.
  bool grow(const std::vector<NodeRow>& rows, Tree& tree) {
    const NodeRow& last = rows.back();
    std::vector<std::size_t> leaves;
    std::size_t trunk = 0;
    for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
      leaves.push_back(common_length(rows[i], last));
      trunk = std::max(trunk, leaves.back());
    }
    leaves.push_back(trunk);
    for (std::size_t node = 0;; ++node) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (leaves[i] == node && !branch(std::span(rows[i]).subspan(node), tree.exits[i], tree)) return false;
      if (node == trunk) return true;
      if (!add(*last[node])) return false;
    }
  }

  bool branch(std::span<const model::Node* const> nodes, Tree::Exit& exit, Tree& tree) {
    if (dims_.size() != 1 || is_picture_) return false;
    // What leaves here must stay as it is: nothing may be done to it in place.
    last_was_mat_mul_ = false;
    is_tapped_ = true;
    exit.from = chain_.layers.size();
    Recogniser part(*this);
    part.chain_.layers.clear();
    const std::size_t used = used_.size();
    for (const auto* node : nodes)
      if (!part.add(*node)) return false;
    if (part.dims_.size() != 1 || part.is_picture_ || part.used_.size() == used) return false;
    const auto width = static_cast<std::size_t>(part.dims_[0]);
    if (tree.outputs != 0 && tree.outputs != width) return false;
    tree.outputs = width;
    exit.layers = std::move(part.chain_.layers);
    used_ = std::move(part.used_);
    return true;
  }

  bool start() {
    const auto& input = graph_.inputs.front();
    const auto& shape = input.shape;
    if (input.type != model::DType::Float32 || !input.has_shape || (shape.size() != 2 && shape.size() != 4))
      return false;
    dims_.assign(shape.begin() + 1, shape.end());
    if (std::any_of(dims_.begin(), dims_.end(), [](auto d) { return d < 1 || d > kMostOfADimension; })) return false;
    chain_.features = shape_of(dims_).size();
    return true;
  }

  static Shape shape_of(const Dims& dims) {
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(dims[i]); };
    return dims.size() == 1 ? Shape{at(0)} : Shape{at(0), at(1), at(2)};
  }

  bool add(const model::Node& node) {
    if (node.op == "Identity") return true;
    if (node.op == "Gemm") return gemm(node);
    if (node.op == "MatMul") return mat_mul(node);
    if (node.op == "Add") return add_bias(node);
    if (node.op == "Conv") return conv(node);
    if (node.op == "MaxPool") return max_pool(node);
    if (node.op == "Flatten") return node.integer("axis", 1) == 1 && reshape({flat_size()});
    if (node.op == "Reshape") return reshape(node);
    return activation(node);
  }

  std::int64_t flat_size() const { return static_cast<std::int64_t>(shape_of(dims_).size()); }

  void push(LayerSpec layer) {
    chain_.layers.push_back(std::move(layer));
    last_was_mat_mul_ = false;
    is_tapped_ = false;
  }
  void as_row() {
    if (is_picture_) push({ToRowSpec{shape_of(dims_)}, {}});
    is_picture_ = false;
  }
  void as_picture() {
    if (!is_picture_) push({ToPictureSpec{shape_of(dims_)}, {}});
    is_picture_ = true;
  }

  // A trainable tensor of this shape that nothing else of the chain uses.
  const model::TensorSpec* parameter(const std::string& name) {
    const auto* spec = layout_.find(name);
    if (spec == nullptr || spec->role == model::Role::State || !used_.insert(name).second) return nullptr;
    return spec;
  }
  std::optional<std::uint64_t> bias(const std::string& name, std::int64_t size) {
    const auto* spec = parameter(name);
    if (spec == nullptr || (spec->shape != Dims{size} && spec->shape != Dims{1, size})) return std::nullopt;
    return spec->offset;
  }

  bool dense(const model::Node& node, bool outputs_first) {
    if (dims_.size() != 1 || node.inputs.size() < 2) return false;
    const auto* weight = parameter(node.inputs[1]);
    if (weight == nullptr || weight->shape.size() != 2 || weight->shape[outputs_first ? 1 : 0] != dims_[0])
      return false;
    as_row();
    DenseSpec spec;
    spec.inputs = static_cast<std::size_t>(dims_[0]);
    dims_[0] = weight->shape[outputs_first ? 0 : 1];
    spec.outputs = static_cast<std::size_t>(dims_[0]);
    spec.weight = weight->offset;
    spec.outputs_first = outputs_first;
    push({spec, {}});
    return true;
  }

  bool gemm(const model::Node& node) {
    if (node.real("alpha", 1) != 1 || node.real("beta", 1) != 1 || node.integer("transA", 0) != 0) return false;
    if (!dense(node, node.integer("transB", 0) != 0)) return false;
    if (node.inputs.size() < 3 || node.inputs[2].empty()) return true;
    auto& spec = std::get<DenseSpec>(chain_.layers.back().layer);
    spec.bias = bias(node.inputs[2], dims_[0]);
    return spec.bias.has_value();
  }

  bool mat_mul(const model::Node& node) {
    if (!dense(node, false)) return false;
    last_was_mat_mul_ = true;
    return true;
  }

  bool add_bias(const model::Node& node) {
    if (!last_was_mat_mul_ || node.inputs.size() != 2) return false;
    const std::string& name = node.inputs[graph_.initializers.contains(node.inputs[0]) ? 0 : 1];
    auto& spec = std::get<DenseSpec>(chain_.layers.back().layer);
    spec.bias = bias(name, dims_[0]);
    last_was_mat_mul_ = false;
    return spec.bias.has_value();
  }

  bool conv(const model::Node& node) {
    if (dims_.size() != 3 || node.inputs.size() < 2 || node.integer("group", 1) != 1) return false;
    const auto* weight = parameter(node.inputs[1]);
    if (weight == nullptr || weight->shape.size() != 4 || weight->shape[1] != dims_[0]) return false;
    const auto window = window_of(node, Dims{weight->shape[2], weight->shape[3]}, shape_of(dims_));
    if (!window) return false;
    ConvSpec spec;
    spec.in = shape_of(dims_);
    spec.window = *window;
    spec.out = slide(*window, spec.in, static_cast<std::size_t>(weight->shape[0]));
    spec.weight = weight->offset;
    if (node.inputs.size() > 2 && !node.inputs[2].empty()) {
      spec.bias = bias(node.inputs[2], weight->shape[0]);
      if (!spec.bias) return false;
    }
    as_picture();
    push({spec, {}});
    set_dims(spec.out);
    return true;
  }

  bool max_pool(const model::Node& node) {
    const auto kernel = node.integers("kernel_shape", {});
    const bool has_indices = node.outputs.size() > 1 && !node.outputs[1].empty();
    if (dims_.size() != 3 || kernel.size() != 2 || has_indices || node.integer("ceil_mode", 0) != 0) return false;
    const auto window = window_of(node, kernel, shape_of(dims_));
    if (!window) return false;
    PoolSpec spec;
    spec.in = shape_of(dims_);
    spec.window = *window;
    spec.out = slide(*window, spec.in, spec.in.channels);
    as_picture();
    push({spec, take_relu()});
    set_dims(spec.out);
    return true;
  }

  // ReLU before a pool is ReLU after it, over fewer values; ties differ only where the slope is 0.
  Activation take_relu() {
    if (chain_.layers.empty() || is_tapped_) return {};
    Activation& before = chain_.layers.back().activation;
    return before.kind == Activation::Kind::Relu ? std::exchange(before, {}) : Activation{};
  }

  void set_dims(const Shape& shape) {
    dims_ = {static_cast<std::int64_t>(shape.channels), static_cast<std::int64_t>(shape.height),
             static_cast<std::int64_t>(shape.width)};
  }

  // To these dimensions behind the batch, which hold as many values.
  bool reshape(Dims dims) {
    as_row();
    dims_ = std::move(dims);
    return true;
  }

  // The batch axis kept (0) or found (-1), the rest given or, in one place, found.
  bool reshape(const model::Node& node) {
    if (node.inputs.size() != 2 || node.integer("allowzero", 0) != 0) return false;
    const auto found = graph_.initializers.find(node.inputs[1]);
    if (found == graph_.initializers.end() || found->second.type != model::DType::Int64) return false;
    const auto asked = found->second.as<std::int64_t>();
    if ((asked.size() != 2 && asked.size() != 4) || (asked[0] != 0 && asked[0] != -1)) return false;
    Dims dims(asked.begin() + 1, asked.end());
    std::int64_t known = 1;
    for (const auto d : dims) {
      if (d == 0 || d < -1 || d > kMostOfADimension || known > kMostOfADimension) return false;
      known *= d > 0 ? d : 1;
    }
    const auto open = std::count(dims.begin(), dims.end(), -1);
    if (open > (asked[0] == -1 ? 0 : 1) || flat_size() % known != 0) return false;
    std::replace(dims.begin(), dims.end(), std::int64_t{-1}, flat_size() / known);
    return static_cast<std::int64_t>(shape_of(dims).size()) == flat_size() && reshape(std::move(dims));
  }

  // Applied in place to a layer that needs its own output no more.
  bool activation(const model::Node& node) {
    if (chain_.layers.empty() || is_tapped_) return false;
    Activation& place = chain_.layers.back().activation;
    if (place.kind != Activation::Kind::None) return false;
    if (node.op == "Relu") {
      place.kind = Activation::Kind::Relu;
    } else if (node.op == "LeakyRelu") {
      place = {Activation::Kind::LeakyRelu, node.real("alpha", 0.01f)};
      if (!(place.slope > 0)) return false;
    } else if (node.op == "Tanh") {
      place.kind = Activation::Kind::Tanh;
    } else if (node.op == "Sigmoid") {
      place.kind = Activation::Kind::Sigmoid;
    }
    last_was_mat_mul_ = false;
    return place.kind != Activation::Kind::None;
  }

  static constexpr std::int64_t kMostOfADimension = 1 << 24;

  const model::Graph& graph_;
  const model::ParameterLayout& layout_;
  Chain chain_;
  Dims dims_;  // of the value so far, without the batch: one or three
  bool is_picture_ = false;
  bool last_was_mat_mul_ = false;  // and may take a bias
  bool is_tapped_ = false;         // an exit leaves from the last layer's values
  std::set<std::string> used_;     // parameters
};

}  // namespace

std::optional<Chain> find_chain(const model::Graph& graph, const model::ParameterLayout& layout) {
  return Recogniser(graph, layout).run();
}

std::optional<Tree> find_tree(const model::Graph& graph, const model::ParameterLayout& layout,
                              std::span<const std::string> outputs) {
  return Recogniser(graph, layout).run(outputs);
}

}  // namespace tributary::learn
