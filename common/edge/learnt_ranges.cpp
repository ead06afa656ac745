#include "common/edge/learnt_ranges.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/edge/graph_edits.h"
#include "common/edge/layers.h"
#include "common/edge/quantization.h"

namespace tributary::edge {

namespace {

using model::Graph;
using model::Node;
using model::Tensor;

constexpr float kLastLevel = 255;

std::map<std::string, std::vector<std::int64_t>> shapes_of(const Graph& graph) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const LayerFacts& layer : layers_of(graph)) shapes[layer.output] = layer.shape;
  for (const auto& input : graph.inputs) shapes[input.name] = input.shape;
  return shapes;
}

// Puts the steps into a graph.
class Stepper {
 public:
  Stepper(const Graph& graph, const std::map<std::string, Range>& ranges) : graph_(graph), names_(graph) {
    made_.graph = graph;
    made_.values = quantized_values(graph);
    const auto shapes = shapes_of(graph);
    for (const auto& value : made_.values) add_step(value, ranges, shapes);
    // A vector of one element would count as a constant.
    if (made_.values.size() == 1) {
      made_.first.push_back(1);
      made_.share.push_back(0);
    }
  }

  LearntRanges run() {
    if (made_.values.empty()) return std::move(made_);
    made_.steps = names_.fresh("activation_steps");
    made_.graph.initializers.emplace(made_.steps,
                                     Tensor::floats({static_cast<std::int64_t>(made_.first.size())}, made_.first));
    one_ = add("step_one", Tensor::floats({}, std::vector<float>{1}));
    made_.graph.nodes.clear();
    for (const auto& input : graph_.inputs) wrap(input.name);
    for (Node node : graph_.nodes) {
      for (auto& input : node.inputs)
        if (const auto stepped = stepped_.find(input); stepped != stepped_.end()) input = stepped->second;
      made_.graph.nodes.push_back(std::move(node));
      for (const auto& output : std::vector<std::string>(made_.graph.nodes.back().outputs)) wrap(output);
    }
    return std::move(made_);
  }

 private:
  void add_step(const std::string& value, const std::map<std::string, Range>& ranges,
                const std::map<std::string, std::vector<std::int64_t>>& shapes) {
    const auto range = ranges.find(value);
    if (range == ranges.end())
      fail(Error::Kind::Malformed, "no range was found for value '" + value + "': calibrate the model first");
    const Levels levels = levels_of(range->second);
    double elements = 1;
    if (const auto shape = shapes.find(value); shape != shapes.end())
      for (std::size_t i = 1; i < shape->second.size(); ++i) elements *= static_cast<double>(shape->second[i]);
    made_.zeros.push_back(levels.zero);
    made_.first.push_back(levels.scale);
    made_.share.push_back(static_cast<float>(1 / std::sqrt(double{kLastLevel} * std::max(1.0, elements))));
  }

  void wrap(const std::string& value) {
    const auto found = std::ranges::find(made_.values, value);
    if (found == made_.values.end()) return;
    const auto at = static_cast<std::int64_t>(found - made_.values.begin());
    const auto name = [&](const std::string& end) { return names_.fresh(value + end); };
    const std::string step = name("_step"), scaled = name("_scaled"), levels = name("_levels"), again = name("_again");
    const std::string zero =
        add(value + "_zero", Tensor{model::DType::UInt8, {}, {std::byte{made_.zeros[static_cast<std::size_t>(at)]}}});
    auto& nodes = made_.graph.nodes;
    nodes.push_back(
        {name("_take"), "Slice", {made_.steps, bound(value, "_from", at), bound(value, "_to", at + 1)}, {step}, {}});
    nodes.push_back({name("_divide"), "Div", {value, step}, {scaled}, {}});
    nodes.push_back({name("_quantize"), "QuantizeLinear", {scaled, one_, zero}, {levels}, {}});
    nodes.push_back({name("_dequantize"), "DequantizeLinear", {levels, one_, zero}, {again}, {}});
    stepped_[value] = name("_stepped");
    nodes.push_back({name("_multiply"), "Mul", {again, step}, {stepped_[value]}, {}});
  }

  std::string bound(const std::string& value, const std::string& end, std::int64_t at) {
    return add(value + end, Tensor::ints({1}, std::vector<std::int64_t>{at}));
  }
  std::string add(const std::string& name, Tensor tensor) {
    const std::string fresh = names_.fresh(name);
    made_.graph.initializers.emplace(fresh, std::move(tensor));
    return fresh;
  }

  const Graph& graph_;
  Names names_;
  LearntRanges made_;
  std::string one_;
  std::map<std::string, std::string> stepped_;
};

class StepNetwork final : public learn::Network {
 public:
  StepNetwork(std::unique_ptr<learn::Network> network, LearntRanges learnt)
      : network_(std::move(network)), learnt_(std::move(learnt)) {}

  const model::LayoutPtr& layout() const override { return network_->layout(); }
  Output predict(const model::ParameterSet& parameters, std::span<const float> features,
                 std::size_t examples) override {
    return network_->predict(parameters, features, examples);
  }
  learn::BatchResult evaluate(const model::ParameterSet& parameters, const learn::Batch& batch,
                              learn::Loss loss) override {
    return network_->evaluate(parameters, batch, loss);
  }
  learn::BatchResult gradient(model::ParameterSet& parameters, const learn::Batch& batch, learn::Loss loss,
                              RandomStream& random, std::span<float> gradient) override {
    constexpr float kLeast = 1.0F / 16;
    const auto* spec = parameters.layout().find(learnt_.steps);
    if (spec == nullptr) return network_->gradient(parameters, batch, loss, random, gradient);
    const auto steps = parameters.tensor(*spec);
    for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = std::max(steps[i], kLeast * learnt_.first[i]);
    const auto result = network_->gradient(parameters, batch, loss, random, gradient);
    for (std::size_t i = 0; i < steps.size(); ++i) gradient[spec->offset + i] *= learnt_.share[i];
    return result;
  }

 private:
  std::unique_ptr<learn::Network> network_;
  LearntRanges learnt_;
};

}  // namespace

LearntRanges learn_ranges(const Graph& graph, const std::map<std::string, Range>& ranges) {
  return Stepper(graph, ranges).run();
}

std::unique_ptr<learn::Network> step_network(std::unique_ptr<learn::Network> network, LearntRanges learnt) {
  return std::make_unique<StepNetwork>(std::move(network), std::move(learnt));
}

std::map<std::string, Range> ranges_of(const LearntRanges& learnt, const model::ParameterSet& parameters) {
  std::map<std::string, Range> ranges;
  if (learnt.values.empty()) return ranges;
  const auto steps = parameters.tensor(*parameters.layout().find(learnt.steps));
  for (std::size_t i = 0; i < learnt.values.size(); ++i) {
    const float step = steps[i], zero = learnt.zeros[i];
    ranges[learnt.values[i]] = {-zero * step, (kLastLevel - zero) * step};
  }
  return ranges;
}

}  // namespace tributary::edge
