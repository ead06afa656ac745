#include "common/learn/program.h"

#include <algorithm>

namespace tributary::learn {

namespace {

// Every value that the outputs depend on; a node's values are all needed when one of them is.
std::set<std::string> values_behind(const model::Graph& graph, const std::vector<std::string>& outputs) {
  std::set<std::string> used(outputs.begin(), outputs.end());
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

Program::Program(const model::Graph& graph, const model::ParameterLayout& layout, std::vector<std::string> outputs) {
  if (graph.inputs.empty() || graph.outputs.empty())
    fail(Error::Kind::Unsupported, "unsupported: model '" + graph.name + "' has no input or no output");
  if (outputs.empty()) outputs.push_back(graph.outputs.front().name);
  used_ = values_behind(graph, outputs);
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
  for (const auto& output : outputs) ends_.push_back(end_of(graph, output));
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

// Walks back from the output over Identity to the node that makes probabilities. Where there is one output, every step
// left feeds it, so the steps walked over are the last ones.
Program::End Program::end_of(const model::Graph& graph, const std::string& output) {
  End end{slot_of(output), slot_of(output), 0, Head::Plain};
  std::size_t walked = 0;
  const model::Node* node = producer_of(graph, output);
  for (; node != nullptr && node->op == "Identity"; ++walked) node = producer_of(graph, node->inputs.at(0));
  if (node == nullptr || walked + 1 > steps_.size()) return end;
  end.head = head_of(*node, graph.opset);
  if (end.head == Head::Plain) return end;
  end.logits_slot = slot_of(node->inputs.at(0));
  end.walked = walked + 1;
  return end;
}

void Program::find_expiring() {
  std::vector<bool> read_later(values_.size(), false);
  const auto keep = [&](int slot) { read_later[static_cast<std::size_t>(slot)] = true; };
  for (const End& end : ends_) {
    keep(end.output_slot);
    keep(end.logits_slot);
  }
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

std::vector<at::Tensor> Program::run_until(std::size_t steps, std::span<const int> slots,
                                           std::span<const at::Tensor> parameters, const at::Tensor& input,
                                           const Run& run) {
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
  std::vector<at::Tensor> results;
  for (const int slot : slots) results.push_back(values_[static_cast<std::size_t>(slot)]);
  return results;
}

at::Tensor Program::output(std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run) {
  return run_until(steps_.size(), std::span(&ends_.front().output_slot, 1), parameters, input, run).front();
}

at::Tensor Program::logits(std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run) {
  const std::size_t steps = ends_.size() == 1 ? steps_.size() - ends_.front().walked : steps_.size();
  return run_until(steps, std::span(&ends_.front().logits_slot, 1), parameters, input, run).front();
}

std::vector<at::Tensor> Program::all(std::span<const at::Tensor> parameters, const at::Tensor& input, const Run& run,
                                     const std::vector<bool>& chosen) {
  TRIBUTARY_CHECK(chosen.size() == ends_.size());
  std::vector<int> slots;
  for (std::size_t i = 0; i < ends_.size(); ++i)
    slots.push_back(chosen[i] ? ends_[i].logits_slot : ends_[i].output_slot);
  return run_until(steps_.size(), slots, parameters, input, run);
}

std::vector<Head> Program::heads() const {
  std::vector<Head> heads;
  for (const End& end : ends_) heads.push_back(end.head);
  return heads;
}

}  // namespace tributary::learn
