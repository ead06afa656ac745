#include "common/learn/program.h"

#include <algorithm>

namespace tributary::learn {

namespace {

// Every value that `output` depends on; a node's values are all needed when one of them is.
std::set<std::string> values_behind(const model::Graph& graph, const std::string& output) {
  std::set<std::string> used{output};
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool needed = std::any_of(node->outputs.begin(), node->outputs.end(),
                                    [&](const std::string& value) { return !value.empty() && used.contains(value); });
    if (needed) used.insert(node->inputs.begin(), node->inputs.end());
  }
  used.erase("");
  return used;
}

const model::Node* producer_of(const model::Graph& graph, const std::string& value) {
  for (const auto& node : graph.nodes)
    if (std::find(node.outputs.begin(), node.outputs.end(), value) != node.outputs.end()) return &node;
  return nullptr;
}

}  // namespace

Program::Program(const model::Graph& graph, const model::ParameterLayout& layout) {
  if (graph.inputs.empty() || graph.outputs.empty())
    fail(Error::Kind::Unsupported, "unsupported: model '" + graph.name + "' has no input or no output");
  used_ = values_behind(graph, graph.outputs.front().name);
  for (std::size_t i = 1; i < graph.inputs.size(); ++i)
    if (used_.contains(graph.inputs[i].name))
      fail(Error::Kind::Unsupported, "unsupported: model '" + graph.name + "' reads a second input, '" +
                                         graph.inputs[i].name + "'; only '" + graph.inputs[0].name +
                                         "' takes examples");
  input_slot_ = slot_of(graph.inputs.front().name);
  for (const auto& spec : layout.tensors())
    parameter_slots_.push_back(used_.contains(spec.name) ? slot_of(spec.name) : -1);
  for (const auto& [name, tensor] : graph.initializers) {
    if (!used_.contains(name) || layout.find(name) != nullptr) continue;
    const auto slot = static_cast<std::size_t>(slot_of(name));
    values_[slot] = to_torch(tensor, "initialiser '" + name + "'");
    is_constant_[slot] = true;
  }
  for (const auto& node : graph.nodes) add_step(graph, node, layout);
  output_slot_ = slot_of(graph.outputs.front().name);
  find_logits(graph);
  find_expiring();
}

int Program::slot_of(const std::string& value) {
  const auto [found, is_new] = slots_.try_emplace(value, static_cast<int>(values_.size()));
  if (is_new) {
    values_.emplace_back();
    is_constant_.push_back(false);
  }
  return found->second;
}

void Program::add_step(const model::Graph& graph, const model::Node& node, const model::ParameterLayout& layout) {
  if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](const auto& value) { return used_.contains(value); }))
    return;
  const Setup setup{node, graph.opset, [&](const std::string& value) { return used_.contains(value); },
                    [&](const std::string& value) {
                      const auto* spec = layout.find(value);
                      return spec != nullptr && spec->role == model::Role::State;
                    }};
  Step step{label(node), find_operator(node)(setup), {}, {}, {}};
  for (const auto& value : node.inputs) {
    if (!value.empty() && !slots_.contains(value)) malformed(node, "nothing produces its input '" + value + "'");
    step.inputs.push_back(value.empty() ? -1 : slot_of(value));
  }
  for (const auto& value : node.outputs) step.outputs.push_back(used_.contains(value) ? slot_of(value) : -1);
  if (!fold(step, node.op)) steps_.push_back(std::move(step));
}

bool Program::fold(const Step& step, const std::string& op) {
  const auto is_constant = [&](int slot) { return slot < 0 || is_constant_[static_cast<std::size_t>(slot)]; };
  if (op == "Dropout" || !std::all_of(step.inputs.begin(), step.inputs.end(), is_constant)) return false;
  const at::NoGradGuard no_grad;
  execute(step, Run{});
  for (const int slot : step.outputs)
    if (slot >= 0) is_constant_[static_cast<std::size_t>(slot)] = true;
  return true;
}

// Walks back from the output over Identity to the node that makes probabilities. Every step left feeds the output, so
// the steps walked over are the last ones.
void Program::find_logits(const model::Graph& graph) {
  logits_slot_ = output_slot_;
  logits_steps_ = steps_.size();
  std::size_t walked = 0;
  const model::Node* node = producer_of(graph, graph.outputs.front().name);
  for (; node != nullptr && node->op == "Identity"; ++walked) node = producer_of(graph, node->inputs.at(0));
  if (node == nullptr || walked + 1 > steps_.size()) return;
  head_ = head_of(*node, graph.opset);
  if (head_ == Head::Plain) return;
  logits_slot_ = slot_of(node->inputs.at(0));
  logits_steps_ = steps_.size() - walked - 1;
}

void Program::find_expiring() {
  std::vector<bool> read_later(values_.size(), false);
  const auto keep = [&](int slot) { read_later[static_cast<std::size_t>(slot)] = true; };
  keep(output_slot_);
  keep(logits_slot_);
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    for (const int slot : step->inputs) {
      if (slot < 0 || is_constant_[static_cast<std::size_t>(slot)] || read_later[static_cast<std::size_t>(slot)])
        continue;
      keep(slot);
      step->expiring.push_back(slot);
    }
  }
}

void Program::execute(const Step& step, const Run& run) {
  try {
    Outputs outputs = step.kernel(Call(values_, step.inputs, run));
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      if (step.outputs[i] < 0) continue;
      if (i >= outputs.size() || !outputs[i].defined())
        fail(Error::Kind::Unsupported, "unsupported: " + step.label + ": output " + std::to_string(i));
      values_[static_cast<std::size_t>(step.outputs[i])] = std::move(outputs[i]);
    }
  } catch (...) {
    rethrow_translated(step.label);
  }
  for (const int slot : step.expiring) values_[static_cast<std::size_t>(slot)].reset();
}

at::Tensor Program::run_until(std::size_t steps, int slot, std::span<const at::Tensor> parameters,
                              const at::Tensor& input, const Run& run) {
  struct Cleaner {
    Program& program;
    ~Cleaner() {
      for (std::size_t i = 0; i < program.values_.size(); ++i)
        if (!program.is_constant_[i]) program.values_[i].reset();
    }
  } const cleaner{*this};
  TRIBUTARY_CHECK(parameters.size() == parameter_slots_.size());
  values_[static_cast<std::size_t>(input_slot_)] = input;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (parameter_slots_[i] >= 0) values_[static_cast<std::size_t>(parameter_slots_[i])] = parameters[i];
  for (std::size_t i = 0; i < steps; ++i) execute(steps_[i], run);
  return values_[static_cast<std::size_t>(slot)];
}

at::Tensor Program::output(std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run) {
  return run_until(steps_.size(), output_slot_, parameters, input, run);
}

at::Tensor Program::logits(std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run) {
  return run_until(logits_steps_, logits_slot_, parameters, input, run);
}

}  // namespace tributary::learn
