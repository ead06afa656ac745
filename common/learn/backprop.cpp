#include "common/learn/backprop.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/learn/head.h"
#include "common/learn/input_rows.h"
#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

using Values = std::map<std::string, at::Tensor>;

struct Step {
  model::Node node;
  Kernel kernel;
};

// What `wanted` depends on.
std::set<std::string> values_behind(const model::Graph& graph, const std::vector<std::string>& wanted) {
  std::set<std::string> used(wanted.begin(), wanted.end());
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node)
    if (std::any_of(node->outputs.begin(), node->outputs.end(), [&](const auto& name) { return used.contains(name); }))
      used.insert(node->inputs.begin(), node->inputs.end());
  used.erase("");
  return used;
}

class EagerBackprop final : public Backprop {
 public:
  EagerBackprop(const model::Graph& graph, const std::vector<std::string>& values)
      : layout_(graph.layout()), wanted_(values), input_(graph.example_input()), model_(graph.name) {
    const auto used = values_behind(graph, values);
    const auto is_state = [&](const std::string& name) {
      const auto* spec = layout_->find(name);
      return spec != nullptr && spec->role == model::Role::State;
    };
    std::set<std::string> made;
    for (const auto& node : graph.nodes) {
      const auto is_used = [&](const std::string& name) { return used.contains(name); };
      if (std::none_of(node.outputs.begin(), node.outputs.end(), is_used)) continue;
      steps_.push_back({node, find_operator(node)({node, graph.opset, is_used, is_state})});
      made.insert(node.outputs.begin(), node.outputs.end());
    }
    for (const auto& name : values)
      if (!made.contains(name))
        fail(Error::Kind::Malformed, "no node of model '" + model_ + "' makes a value '" + name + "'");
    for (const auto& [name, tensor] : graph.initializers)
      if (layout_->find(name) == nullptr) constants_[name] = to_torch(tensor, "initialiser '" + name + "'");
  }

  const model::LayoutPtr& layout() const override { return layout_; }

  void gradient(model::ParameterSet& parameters, std::span<const float> features, std::size_t examples,
                const Loss& loss, RandomStream& random, std::span<float> gradient) override try {
    TRIBUTARY_CHECK(gradient.size() == layout_->size() && parameters.layout().digest() == layout_->digest());
    use_one_thread();
    const at::AutoGradMode with_gradient(true);
    const auto leaves = leaves_of(parameters);
    Values values = constants_;
    for (std::size_t i = 0; i < leaves.size(); ++i) values[layout_->tensors()[i].name] = leaves[i];
    values[input_.name] = input_rows(input_, model_, features, examples);
    run(values, Run{true, &random});
    const auto slopes = slopes_of(values, examples, loss);
    write(values, leaves, slopes, gradient);
  } catch (...) {
    rethrow_translated("gradient of model '" + model_ + "'");
  }

 private:
  std::vector<at::Tensor> leaves_of(model::ParameterSet& parameters) const {
    std::vector<at::Tensor> leaves;
    for (const auto& spec : layout_->tensors())
      leaves.push_back(
          at::from_blob(parameters.tensor(spec).data(), spec.shape).set_requires_grad(spec.role != model::Role::State));
    return leaves;
  }

  void run(Values& values, const Run& run) const {
    for (const Step& step : steps_) {
      std::vector<at::Tensor> inputs;
      std::vector<int> places;
      for (const auto& name : step.node.inputs) {
        const auto found = values.find(name);
        if (!name.empty() && found == values.end()) malformed(step.node, "nothing produces its input '" + name + "'");
        places.push_back(name.empty() ? -1 : static_cast<int>(inputs.size()));
        if (!name.empty()) inputs.push_back(found->second);
      }
      Outputs outputs = step.kernel(Call(inputs, places, run));
      for (std::size_t i = 0; i < step.node.outputs.size() && i < outputs.size(); ++i)
        if (!step.node.outputs[i].empty()) values[step.node.outputs[i]] = std::move(outputs[i]);
    }
  }

  std::vector<at::Tensor> slopes_of(const Values& values, std::size_t examples, const Loss& loss) const {
    std::vector<at::Tensor> rows, slopes;
    std::vector<Tap> taps;
    for (const auto& name : wanted_) {
      const at::Tensor& value = values.at(name);
      if (value.dim() < 1 || value.size(0) != static_cast<std::int64_t>(examples))
        fail(Error::Kind::Malformed, "value '" + name + "' of model '" + model_ + "' has no row for each example");
      rows.push_back(value.detach().to(at::kFloat).contiguous());
      slopes.push_back(at::zeros_like(rows.back()));
      const auto size = static_cast<std::size_t>(value.numel());
      taps.push_back({{rows.back().data_ptr<float>(), size}, {slopes.back().data_ptr<float>(), size}, size / examples});
    }
    loss(taps);
    return slopes;
  }

  void write(const Values& values, const std::vector<at::Tensor>& leaves, const std::vector<at::Tensor>& slopes,
             std::span<float> gradient) const {
    torch::autograd::variable_list from, along, wanted;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (!values.at(wanted_[i]).requires_grad()) continue;
      from.push_back(values.at(wanted_[i]));
      along.push_back(slopes[i]);
    }
    for (const auto& leaf : leaves)
      if (leaf.requires_grad()) wanted.push_back(leaf);
    torch::autograd::variable_list found(wanted.size());
    if (!from.empty() && !wanted.empty()) found = torch::autograd::grad(from, wanted, along, c10::nullopt, false, true);
    const at::NoGradGuard no_grad;
    auto next = found.begin();
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const auto& spec = layout_->tensors()[i];
      const at::Tensor place = at::from_blob(gradient.data() + spec.offset, spec.shape);
      const at::Tensor value = leaves[i].requires_grad() ? *next++ : at::Tensor();
      value.defined() ? place.copy_(value) : place.zero_();
    }
  }

  model::LayoutPtr layout_;
  std::vector<std::string> wanted_;
  model::ValueInfo input_;
  std::string model_;
  std::vector<Step> steps_;
  Values constants_;
};

}  // namespace

std::unique_ptr<Backprop> Backprop::compile(const model::Graph& graph, const std::vector<std::string>& values) {
  use_one_thread();
  return std::make_unique<EagerBackprop>(graph, values);
}

std::string scores_of(const model::Graph& graph) {
  std::string value = graph.outputs.at(0).name;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (node->outputs.front() != value) continue;
    if (node->op == "Identity") {
      value = node->inputs.at(0);
    } else {
      return head_of(*node, graph.opset) == Head::Plain ? value : node->inputs.at(0);
    }
  }
  return value;
}

}  // namespace tributary::learn
