#include "common/edge/folding.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/edge/graph_edits.h"
#include "common/edge/inference_graph.h"
#include "common/learn/trace.h"

namespace tributary::edge {

namespace {

using model::Graph;
using model::Node;
using model::Tensor;

bool passes_on(const Node& node) {
  return node.op == "Identity" || (node.op == "Dropout" && (node.outputs.size() < 2 || node.outputs[1].empty()));
}

// A node that only passes its input on is left out; one that gives a graph output hands its output's name to the maker.
std::size_t drop_passing(Graph& graph) {
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!passes_on(graph.nodes[i])) continue;
    const std::string from = graph.nodes[i].outputs.front(), to = graph.nodes[i].inputs.front();
    const Wiring wiring(graph);
    if (wiring.outputs.contains(from)) {
      const auto maker = wiring.makers.find(to);
      if (maker == wiring.makers.end() || wiring.outputs.contains(to)) continue;
      auto& outputs = graph.nodes[maker->second].outputs;
      std::replace(outputs.begin(), outputs.end(), to, from);
      redirect_readers(graph, to, from);
    } else {
      redirect_readers(graph, from, to);
    }
    graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i--));
    ++dropped;
  }
  return dropped;
}

// Values that a parameter goes into: these stay initialisers, so that they can still be trained and quantised.
std::set<std::string> made_of_parameters(const Graph& graph, const std::map<std::string, Tensor>& constants) {
  const auto layout = graph.layout();
  std::set<std::string> made;
  for (const Node& node : graph.nodes) {
    const bool is_made = std::any_of(node.inputs.begin(), node.inputs.end(), [&](const std::string& name) {
      return made.contains(name) || layout->find(name) != nullptr;
    });
    for (const auto& output : node.outputs)
      if (is_made && constants.contains(output)) made.insert(output);
  }
  return made;
}

std::size_t fold_constants(Graph& graph) {
  auto constants = learn::constant_values(graph);
  const auto trainable = made_of_parameters(graph, constants);
  std::set<std::string> outputs;
  for (const auto& output : graph.outputs) outputs.insert(output.name);
  std::size_t folded = 0;
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    const bool known = std::all_of(node.outputs.begin(), node.outputs.end(), [&](const std::string& name) {
      return name.empty() || (constants.contains(name) && !outputs.contains(name));
    });
    if (node.op == "Constant" || !known) {
      nodes.push_back(std::move(node));
      continue;
    }
    ++folded;
    for (const auto& name : node.outputs) {
      if (name.empty()) continue;
      Tensor& value = constants.at(name);
      if (trainable.contains(name) && value.type == model::DType::Float32) {
        graph.initializers[name] = std::move(value);
      } else {
        nodes.push_back({name, "Constant", {}, {name}, {{"value", std::move(value)}}});
      }
    }
  }
  graph.nodes = std::move(nodes);
  return folded;
}

// y = factor x + offset for each channel.
struct Affine {
  std::vector<double> factor, mean, shift;
};

std::optional<Affine> affine_of(const Graph& graph, const Node& node) {
  const Tensor* values[4];
  for (std::size_t i = 0; i < 4; ++i) {
    values[i] = float_initializer(graph, node.inputs.at(i + 1));
    if (values[i] == nullptr || values[i]->elements() != values[0]->elements()) return std::nullopt;
  }
  const auto scale = values[0]->as<float>(), shift = values[1]->as<float>();
  const auto mean = values[2]->as<float>(), variance = values[3]->as<float>();
  Affine made;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    made.factor.push_back(double{scale[c]} / std::sqrt(double{variance[c]} + double{node.real("epsilon", 1e-5F)}));
    made.mean.push_back(mean[c]);
    made.shift.push_back(shift[c]);
  }
  return made;
}

// How the channels lie in a weight: element i belongs to channel (i / stride) % channels.
struct Channels {
  std::uint64_t channels = 0, stride = 1;
};

std::optional<Channels> channels_of(const Node& node, const Tensor& weight) {
  if (weight.shape.size() < 2) return std::nullopt;
  const auto first = static_cast<std::uint64_t>(weight.shape[0]);
  if (node.op == "Conv" || node.integer("transB", 0) != 0) return Channels{first, weight.elements() / first};
  return Channels{static_cast<std::uint64_t>(weight.shape[1]), 1};
}

class NormalizationFolder {
 public:
  explicit NormalizationFolder(Graph& graph) : graph_(graph), names_(graph) {}

  std::size_t fold() {
    std::size_t folded = 0;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (graph_.nodes[i].op != "BatchNormalization" || !fold_into_maker(graph_.nodes[i])) continue;
      graph_.nodes.erase(graph_.nodes.begin() + static_cast<std::ptrdiff_t>(i--));
      ++folded;
    }
    return folded;
  }

 private:
  static bool can_take(const Node& node) {
    if (node.op == "Conv") return true;
    return node.op == "Gemm" && node.real("alpha", 1) == 1 && node.real("beta", 1) == 1 &&
           node.integer("transA", 0) == 0;
  }

  bool fold_into_maker(const Node& normalization) {
    const Wiring wiring(graph_);
    const std::string value = normalization.inputs.front();
    const Node* maker = wiring.maker(value);
    if (maker == nullptr || !can_take(*maker) || wiring.only_reader(value) != &normalization) return false;
    const Tensor* weight = float_initializer(graph_, maker->inputs.at(1));
    const auto affine = affine_of(graph_, normalization);
    if (weight == nullptr || !affine) return false;
    const auto channels = channels_of(*maker, *weight);
    if (!channels || channels->channels != affine->factor.size()) return false;
    const auto bias = bias_of(*maker, affine->factor.size());
    if (!bias) return false;
    Node& target = graph_.nodes[wiring.makers.at(value)];
    const std::string made = normalization.outputs.front();
    rewrite(target, *weight, *channels, *affine, *bias, wiring);
    target.outputs.front() = made;
    return true;
  }

  // One value a channel; nullopt when the bias is no initialiser of that shape.
  std::optional<std::vector<float>> bias_of(const Node& node, std::size_t channels) const {
    if (node.inputs.size() < 3 || node.inputs[2].empty()) return std::vector<float>(channels, 0.0F);
    const Tensor* bias = float_initializer(graph_, node.inputs[2]);
    if (bias == nullptr || (bias->elements() != channels && bias->elements() != 1)) return std::nullopt;
    auto values = float_values(*bias);
    if (values.size() == 1) values.assign(channels, values.front());
    return values;
  }

  void rewrite(Node& target, const Tensor& given, const Channels& channels, const Affine& affine,
               std::vector<float> bias, const Wiring& wiring) {
    Tensor weight = given;
    const auto values = weight.as<float>();
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(double{values[i]} * affine.factor[i / channels.stride % channels.channels]);
    for (std::size_t c = 0; c < bias.size(); ++c)
      bias[c] = static_cast<float>((double{bias[c]} - affine.mean[c]) * affine.factor[c] + affine.shift[c]);
    target.inputs.resize(3);
    put(target.inputs[1], std::move(weight), wiring);
    Tensor moved = Tensor::floats({static_cast<std::int64_t>(bias.size())}, bias);
    if (target.inputs[2].empty()) target.inputs[2] = names_.fresh(target.name + ".bias");
    put(target.inputs[2], std::move(moved), wiring);
  }

  // Under its own name, or a new one where another node reads it too.
  void put(std::string& name, Tensor tensor, const Wiring& wiring) {
    const auto readers = wiring.readers.find(name);
    if (readers != wiring.readers.end() && readers->second.size() > 1) name = names_.fresh(name + "_folded");
    graph_.initializers[name] = std::move(tensor);
  }

  Graph& graph_;
  Names names_;
};

}  // namespace

Graph fold(const Graph& graph, FoldReport* report) {
  Graph made = inference_graph(graph);
  FoldReport done;
  done.passing = drop_passing(made);
  done.constants = fold_constants(made);
  done.normalizations = NormalizationFolder(made).fold();
  const std::size_t before = made.nodes.size();
  remove_unused(made);
  done.unused = before - made.nodes.size();
  if (report != nullptr) *report = done;
  return made;
}

}  // namespace tributary::edge
