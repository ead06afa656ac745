#include <limits>
#include <memory>
#include <optional>

#include "common/base/error.h"
#include "common/model/onnx_format.h"

namespace tributary::model::onnx_format {

namespace {

std::string type_text(int onnx_type) {
  const std::string& name = onnx::TensorProto_DataType_Name(static_cast<onnx::TensorProto_DataType>(onnx_type));
  return name.empty() ? std::to_string(onnx_type) : name;
}

template <class T>
Bytes bytes_of(const google::protobuf::RepeatedField<T>& numbers) {
  const ByteSpan raw = std::as_bytes(std::span(numbers.data(), static_cast<std::size_t>(numbers.size())));
  return {raw.begin(), raw.end()};
}

// Small integers come in int32_data, one a number; nullopt when one does not fit.
template <class T>
std::optional<Bytes> narrowed(const google::protobuf::RepeatedField<std::int32_t>& numbers) {
  Bytes bytes;
  bytes.reserve(static_cast<std::size_t>(numbers.size()));
  for (const std::int32_t number : numbers) {
    if (number < std::numeric_limits<T>::min() || number > std::numeric_limits<T>::max()) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(number));
  }
  return bytes;
}

std::optional<Bytes> typed_data(const onnx::TensorProto& proto, DType type) {
  switch (type) {
    case DType::Float32:
      return bytes_of(proto.float_data());
    case DType::Float64:
      return bytes_of(proto.double_data());
    case DType::Int64:
      return bytes_of(proto.int64_data());
    case DType::Int32:
      return bytes_of(proto.int32_data());
    case DType::Int8:
      return narrowed<std::int8_t>(proto.int32_data());
    case DType::UInt8:
    case DType::Bool:
      return narrowed<std::uint8_t>(proto.int32_data());
  }
  return std::nullopt;
}

Bytes take_data(onnx::TensorProto& proto, DType type, const std::string& where) {
  if (proto.has_raw_data()) return to_bytes(*std::unique_ptr<std::string>(proto.release_raw_data()));
  auto data = typed_data(proto, type);
  if (!data) fail(Error::Kind::Malformed, where + " has values that its type cannot hold");
  return std::move(*data);
}

}  // namespace

DType dtype_of(int onnx_type, const std::string& where) {
  switch (onnx_type) {
    case onnx::TensorProto::FLOAT:
      return DType::Float32;
    case onnx::TensorProto::DOUBLE:
      return DType::Float64;
    case onnx::TensorProto::INT64:
      return DType::Int64;
    case onnx::TensorProto::INT32:
      return DType::Int32;
    case onnx::TensorProto::INT8:
      return DType::Int8;
    case onnx::TensorProto::UINT8:
      return DType::UInt8;
    case onnx::TensorProto::BOOL:
      return DType::Bool;
    default:
      fail(Error::Kind::Unsupported,
           where + ": element type " + type_text(onnx_type) + " is not supported; export the model in float32");
  }
}

int onnx_type_of(DType type) {
  switch (type) {
    case DType::Float32:
      return onnx::TensorProto::FLOAT;
    case DType::Float64:
      return onnx::TensorProto::DOUBLE;
    case DType::Int64:
      return onnx::TensorProto::INT64;
    case DType::Int32:
      return onnx::TensorProto::INT32;
    case DType::Int8:
      return onnx::TensorProto::INT8;
    case DType::UInt8:
      return onnx::TensorProto::UINT8;
    case DType::Bool:
      return onnx::TensorProto::BOOL;
  }
  return onnx::TensorProto::UNDEFINED;
}

std::uint64_t TensorReader::read_shape(const onnx::TensorProto& proto, const std::string& what, Tensor& tensor) {
  const std::string where = source_ + ": " + what;
  if (static_cast<std::size_t>(proto.dims_size()) > limits_.max_rank) {
    fail(Error::Kind::Overloaded, where + " has more than " + std::to_string(limits_.max_rank) + " dimensions");
  }
  for (const std::int64_t dimension : proto.dims()) {
    if (dimension < 0) fail(Error::Kind::Malformed, where + " has a negative dimension");
    tensor.shape.push_back(dimension);
  }
  std::uint64_t count = 1;
  for (const std::int64_t dimension : tensor.shape) {
    count = checked_multiply(count, static_cast<std::uint64_t>(dimension), where);
  }
  total_ = checked_add(total_, count, where);
  if (total_ > limits_.max_parameters) {
    fail(Error::Kind::Overloaded, where + ": the tensors up to here have more than " +
                                      std::to_string(limits_.max_parameters) + " elements, the limit for parameters");
  }
  return count;
}

Tensor TensorReader::read(onnx::TensorProto& proto, const std::string& what) {
  const std::string where = source_ + ": " + what;
  if (proto.data_location() == onnx::TensorProto::EXTERNAL || proto.external_data_size() != 0) {
    fail(Error::Kind::Unsupported, where + " keeps its data in another file; save the model with its data inside");
  }
  if (proto.has_segment()) fail(Error::Kind::Unsupported, where + " is stored in segments; store it whole");
  Tensor tensor{dtype_of(proto.data_type(), where), {}, {}};
  const std::uint64_t bytes = checked_multiply(read_shape(proto, what, tensor), size_of(tensor.type), where);
  tensor.data = take_data(proto, tensor.type, where);
  if (tensor.data.size() != bytes) {
    fail(Error::Kind::Malformed, where + ": its shape needs " + std::to_string(bytes) + " bytes of data, there are " +
                                     std::to_string(tensor.data.size()));
  }
  if (tensor.type == DType::Bool) {
    for (std::byte& value : tensor.data) value = value == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  return tensor;
}

void write(const Tensor& tensor, onnx::TensorProto& proto) {
  proto.set_data_type(onnx_type_of(tensor.type));
  for (const std::int64_t dimension : tensor.shape) proto.add_dims(dimension);
  proto.set_raw_data(tensor.data.data(), tensor.data.size());
}

}  // namespace tributary::model::onnx_format
