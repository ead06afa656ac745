#include "common/model/exits.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "common/base/error.h"
#include "common/base/text.h"

namespace tributary::model {

namespace {

constexpr std::string_view kAlpha = "hedge.log_alpha";

[[noreturn]] void refuse(const Graph& graph, const std::string& why) {
  fail(Error::Kind::Malformed, "model '" + graph.name + "' " + why);
}

const ValueInfo* output_of(const Graph& graph, const std::string& name) {
  const auto found = std::find_if(graph.outputs.begin(), graph.outputs.end(),
                                  [&](const ValueInfo& output) { return output.name == name; });
  return found == graph.outputs.end() ? nullptr : &*found;
}

std::int64_t classes_of(const Graph& graph, const std::vector<std::string>& exits) {
  std::int64_t classes = 0;
  for (const auto& name : exits) {
    const auto& shape = output_of(graph, name)->shape;
    if (shape.size() != 2 || shape[1] < 2)
      refuse(graph, "does not say that its exit '" + name + "' gives [batch, classes], at least 2 classes");
    if (classes != 0 && shape[1] != classes)
      refuse(graph, "has exits of " + std::to_string(classes) + " and of " + std::to_string(shape[1]) + " classes");
    classes = shape[1];
  }
  return classes;
}

}  // namespace

std::vector<std::string> exits_of(const Graph& graph) {
  std::vector<std::string> exits;
  if (const auto marked = graph.metadata.find("tributary.exits"); marked != graph.metadata.end()) {
    for (const std::string_view part : split(marked->second, ',')) exits.emplace_back(trim(part));
    for (const auto& name : exits)
      if (output_of(graph, name) == nullptr)
        refuse(graph, "names '" + name + "' in its metadata tributary.exits, which is no output of it");
    if (std::set<std::string>(exits.begin(), exits.end()).size() != exits.size())
      refuse(graph, "names an exit twice in its metadata tributary.exits");
    return exits;
  }
  for (const auto& output : graph.outputs)
    if (output.name.starts_with("exit")) exits.push_back(output.name);
  if (!exits.empty()) return exits;
  if (graph.outputs.empty()) fail(Error::Kind::Unsupported, "unsupported: model '" + graph.name + "' has no output");
  return {graph.outputs.front().name};
}

const TensorSpec* alpha_of(const Graph& graph, const ParameterLayout& layout) {
  const auto marked = graph.metadata.find("tributary.alpha");
  if (marked == graph.metadata.end()) return nullptr;
  const TensorSpec* spec = layout.find(marked->second);
  if (spec == nullptr || spec->role != Role::State || spec->size != exits_of(graph).size())
    refuse(graph, "names '" + marked->second + "' in its metadata tributary.alpha, which is no float32 initialiser " +
                      "of one value for each exit");
  return spec;
}

void add_ensemble(Graph& graph) {
  const auto exits = exits_of(graph);
  if (exits.size() < 2)
    refuse(graph, "has one exit only: name its exits exit1, exit2, ... or list them in its metadata tributary.exits");
  if (graph.metadata.contains("tributary.alpha") || graph.initializers.contains(std::string(kAlpha)))
    refuse(graph, "has an ensemble over its exits already");
  const auto count = static_cast<std::int64_t>(exits.size()), classes = classes_of(graph, exits);
  const auto node = [&](std::string op, const std::string& output, std::vector<std::string> inputs,
                        std::map<std::string, Attribute> attributes = {}) {
    graph.nodes.push_back({output, std::move(op), std::move(inputs), {output}, std::move(attributes)});
    return output;
  };
  const std::vector<float> alphas(exits.size(), -std::log(static_cast<float>(count)));
  graph.initializers[std::string(kAlpha)] = Tensor::floats({count}, alphas);
  const std::vector<std::int64_t> shape{0, count, classes};
  graph.initializers["hedge.shape"] = Tensor::ints({3}, shape);
  graph.initializers["hedge.least"] = Tensor::floats({}, std::vector<float>{1e-30f});

  std::vector<std::string> parts;
  for (const auto& exit : exits) parts.push_back(node("Softmax", "hedge." + exit, {exit}, {{"axis", std::int64_t{1}}}));
  const auto weights = node("Softmax", "hedge.alpha", {std::string(kAlpha)}, {{"axis", std::int64_t{0}}});
  const auto joined = node("Concat", "hedge.joined", parts, {{"axis", std::int64_t{1}}});
  const auto stacked = node("Reshape", "hedge.stacked", {joined, "hedge.shape"});
  const auto mean = node("MatMul", "hedge.mean", {weights, stacked});
  const auto positive = node("Add", "hedge.positive", {mean, "hedge.least"});
  std::string name = "logits";
  while (output_of(graph, name) != nullptr) name = "hedge." + name;
  node("Log", name, {positive});
  graph.outputs.insert(graph.outputs.begin(), {name, DType::Float32, {-1, classes}});
  std::string list;
  for (const auto& exit : exits) list += (list.empty() ? "" : ",") + exit;
  graph.metadata["tributary.exits"] = list;
  graph.metadata["tributary.alpha"] = kAlpha;
}

}  // namespace tributary::model
