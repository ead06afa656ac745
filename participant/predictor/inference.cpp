#include "participant/predictor/inference.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "common/base/error.h"
#include "common/base/text.h"
#include "participant/predictor/json_reader.h"

namespace tributary::predictor {

namespace {

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie in memory");

constexpr float kMaxExactInteger = 16'777'216;  // 2^24
constexpr std::int64_t kMaxElements = std::int64_t{1} << 32;

[[noreturn]] void refuse(const std::string& why) {
  fail(Error::Kind::Malformed, why);
}

struct Datatype {
  std::string_view name;
  std::size_t bytes;
  void (*widen)(const char* from, std::size_t count, float* to);
};

template <class T>
void widen(const char* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    to[i] = static_cast<float>(value);
    if constexpr (sizeof(T) >= 4 && !std::is_same_v<T, float> && !std::is_same_v<T, double>) {
      if (static_cast<double>(to[i]) != static_cast<double>(value) || std::abs(to[i]) > kMaxExactInteger)
        refuse("an integer beyond 2^24, which float32 does not hold exactly");
    }
  }
}

constexpr std::array<Datatype, 11> kDatatypes = {{{"FP32", 4, widen<float>},
                                                  {"FP64", 8, widen<double>},
                                                  {"INT64", 8, widen<std::int64_t>},
                                                  {"INT32", 4, widen<std::int32_t>},
                                                  {"INT16", 2, widen<std::int16_t>},
                                                  {"INT8", 1, widen<std::int8_t>},
                                                  {"UINT64", 8, widen<std::uint64_t>},
                                                  {"UINT32", 4, widen<std::uint32_t>},
                                                  {"UINT16", 2, widen<std::uint16_t>},
                                                  {"UINT8", 1, widen<std::uint8_t>},
                                                  {"BOOL", 1, widen<std::uint8_t>}}};

const Datatype& datatype_named(const std::string& name) {
  for (const Datatype& type : kDatatypes)
    if (type.name == name) return type;
  fail(Error::Kind::Unsupported,
       "datatype '" + name + "' is not one of FP32, FP64, INT8 to INT64, UINT8 to UINT64, BOOL");
}

std::int64_t elements_of(const std::vector<std::int64_t>& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t axis : shape) {
    if (axis < 1 || axis > kMaxElements / elements) refuse("the input's shape is none: every axis must be at least 1");
    elements *= axis;
  }
  if (shape.empty()) refuse("the input has no shape");
  return elements;
}

// Of one input or output, whatever the order of the members.
struct TensorPart {
  std::string name, datatype;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
  bool has_data = false;
  std::optional<std::int64_t> binary_size;
  bool binary = false;
};

void read_data(JsonReader& json, std::vector<float>& values) {
  json.array([&] {
    if (json.peek() == '[')
      read_data(json, values);
    else
      values.push_back(json.real());
  });
}

TensorPart read_tensor(JsonReader& json) {
  TensorPart part;
  json.object([&](const std::string& key) {
    if (key == "name") {
      part.name = json.string();
    } else if (key == "datatype") {
      part.datatype = json.string();
    } else if (key == "shape") {
      part.shape.clear();
      json.array([&] { part.shape.push_back(json.integer()); });
    } else if (key == "data") {
      if (std::exchange(part.has_data, true)) refuse("the input has data twice");
      read_data(json, part.values);
    } else if (key == "parameters") {
      json.object([&](const std::string& parameter) {
        if (parameter == "binary_data_size")
          part.binary_size = json.integer();
        else if (parameter == "binary_data")
          part.binary = json.boolean();
        else if (parameter == "classification" || parameter.starts_with("shared_memory"))
          fail(Error::Kind::Unsupported, "the parameter '" + parameter + "' is not supported");
        else
          json.skip();
      });
    } else {
      json.skip();
    }
  });
  return part;
}

void take_binary(TensorPart& part, const Datatype& type, std::int64_t elements, std::string_view tensor) {
  if (part.has_data) refuse("the input has both data and binary_data_size");
  if (*part.binary_size != static_cast<std::int64_t>(tensor.size()))
    refuse("binary_data_size is " + std::to_string(*part.binary_size) + ", but " + std::to_string(tensor.size()) +
           " bytes follow the JSON");
  if (tensor.size() != static_cast<std::size_t>(elements) * type.bytes)
    refuse("the input's shape and its binary data do not agree");
  part.values.resize(static_cast<std::size_t>(elements));
  type.widen(tensor.data(), part.values.size(), part.values.data());
}

void check_values(const TensorPart& part, std::int64_t elements) {
  if (part.values.size() != static_cast<std::size_t>(elements))
    refuse("the input has " + std::to_string(part.values.size()) + " values, but its shape says " +
           std::to_string(elements));
  const bool whole = part.datatype != "FP32" && part.datatype != "FP64";
  for (const float value : part.values) {
    if (!std::isfinite(value)) refuse("the input holds a value that is not finite");
    if (whole && (value != std::trunc(value) || std::abs(value) > kMaxExactInteger))
      refuse("the input holds a value that is no " + part.datatype + ", or is beyond 2^24");
  }
}

void append_number(std::string& text, float value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  text.append(buffer, end);
}

}  // namespace

std::string_view datatype_of(model::DType type) {
  switch (type) {
    case model::DType::Float32:
      return "FP32";
    case model::DType::Float64:
      return "FP64";
    case model::DType::Int64:
      return "INT64";
    case model::DType::Int32:
      return "INT32";
    case model::DType::Int8:
      return "INT8";
    case model::DType::UInt8:
      return "UINT8";
    case model::DType::Bool:
      return "BOOL";
  }
  return "FP32";
}

InferenceRequest parse_inference(std::string_view body, const std::string* header_length) {
  std::string_view text = body, tensor;
  if (header_length != nullptr) {
    const auto length = parse_int(*header_length);
    if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > body.size())
      refuse(std::string(kHeaderLengthField) + " is not a length within the body");
    text = body.substr(0, static_cast<std::size_t>(*length));
    tensor = body.substr(static_cast<std::size_t>(*length));
  }
  InferenceRequest request;
  std::optional<TensorPart> input;
  JsonReader json(text);
  json.object([&](const std::string& key) {
    if (key == "id") {
      request.id = json.string();
    } else if (key == "inputs") {
      json.array([&] {
        if (input) refuse("one input is taken, not more");
        input = read_tensor(json);
      });
    } else if (key == "outputs") {
      json.array([&] {
        if (request.output) refuse("one output is given, not more");
        const TensorPart part = read_tensor(json);
        request.output = part.name;
        request.binary_output = part.binary;
      });
    } else if (key == "parameters") {
      json.object([&](const std::string& parameter) {
        if (parameter == "binary_data_output")
          request.binary_output = json.boolean() || request.binary_output;
        else
          json.skip();
      });
    } else {
      json.skip();
    }
  });
  json.end();
  if (!input) refuse("the request has no inputs");
  const Datatype& type = datatype_named(input->datatype);
  const std::int64_t elements = elements_of(input->shape);
  if (input->binary_size)
    take_binary(*input, type, elements, tensor);
  else if (!tensor.empty())
    refuse("bytes follow the JSON, but the input has no binary_data_size");
  check_values(*input, elements);
  request.input = std::move(input->name);
  request.datatype = std::move(input->datatype);
  request.shape = std::move(input->shape);
  request.values = std::move(input->values);
  return request;
}

http::Response write_inference(const InferenceRequest& request, const InferenceAnswer& answer) {
  std::string text =
      "{\"model_name\":" + http::json_quoted(answer.model) + ",\"model_version\":" + http::json_quoted(answer.version);
  if (!request.id.empty()) text += ",\"id\":" + http::json_quoted(request.id);
  text += ",\"outputs\":[{\"name\":" + http::json_quoted(answer.output) + ",\"datatype\":\"FP32\",\"shape\":[";
  for (std::size_t i = 0; i < answer.shape.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(answer.shape[i]);
  http::Response response;
  if (request.binary_output) {
    text += "],\"parameters\":{\"binary_data_size\":" + std::to_string(answer.values.size_bytes()) + "}}]}";
    response.content_type = "application/octet-stream";
    response.fields.emplace_back(kHeaderLengthField, std::to_string(text.size()));
    text.append(reinterpret_cast<const char*>(answer.values.data()), answer.values.size_bytes());
  } else {
    text += "],\"data\":[";
    for (std::size_t i = 0; i < answer.values.size(); ++i) {
      if (!std::isfinite(answer.values[i]))
        return http::error_response(500, "the model's answer is not finite, which JSON cannot hold");
      if (i != 0) text += ',';
      append_number(text, answer.values[i]);
    }
    text += "]}]}";
  }
  response.body = std::move(text);
  return response;
}

}  // namespace tributary::predictor
