// common/edge/inspection.h
//
// What a model is made of: what `tributary-model inspect` shows.
// Functions of any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/model/graph.h"

namespace tributary::edge {

enum class TensorKind : std::uint8_t {
  Weight,           // float32 matrix or kernel, what pruning and quantisation work on
  QuantizedWeight,  // int8, the input of a DequantizeLinear without zero points or of a Cast: a weight of an edge.onnx
  Vector,           // bias, normalisation, other trainable values
  State,            // batch statistics
  Constant,         // everything else: scales, shapes, frozen values
};

// "weight", "quantized weight", "vector", "state", "constant".
std::string_view name_of(TensorKind kind);

struct TensorFacts {
  std::string name;
  std::string node, op;  // the first node that reads it; empty when none does
  TensorKind kind = TensorKind::Constant;
  model::DType type = model::DType::Float32;
  std::vector<std::int64_t> shape;
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;
  std::uint64_t zeros = 0;
};

struct Inspection {
  std::string name;
  std::int64_t opset = 0;
  std::vector<model::ValueInfo> inputs, outputs;
  std::map<std::string, std::size_t> operators;  // how often each stands in the graph
  std::vector<TensorFacts> tensors;              // the initialisers, in order of first use; unused ones at the end
  std::uint64_t parameters = 0;                  // elements of all tensors but constants
  std::uint64_t weights = 0;                     // those of weights, quantised or not
  std::uint64_t weight_zeros = 0;
  std::uint64_t tensor_bytes = 0;  // of initialisers and Constant nodes
  std::uint64_t file_bytes = 0;    // 0 when inspect() was given no file
  // Of the float32 parameters, as reports name them (model::digest_of); and of the file.
  Digest model_digest, file_digest;

  // Zeros / weights; 0 without weights.
  double sparsity() const;
};

// Reads, checks and inspects a model file. Throws what Graph::parse() throws, and Unavailable or Overloaded for a file
// that cannot be read.
Inspection inspect_file(const Path& path, const model::GraphLimits& limits = {});
Inspection inspect(const model::Graph& graph);

// For people: lines of at most about 100 columns, parameters one by one, constants as a sum. Ends with a line feed.
std::string as_table(const Inspection& inspection);
// For scripts: one JSON object with the fields of Inspection. Digests in hexadecimal; -1 in the shape of an input or
// output is a dynamic dimension, null a shape that the file leaves out.
std::string as_json(const Inspection& inspection);

}  // namespace tributary::edge
