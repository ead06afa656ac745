#include "tests/learn/run_graph.h"

#include <algorithm>
#include <cmath>

#include "common/base/random.h"
#include "common/learn/program.h"
#include "tests/learn/cases.h"

namespace tributary::learn::testing {

namespace {

model::DType type_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return model::DType::Float32;
    case at::kDouble:
      return model::DType::Float64;
    case at::kLong:
      return model::DType::Int64;
    case at::kInt:
      return model::DType::Int32;
    case at::kChar:
      return model::DType::Int8;
    case at::kByte:
      return model::DType::UInt8;
    case at::kBool:
      return model::DType::Bool;
    default:
      fail(Error::Kind::Internal, "a type that no operator gives");
  }
}

model::Tensor from_torch(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  const auto* data = static_cast<const std::byte*>(dense.data_ptr());
  return {type_of(dense), dense.sizes().vec(), Bytes(data, data + dense.nbytes())};
}

model::Tensor raised(const model::Tensor& tensor) {
  return tensor.type == model::DType::Float32 ? as(model::DType::Float64, tensor) : tensor;
}

// A graph in float64 whose wanted values are leaves.
struct Problem {
  model::Graph graph;
  std::vector<std::string> wanted;
  model::ParameterLayout layout;
  Program program;
  std::map<std::string, at::Tensor> leaves;
  at::Tensor input;
  std::string input_name;
  std::vector<double> weights;

  Problem(const model::Graph& given, const model::Tensor& x, const std::vector<std::string>& names)
      : graph(raise(given)),
        wanted(names),
        layout(layout_of(graph, names)),
        program(graph, layout),
        input(to_torch(raised(x), "input")),
        input_name(graph.inputs.front().name) {
    for (const auto& spec : layout.tensors()) leaves[spec.name] = to_torch(graph.initializers.at(spec.name), spec.name);
  }

  static model::Graph raise(model::Graph graph) {
    for (auto& [name, tensor] : graph.initializers) tensor = raised(tensor);
    return graph;
  }

  static model::ParameterLayout layout_of(const model::Graph& graph, const std::vector<std::string>& names) {
    std::vector<model::TensorSpec> specs;
    for (const auto& name : names)
      if (graph.initializers.contains(name)) {
        model::TensorSpec spec;
        spec.name = name;
        spec.shape = graph.initializers.at(name).shape;
        specs.push_back(std::move(spec));
      }
    return model::ParameterLayout(std::move(specs));
  }

  at::Tensor& place(const std::string& name) { return name == input_name ? input : leaves.at(name); }

  at::Tensor weighted_output() {
    std::vector<at::Tensor> parameters;
    for (const auto& spec : layout.tensors()) parameters.push_back(leaves.at(spec.name));
    const at::Tensor output = program.output(parameters, input, Run{}).reshape({-1}).to(at::kDouble);
    if (weights.empty()) {
      RandomStream random(7, "weights of the outputs");
      weights.resize(static_cast<std::size_t>(output.numel()));
      for (auto& weight : weights) weight = random.uniform() + 0.5;
    }
    return (output * at::from_blob(weights.data(), output.sizes(), at::kDouble)).sum();
  }
};

}  // namespace

model::Tensor run_graph(const model::Graph& graph, const model::Tensor& input) {
  Program program(graph, model::ParameterLayout({}));
  return from_torch(program.output({}, to_torch(input, "input"), Run{}));
}

double gradient_error(const model::Graph& graph, const model::Tensor& input, const std::vector<std::string>& wanted) {
  Problem problem(graph, input, wanted);
  torch::autograd::variable_list leaves;
  for (const auto& name : wanted) leaves.push_back(problem.place(name).set_requires_grad(true));
  const auto gradients = torch::autograd::grad({problem.weighted_output()}, leaves, {}, c10::nullopt, false, true);
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  double worst = 0;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    auto* value = leaves[i].data_ptr<double>();
    const at::Tensor gradient = gradients[i].defined() ? gradients[i].contiguous() : at::zeros_like(leaves[i]);
    for (std::int64_t j = 0; j < leaves[i].numel(); ++j) {
      const double before = value[j];
      value[j] = before + kStep;
      const double above = problem.weighted_output().item().toDouble();
      value[j] = before - kStep;
      const double below = problem.weighted_output().item().toDouble();
      value[j] = before;
      const double found = gradient.data_ptr<double>()[j], expected = (above - below) / (2 * kStep);
      worst = std::max(worst, std::abs(found - expected) / std::max(1.0, std::abs(found)));
    }
  }
  return worst;
}

}  // namespace tributary::learn::testing
