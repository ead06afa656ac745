#include "common/model/graph.h"

#include <algorithm>

#include "common/base/error.h"

namespace tributary::model {

namespace {

template <class T>
T attribute_or(const Node& node, std::string_view name, T fallback) {
  const Attribute* attribute = node.find(name);
  if (attribute == nullptr) return fallback;
  if (const T* value = std::get_if<T>(attribute)) return *value;
  fail(Error::Kind::Malformed,
       "node '" + node.name + "' (" + node.op + "): attribute " + std::string(name) + " has the wrong type");
}

template <class T>
Tensor tensor_of(DType type, std::vector<std::int64_t> shape, std::span<const T> values) {
  Tensor tensor{type, std::move(shape), {}};
  const ByteSpan raw = std::as_bytes(values);
  tensor.data.assign(raw.begin(), raw.end());
  TRIBUTARY_CHECK(tensor.elements() == values.size());
  return tensor;
}

}  // namespace

std::size_t size_of(DType type) {
  switch (type) {
    case DType::Float32:
    case DType::Int32:
      return 4;
    case DType::Float64:
    case DType::Int64:
      return 8;
    case DType::Int8:
    case DType::UInt8:
    case DType::Bool:
      return 1;
  }
  return 1;
}

std::string_view name_of(DType type) {
  switch (type) {
    case DType::Float32:
      return "float32";
    case DType::Float64:
      return "float64";
    case DType::Int64:
      return "int64";
    case DType::Int32:
      return "int32";
    case DType::Int8:
      return "int8";
    case DType::UInt8:
      return "uint8";
    case DType::Bool:
      return "bool";
  }
  return "unknown";
}

std::uint64_t Tensor::elements() const {
  std::uint64_t count = 1;
  for (const std::int64_t dimension : shape) {
    count = checked_multiply(count, static_cast<std::uint64_t>(dimension), "tensor shape");
  }
  return count;
}

Tensor Tensor::floats(std::vector<std::int64_t> shape, std::span<const float> values) {
  return tensor_of(DType::Float32, std::move(shape), values);
}

Tensor Tensor::ints(std::vector<std::int64_t> shape, std::span<const std::int64_t> values) {
  return tensor_of(DType::Int64, std::move(shape), values);
}

const Attribute* Node::find(std::string_view attribute) const {
  const auto found = attributes.find(std::string(attribute));
  return found == attributes.end() ? nullptr : &found->second;
}

std::int64_t Node::integer(std::string_view attribute, std::int64_t fallback) const {
  return attribute_or(*this, attribute, fallback);
}
float Node::real(std::string_view attribute, float fallback) const {
  return attribute_or(*this, attribute, fallback);
}
std::string Node::text(std::string_view attribute, std::string_view fallback) const {
  return attribute_or(*this, attribute, std::string(fallback));
}
std::vector<std::int64_t> Node::integers(std::string_view attribute, std::vector<std::int64_t> fallback) const {
  return attribute_or(*this, attribute, std::move(fallback));
}

Graph Graph::load(const Path& path, const GraphLimits& limits) {
  const auto file = RealFiles().map(path);
  return parse(file->bytes(), path.string(), limits);
}

void Graph::save(const Path& path) const {
  RealFiles files;
  write_atomically(files, path, serialize(), Durability::Buffered);
}

ParameterSet Graph::parameters() const {
  ParameterSet set(layout());
  for (const TensorSpec& spec : set.layout().tensors()) {
    const std::span<const float> values = initializers.at(spec.name).as<float>();
    std::copy(values.begin(), values.end(), set.tensor(spec).begin());
  }
  return set;
}

void Graph::set_parameters(const ParameterSet& parameters) {
  if (parameters.layout().digest() != layout()->digest()) {
    fail(Error::Kind::Malformed, "the parameters belong to another model than '" + name + "'");
  }
  for (const TensorSpec& spec : parameters.layout().tensors()) {
    const std::span<const float> values = parameters.tensor(spec);
    Tensor& tensor = initializers.at(spec.name);
    tensor.data.resize(values.size_bytes());
    std::copy(values.begin(), values.end(), tensor.as<float>().begin());
  }
}

void Graph::drop_parameters() {
  const LayoutPtr dropped = layout();
  for (const TensorSpec& spec : dropped->tensors()) initializers.at(spec.name).data = Bytes();
}

const ValueInfo& Graph::example_input() const {
  if (inputs.empty()) fail(Error::Kind::Unsupported, "model '" + name + "' has no input");
  return inputs.front();
}

}  // namespace tributary::model
