#include "tests/learn/cases.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/random.h"

namespace tributary::learn::testing {

using model::DType;
using model::Tensor;

namespace {

std::size_t product(const Ints& shape) {
  return static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
}

template <class To>
Tensor converted(DType type, const Tensor& tensor) {
  Tensor result{type, tensor.shape, Bytes(tensor.elements() * sizeof(To))};
  auto out = result.as<To>();
  const auto convert = [&](auto values) {
    std::transform(values.begin(), values.end(), out.begin(), [](auto v) { return static_cast<To>(v); });
  };
  switch (tensor.type) {
    case DType::Float32:
      convert(tensor.as<float>());
      break;
    case DType::Float64:
      convert(tensor.as<double>());
      break;
    case DType::Int64:
      convert(tensor.as<std::int64_t>());
      break;
    case DType::Int32:
      convert(tensor.as<std::int32_t>());
      break;
    case DType::Int8:
      convert(tensor.as<std::int8_t>());
      break;
    case DType::UInt8:
    case DType::Bool:
      convert(tensor.as<std::uint8_t>());
      break;
  }
  return result;
}

}  // namespace

Tensor floats(Ints shape, std::vector<float> values) {
  return Tensor::floats(std::move(shape), values);
}
Tensor ints(Ints shape, std::vector<std::int64_t> values) {
  return Tensor::ints(std::move(shape), values);
}
Tensor ints(std::vector<std::int64_t> values) {
  const Ints shape{static_cast<std::int64_t>(values.size())};
  return Tensor::ints(shape, values);
}
Tensor scalar(float value) {
  return floats({}, {value});
}
Tensor scalar_int(std::int64_t value) {
  return ints(Ints{}, std::vector<std::int64_t>{value});
}

Tensor bools(Ints shape, std::vector<bool> values) {
  Tensor result{DType::Bool, std::move(shape), Bytes(values.size())};
  std::transform(values.begin(), values.end(), result.data.begin(), [](bool v) { return std::byte{v}; });
  return result;
}

Tensor uniform(Ints shape, std::uint64_t seed, double low, double high) {
  RandomStream random(seed, "test values");
  std::vector<float> values(product(shape));
  for (auto& value : values) value = static_cast<float>(low + (high - low) * random.uniform());
  return floats(std::move(shape), values);
}

Tensor smooth(Ints shape, std::uint64_t seed, double low, double high, double period, double gap) {
  Tensor result = uniform(std::move(shape), seed, low, high);
  for (auto& value : result.as<float>()) {
    const double nearest = std::round(value / period) * period, distance = value - nearest;
    if (std::abs(distance) < gap) value = static_cast<float>(nearest + (distance < 0 ? -gap : gap));
  }
  return result;
}

Tensor distinct(Ints shape, std::uint64_t seed, double step) {
  RandomStream random(seed, "test values");
  const auto count = product(shape);
  const auto order = random.permutation(static_cast<std::uint32_t>(count));
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>((order[i] - static_cast<double>(count) / 2 + 0.3) * step);
  return floats(std::move(shape), values);
}

Tensor as(DType type, const Tensor& tensor) {
  switch (type) {
    case DType::Float32:
      return converted<float>(type, tensor);
    case DType::Float64:
      return converted<double>(type, tensor);
    case DType::Int64:
      return converted<std::int64_t>(type, tensor);
    case DType::Int32:
      return converted<std::int32_t>(type, tensor);
    case DType::Int8:
      return converted<std::int8_t>(type, tensor);
    case DType::UInt8:
      return converted<std::uint8_t>(type, tensor);
    case DType::Bool:
      return converted<std::uint8_t>(type, tensor);
  }
  return tensor;
}

model::Graph graph_of(const OperatorCase& one, std::size_t output) {
  model::Graph graph;
  graph.name = one.op;
  graph.opset = one.opset;
  model::Node node{"the_node", one.op, {}, {}, one.attributes};
  for (std::size_t i = 0; i < one.inputs.size(); ++i) {
    const std::string name = "in" + std::to_string(i);
    node.inputs.push_back(one.inputs[i] ? name : "");
    if (i > 0 && one.inputs[i]) graph.initializers[name] = *one.inputs[i];
  }
  const bool fed = !one.inputs.empty();
  graph.inputs.push_back(
      {fed ? "in0" : "unused", fed ? one.inputs[0]->type : DType::Float32, fed ? one.inputs[0]->shape : Ints{1}});
  for (std::size_t i = 0; i < one.outputs.size(); ++i) node.outputs.push_back("out" + std::to_string(i));
  graph.outputs.push_back({node.outputs.at(output), one.outputs.at(output), {}});
  graph.nodes.push_back(std::move(node));
  return graph;
}

std::vector<OperatorCase> all_cases() {
  std::vector<OperatorCase> all;
  for (auto* table : {pointwise_cases, shape_cases, reduction_cases, layer_cases, window_cases, recurrent_cases,
                      quantization_cases}) {
    auto cases = table();
    std::move(cases.begin(), cases.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace tributary::learn::testing
