// common/model/graph.h
//
// A model as data: an ONNX graph in plain structs. Graphs are values: copy, edit, check, write. The ONNX protobuf is
// met only in onnx_format.cpp; executors (learn/) and optimisers (edge/) work on these structs.
// A graph belongs to one thread while it is edited; a const graph to any number.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/files.h"
#include "common/model/parameters.h"

namespace tributary::model {

enum class DType : std::uint8_t { Float32, Float64, Int64, Int32, Int8, UInt8, Bool };

std::size_t size_of(DType type);
std::string_view name_of(DType type);

struct Tensor {
  DType type = DType::Float32;
  std::vector<std::int64_t> shape;  // empty: a scalar
  Bytes data;                       // row-major, little-endian

  std::uint64_t elements() const;
  template <class T>
  std::span<const T> as() const {  // REQUIRES: sizeof(T) is the element's size
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data.data()), data.size() / sizeof(T)};
  }
  static Tensor floats(std::vector<std::int64_t> shape, std::span<const float> values);
  static Tensor ints(std::vector<std::int64_t> shape, std::span<const std::int64_t> values);
};

using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor>;

struct Node {
  std::string name;
  std::string op;                    // ONNX operator of the default domain: "Gemm", "Conv", ...
  std::vector<std::string> inputs;   // value names; empty text = optional input left out
  std::vector<std::string> outputs;  // value names; empty text = optional output left out
  std::map<std::string, Attribute> attributes;

  // The attribute, or `fallback` when absent. Throws Malformed, naming node and attribute, when its type differs.
  std::int64_t integer(std::string_view attribute, std::int64_t fallback) const;
  float real(std::string_view attribute, float fallback) const;
  std::string text(std::string_view attribute, std::string_view fallback) const;
  std::vector<std::int64_t> integers(std::string_view attribute, std::vector<std::int64_t> fallback) const;
  const Attribute* find(std::string_view attribute) const;
};

// A graph input or output.
struct ValueInfo {
  std::string name;
  DType type = DType::Float32;
  // -1 = dynamic (such as the batch axis).
  std::vector<std::int64_t> shape;
};

// What a model file may hold. Checked while parsing, before anything is allocated by claim.
struct GraphLimits {
  std::uint64_t max_file_bytes = std::uint64_t{4} << 30;
  std::uint64_t max_parameters = std::uint64_t{1} << 30;  // elements over all initialisers
  std::size_t max_nodes = 100'000;
  std::size_t max_rank = 8;
};

struct Graph {
  std::string name;
  std::int64_t opset = 17;
  std::vector<ValueInfo> inputs;   // without the initialisers
  std::vector<ValueInfo> outputs;
  std::vector<Node> nodes;         // each after the nodes whose outputs it uses
  std::map<std::string, Tensor> initializers;
  std::map<std::string, std::string> metadata;

  // Throws Malformed or Unsupported with the source's name: not ONNX, truncated, over a limit, external data, opset
  // outside 9..17, an operator or type outside the closed list (named), subgraphs, functions, sparse tensors, cycles,
  // values that nothing produces, ONNX checker complaints.
  static Graph parse(ByteSpan onnx, std::string_view source, const GraphLimits& limits = {});
  static Graph load(const Path& path, const GraphLimits& limits = {});

  // The graph as an ONNX file; byte-identical for equal graphs. Throws Malformed when the graph breaks ONNX's rules.
  Bytes serialize() const;
  void save(const Path& path) const;

  // The trainable float32 initialisers and batch statistics, in order of first use by a node. Trainable is a float32
  // initialiser that reaches, directly or through shape-only operators (Identity, Transpose, Reshape, Squeeze,
  // Unsqueeze, Concat, Slice, Split, Expand...), a weight or bias slot (Gemm, MatMul, Conv, normalisations, LSTM, GRU,
  // embedding Gather) or, with more than one element and finite values, an operand of Add, Sub, Mul, Div. Names in
  // metadata "tributary.frozen" (comma-separated) are left out.
  LayoutPtr layout() const;
  // Values of the initialisers in layout() order.
  ParameterSet parameters() const;
  // Writes values back into the initialisers. Throws Malformed when the layouts differ.
  void set_parameters(const ParameterSet& parameters);

  // The input that takes examples (the first), and its dimensions after the batch axis. Throws Unsupported, naming
  // the model, when there is no input or a dimension other than the first is dynamic and `allow_dynamic` is false.
  const ValueInfo& example_input() const;
};

// Operators of the closed list, sorted. Everything else is refused by name.
const std::vector<std::string>& supported_operators();

}  // namespace tributary::model
