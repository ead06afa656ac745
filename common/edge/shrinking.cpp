#include "common/edge/shrinking.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "common/base/error.h"
#include "common/edge/graph_edits.h"
#include "common/edge/layers.h"

namespace tributary::edge {

namespace {

using model::Graph;
using model::Node;
using model::Tensor;

// A tensor's axis that runs over the channels of a group, each of them `repeat` neighbours long.
struct Slice {
  std::string tensor;
  std::size_t axis = 0;
  std::uint64_t repeat = 1;
  bool scores = false;  // a weight that makes the channels
  bool is_bn_scale = false;
};

// Channels that live and die together.
struct Group {
  std::size_t parent = 0;
  std::uint64_t channels = 0;
  bool frozen = false;
  std::vector<Slice> slices;
};

// What the channel axis (the second) of a value is made of.
struct Flow {
  std::size_t group = 0;
  std::uint64_t repeat = 1;
};

class Tracker {
 public:
  explicit Tracker(const Graph& graph) : graph_(graph), wiring_(graph) {
    for (const LayerFacts& layer : layers_of(graph)) shapes_[layer.output] = layer.shape;
    for (const Node& node : graph.nodes) follow(node);
    for (const auto& output : graph.outputs) freeze(output.name);
  }

  std::map<std::size_t, Group> groups() {
    std::map<std::size_t, Group> merged;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      Group& into = merged[root(i)];
      into.channels = groups_[i].channels;
      into.frozen = into.frozen || groups_[i].frozen;
      into.slices.insert(into.slices.end(), groups_[i].slices.begin(), groups_[i].slices.end());
    }
    return merged;
  }

 private:
  std::size_t root(std::size_t i) {
    while (groups_[i].parent != i) i = groups_[i].parent;
    return i;
  }
  void freeze(const std::string& value) {
    if (const auto flow = flows_.find(value); flow != flows_.end()) groups_[root(flow->second.group)].frozen = true;
  }
  const Flow* flow_of(const std::string& value) const {
    const auto found = flows_.find(value);
    return found == flows_.end() ? nullptr : &found->second;
  }

  void follow(const Node& node) {
    static const std::set<std::string_view> kPassing{"Relu",          "LeakyRelu", "Sigmoid",     "Tanh",
                                                     "Elu",           "Selu",      "HardSwish",   "HardSigmoid",
                                                     "Softplus",      "MaxPool",   "AveragePool", "GlobalAveragePool",
                                                     "GlobalMaxPool", "Identity",  "Dropout",     "Clip"};
    if (node.op == "Conv" || node.op == "Gemm") return product(node);
    const Flow* flow = node.inputs.empty() ? nullptr : flow_of(node.inputs[0]);
    if (node.op == "BatchNormalization" && flow != nullptr && flow->repeat == 1) return normalization(node, *flow);
    if (node.op == "Add" && node.inputs.size() == 2 && flow != nullptr) return add(node, *flow);
    if (node.op == "Flatten" && flow != nullptr && node.integer("axis", 1) == 1) return flatten(node, *flow);
    if (kPassing.contains(node.op) && flow != nullptr) {
      flows_[node.outputs[0]] = *flow;
      return;
    }
    for (const auto& input : node.inputs) freeze(input);
  }

  // A weight that one node reads, with a bias that one node reads.
  bool owns(const Node& node) const {
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      if (node.inputs[i].empty()) continue;
      const auto readers = wiring_.readers.find(node.inputs[i]);
      if (float_initializer(graph_, node.inputs[i]) == nullptr || readers->second.size() != 1) return false;
    }
    return true;
  }

  void product(const Node& node) {
    const bool conv = node.op == "Conv";
    const bool plain = owns(node) && (conv ? node.integer("group", 1) == 1 : node.integer("transA", 0) == 0);
    const Tensor* weight = float_initializer(graph_, node.inputs.at(1));
    if (!plain || weight == nullptr || weight->shape.size() < 2) {
      for (const auto& input : node.inputs) freeze(input);
      return;
    }
    const std::size_t out = conv || node.integer("transB", 0) != 0 ? 0 : 1;
    if (const Flow* flow = flow_of(node.inputs[0])) {
      Group& group = groups_[flow->group];
      if (static_cast<std::uint64_t>(weight->shape[1 - out]) == group.channels * flow->repeat)
        group.slices.push_back({node.inputs[1], 1 - out, flow->repeat});
      else
        freeze(node.inputs[0]);
    }
    const auto channels = static_cast<std::uint64_t>(weight->shape[out]);
    groups_.push_back({groups_.size(), channels, false, {{node.inputs[1], out, 1, true}}});
    const std::size_t made = groups_.size() - 1;
    flows_[node.outputs[0]] = {made, 1};
    if (node.inputs.size() < 3 || node.inputs[2].empty()) return;
    const Tensor& bias = graph_.initializers.at(node.inputs[2]);
    if (bias.shape.empty() || static_cast<std::uint64_t>(bias.shape.back()) != channels)
      groups_[made].frozen = true;
    else
      groups_[made].slices.push_back({node.inputs[2], bias.shape.size() - 1});
  }

  void normalization(const Node& node, const Flow& flow) {
    if (!owns(node)) return freeze(node.inputs[0]);
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
      groups_[flow.group].slices.push_back({node.inputs[i], 0, 1, false, i == 1});
    flows_[node.outputs[0]] = flow;
  }

  void add(const Node& node, const Flow& flow) {
    const Flow* other = flow_of(node.inputs[1]);
    if (other == nullptr || other->repeat != flow.repeat ||
        groups_[other->group].channels != groups_[flow.group].channels) {
      freeze(node.inputs[0]);
      freeze(node.inputs[1]);
      return;
    }
    groups_[root(other->group)].parent = root(flow.group);
    flows_[node.outputs[0]] = flow;
  }

  void flatten(const Node& node, const Flow& flow) {
    const auto shape = shapes_.find(node.outputs[0]);
    const std::uint64_t channels = groups_[flow.group].channels;
    if (shape == shapes_.end() || shape->second.size() != 2 ||
        static_cast<std::uint64_t>(shape->second[1]) % channels != 0)
      return freeze(node.inputs[0]);
    flows_[node.outputs[0]] = {flow.group, static_cast<std::uint64_t>(shape->second[1]) / channels};
  }

  const Graph& graph_;
  Wiring wiring_;
  std::map<std::string, std::vector<std::int64_t>> shapes_;  // of values
  std::vector<Group> groups_;
  std::map<std::string, Flow> flows_;
};

// Calls visit(channel, value) for every element.
template <class Visit>
void for_each_element(const Tensor& tensor, const Slice& slice, Visit visit) {
  std::uint64_t inner = 1;
  for (std::size_t i = slice.axis + 1; i < tensor.shape.size(); ++i)
    inner *= static_cast<std::uint64_t>(tensor.shape[i]);
  const auto length = static_cast<std::uint64_t>(tensor.shape[slice.axis]);
  const auto values = tensor.as<float>();
  for (std::uint64_t i = 0; i < values.size(); ++i) visit(i / inner % length / slice.repeat, values[i]);
}

std::vector<double> scores_of(const Graph& graph, const Group& group, ShrinkPlan::Score score) {
  std::vector<double> sums(group.channels);
  const bool by_scale =
      score == ShrinkPlan::Score::BatchNorm &&
      std::any_of(group.slices.begin(), group.slices.end(), [](const Slice& slice) { return slice.is_bn_scale; });
  for (const Slice& slice : group.slices) {
    if (by_scale ? !slice.is_bn_scale : !slice.scores) continue;
    for_each_element(graph.initializers.at(slice.tensor), slice, [&](std::uint64_t channel, float value) {
      const double magnitude = std::abs(double{value});
      sums[channel] += score == ShrinkPlan::Score::L2 ? magnitude * magnitude : magnitude;
    });
  }
  return sums;
}

// The channels that stay, ascending.
std::vector<std::uint64_t> kept_channels(const std::vector<double>& scores, double keep) {
  std::vector<std::uint64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
  order.resize(
      std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(keep * static_cast<double>(order.size())))));
  std::sort(order.begin(), order.end());
  return order;
}

void cut(Tensor& tensor, const Slice& slice, const std::vector<std::uint64_t>& kept, std::uint64_t channels) {
  std::vector<bool> stays(channels);
  for (const auto channel : kept) stays[channel] = true;
  std::vector<float> values;
  for_each_element(tensor, slice, [&](std::uint64_t channel, float value) {
    if (stays[channel]) values.push_back(value);
  });
  std::vector<std::int64_t> shape = tensor.shape;
  shape[slice.axis] = static_cast<std::int64_t>(kept.size() * slice.repeat);
  tensor = Tensor::floats(std::move(shape), values);
}

}  // namespace

Graph shrink(const Graph& graph, const ShrinkPlan& plan, ShrinkReport* report) {
  if (!(plan.keep > 0 && plan.keep <= 1))
    fail(Error::Kind::Malformed, "the share of channels to keep is above 0 and at most 1");
  Graph made = graph;
  ShrinkReport done;
  // Two groups may cut the two axes of one weight: the scores come from the graph as it was.
  for (const auto& [id, group] : Tracker(graph).groups()) {
    if (group.frozen || group.slices.empty()) continue;
    const auto kept = kept_channels(scores_of(graph, group, plan.score), plan.keep);
    done.channels += group.channels;
    done.kept += kept.size();
    if (kept.size() == group.channels) continue;
    ++done.layers;
    for (const Slice& slice : group.slices) cut(made.initializers.at(slice.tensor), slice, kept, group.channels);
  }
  if (report != nullptr) *report = done;
  return made;
}

}  // namespace tributary::edge
