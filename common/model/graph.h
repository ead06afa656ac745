// common/model/graph.h
//
// A model as data: an ONNX graph in plain structs. Graphs are values: copy, edit, check, write. The ONNX protobuf is
// met only behind onnx_format.h; executors (learn/) and optimisers (edge/) work on these structs.
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
  friend bool operator==(const Tensor&, const Tensor&) = default;
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
  friend bool operator==(const Node&, const Node&) = default;
};

// A graph input or output.
struct ValueInfo {
  std::string name;
  DType type = DType::Float32;
  // -1 = dynamic (such as the batch axis).
  std::vector<std::int64_t> shape;
  // False where a file gives an output without a shape; `shape` is empty then.
  bool has_shape = true;

  friend bool operator==(const ValueInfo&, const ValueInfo&) = default;
};

// What a model file may hold. Checked while parsing, before anything is allocated by claim.
struct GraphLimits {
  std::uint64_t max_file_bytes = (std::uint64_t{2} << 30) - 1;  // protobuf itself reads no more
  std::uint64_t max_parameters = std::uint64_t{1} << 30;        // elements over all initialisers and constants
  std::size_t max_nodes = 100'000;
  std::size_t max_rank = 8;
};

struct Graph {
  std::string name;
  std::int64_t opset = 17;
  std::vector<ValueInfo> inputs;  // without the initialisers
  std::vector<ValueInfo> outputs;
  std::vector<Node> nodes;  // each after the nodes whose outputs it uses
  std::map<std::string, Tensor> initializers;
  std::map<std::string, std::string> metadata;

  // Throws, with the source's name in front: Malformed (not ONNX, truncated, shapes and data that disagree, cycles,
  // values that nothing produces, names with control characters, what the ONNX checker finds), Unsupported (external
  // data, opset outside 9..17, an operator or type outside the closed list (named), subgraphs, functions, sparse
  // tensors) or Overloaded (over a limit). Touches no file that the model names. Nodes are put in order; a Constant
  // keeps its value as the tensor `value`, in whichever attribute the file has it; names of axes and documentation are
  // dropped.
  static Graph parse(ByteSpan onnx, std::string_view source, const GraphLimits& limits = {});
  static Graph load(const Path& path, const GraphLimits& limits = {});

  // The graph as an ONNX file; byte-identical for equal graphs, and parse() gives the graph back. Throws Malformed when
  // the graph breaks ONNX's rules, Overloaded beyond 2 GiB.
  Bytes serialize() const;
  void save(const Path& path) const;

  // The trainable float32 initialisers and batch statistics, in order of first use by a node. Trainable is a float32
  // initialiser that reaches, directly or through shape-only operators (Identity, Transpose, Reshape, Squeeze,
  // Unsqueeze, Concat, Slice, Split, Expand...), a weight or bias slot (Gemm, MatMul, Conv, normalisations, LSTM, GRU,
  // embedding Gather) or, with more than one element and finite values, an operand of Add, Sub, Mul, Div. The values
  // of Constant nodes and what goes through (De)QuantizeLinear are not; nor are names in metadata "tributary.frozen"
  // (comma-separated). State is what normalisation reads as mean and variance, and the weights of an ensemble over
  // exits (exits.h).
  // Output channels of a weight are those of the slot: axis 0 of Conv, embeddings, LSTM and GRU (with the directions),
  // the last axis of MatMul and Gemm, followed back through a transposed matrix; where a shape-only operator has moved
  // the axes otherwise, the initialiser's own first axis.
  LayoutPtr layout() const;
  // Values of the initialisers in layout() order.
  ParameterSet parameters() const;
  // Writes values back into the initialisers. Throws Malformed when the layouts differ.
  void set_parameters(const ParameterSet& parameters);
  // Gives the memory of those values back. Until set_parameters() nothing but layout() may be asked of the graph.
  void drop_parameters();

  // The input that takes examples (the first). Throws Unsupported, naming the model, when there is none.
  const ValueInfo& example_input() const;

  friend bool operator==(const Graph&, const Graph&) = default;
};

// Operators of the closed list, sorted. Everything else is refused by name.
const std::vector<std::string>& supported_operators();

}  // namespace tributary::model
