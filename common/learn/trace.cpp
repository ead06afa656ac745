#include "common/learn/trace.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "common/learn/input_rows.h"
#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

std::optional<model::DType> dtype_of(at::ScalarType type) {
  for (const auto one : {model::DType::Float32, model::DType::Float64, model::DType::Int64, model::DType::Int32,
                         model::DType::Int8, model::DType::UInt8, model::DType::Bool})
    if (torch_type(one) == type) return one;
  return std::nullopt;
}

std::optional<model::Tensor> from_torch(const at::Tensor& given) {
  const at::Tensor tensor = given.contiguous();
  const auto type = dtype_of(tensor.scalar_type());
  if (!type) return std::nullopt;
  model::Tensor made{*type, tensor.sizes().vec(), {}};
  made.data.resize(static_cast<std::size_t>(tensor.nbytes()));
  if (!made.data.empty()) std::memcpy(made.data.data(), tensor.data_ptr(), made.data.size());
  return made;
}

// One node, ready to run.
class Step {
 public:
  Step(const model::Graph& graph, const model::Node& node, const std::set<std::string>& read) : node_(node) {
    const Setup setup{node, graph.opset, [&](const std::string& value) { return read.contains(value); },
                      [](const std::string&) { return false; }};
    kernel_ = find_operator(node)(setup);
  }

  const model::Node& node() const { return node_; }

  // REQUIRES: `values` holds every input that is not left out.
  Outputs run(const std::map<std::string, at::Tensor>& values) const {
    std::vector<at::Tensor> inputs;
    std::vector<int> places;
    for (const std::string& name : node_.inputs) {
      places.push_back(name.empty() ? -1 : static_cast<int>(inputs.size()));
      if (!name.empty()) inputs.push_back(values.at(name));
    }
    const Run inference;
    try {
      return kernel_(Call(inputs, places, inference));
    } catch (...) {
      rethrow_translated(label(node_));
    }
  }

 private:
  model::Node node_;
  Kernel kernel_;
};

std::set<std::string> values_read(const model::Graph& graph) {
  std::set<std::string> read;
  for (const auto& node : graph.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  for (const auto& output : graph.outputs) read.insert(output.name);
  read.erase("");
  return read;
}

class EagerTrace final : public Trace {
 public:
  explicit EagerTrace(const model::Graph& graph) : input_(graph.example_input()), model_(graph.name) {
    const auto read = values_read(graph);
    for (const auto& [name, tensor] : graph.initializers)
      constants_[name] = to_torch(tensor, "initialiser '" + name + "'");
    for (const auto& node : graph.nodes) steps_.emplace_back(graph, node, read);
  }

  void run(std::span<const float> features, std::size_t examples, const Wanted& wanted, const Visit& visit) override {
    use_one_thread();
    const c10::InferenceMode inference;
    std::map<std::string, at::Tensor> values = constants_;
    values[input_.name] = input_rows(input_, model_, features, examples);
    show(input_.name, nullptr, values[input_.name], wanted, visit);
    for (const Step& step : steps_) {
      require_inputs(step.node(), values);
      Outputs outputs = step.run(values);
      for (std::size_t i = 0; i < step.node().outputs.size() && i < outputs.size(); ++i) {
        const std::string& name = step.node().outputs[i];
        if (name.empty() || !outputs[i].defined()) continue;
        show(name, &step.node(), outputs[i], wanted, visit);
        values[name] = std::move(outputs[i]);
      }
    }
  }

 private:
  static void require_inputs(const model::Node& node, const std::map<std::string, at::Tensor>& values) {
    for (const auto& name : node.inputs)
      if (!name.empty() && !values.contains(name)) malformed(node, "nothing produces its input '" + name + "'");
  }

  static void show(const std::string& name, const model::Node* node, const at::Tensor& value, const Wanted& wanted,
                   const Visit& visit) {
    if (!wanted(name)) return;
    const at::Tensor floats = value.to(at::kFloat).contiguous();
    visit({name, node, value.sizes().vec(), {floats.data_ptr<float>(), static_cast<std::size_t>(floats.numel())}});
  }

  model::ValueInfo input_;
  std::string model_;
  std::map<std::string, at::Tensor> constants_;
  std::vector<Step> steps_;
};

bool is_chance_or_compression(const model::Node& node) {
  static const std::set<std::string_view> kLeftOut{"Dropout", "DequantizeLinear", "QuantizeLinear"};
  return kLeftOut.contains(node.op);
}

// Runs a node over constants; false when it is left out.
bool compute(const model::Graph& graph, const model::Node& node, const std::set<std::string>& read,
             std::map<std::string, at::Tensor>& values) {
  constexpr std::uint64_t kSmall = 4096, kTimes = 4;
  std::uint64_t given = 0, made = 0;
  for (const auto& name : node.inputs)
    if (!name.empty()) given += values.at(name).nbytes();
  Outputs outputs;
  try {
    outputs = Step(graph, node, read).run(values);
  } catch (const Error&) {
    return false;
  }
  for (const auto& output : outputs) made += output.defined() ? output.nbytes() : 0;
  if (node.op != "Constant" && made > kSmall && made > kTimes * given) return false;
  for (std::size_t i = 0; i < outputs.size() && i < node.outputs.size(); ++i)
    if (outputs[i].defined() && !node.outputs[i].empty()) values[node.outputs[i]] = outputs[i];
  return true;
}

}  // namespace

std::unique_ptr<Trace> Trace::compile(const model::Graph& graph) {
  use_one_thread();
  return std::make_unique<EagerTrace>(graph);
}

std::map<std::string, model::Tensor> constant_values(const model::Graph& graph) {
  use_one_thread();
  const c10::InferenceMode inference;
  const auto read = values_read(graph);
  std::map<std::string, at::Tensor> values;
  for (const auto& [name, tensor] : graph.initializers) values[name] = to_torch(tensor, "initialiser '" + name + "'");
  std::map<std::string, model::Tensor> found;
  for (const auto& node : graph.nodes) {
    const bool known = std::all_of(node.inputs.begin(), node.inputs.end(),
                                   [&](const std::string& name) { return name.empty() || values.contains(name); });
    if (!known || is_chance_or_compression(node) || !compute(graph, node, read, values)) continue;
    for (const auto& name : node.outputs) {
      if (const auto value = values.find(name); value != values.end())
        if (auto tensor = from_torch(value->second)) found.emplace(name, std::move(*tensor));
    }
  }
  return found;
}

}  // namespace tributary::learn
