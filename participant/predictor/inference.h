// participant/predictor/inference.h
//
// Requests and answers of the Open Inference Protocol, version 2, in JSON and with the binary tensor extension. Pure;
// any thread.
//
//   body := JSON                                            without the field Inference-Header-Content-Length
//         | JSON (as many bytes as that field says) tensor  with it; tensor: little-endian, row-major
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/message.h"
#include "common/model/graph.h"

namespace tributary::predictor {

inline constexpr std::string_view kHeaderLengthField = "Inference-Header-Content-Length";

// "FP32", "INT64", ...: the protocol's name of a type.
std::string_view datatype_of(model::DType type);

struct InferenceRequest {
  std::string id;
  std::string input, datatype;
  std::vector<std::int64_t> shape;  // the first axis is the batch
  std::vector<float> values;
  std::optional<std::string> output;  // the one asked for
  bool binary_output = false;

  std::size_t examples() const { return shape.empty() ? 0 : static_cast<std::size_t>(shape.front()); }
};

// `header_length`: the value of kHeaderLengthField, or null. Throws Malformed: bad JSON, a tensor that is not as long
// as its shape says, values that are not finite or that float32 does not hold exactly (integers), more inputs or
// outputs than one; Unsupported: a datatype that is not a number.
InferenceRequest parse_inference(std::string_view body, const std::string* header_length);

struct InferenceAnswer {
  std::string_view model, version, output;
  std::span<const float> values;
  std::span<const std::int64_t> shape;
};

// Numbers in JSON are the shortest that read back to the same bits. An answer that JSON cannot hold (inf, nan) is a
// 500.
http::Response write_inference(const InferenceRequest& request, const InferenceAnswer& answer);

}  // namespace tributary::predictor
