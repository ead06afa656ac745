// common/model/onnx_format.h
//
// What the sources that meet the ONNX protobuf share: the way from bytes to a Graph (onnx_scan, onnx_read) and back
// (onnx_write), and tensors both ways (onnx_tensors). Private to the room: no other header includes this one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <onnx/onnx_pb.h>

#include "common/model/graph.h"

namespace tributary::model::onnx_format {

constexpr std::int64_t kOldestOpset = 9;
constexpr std::int64_t kNewestOpset = 17;

// Walks over the bytes of a model file before protobuf builds objects from them, since a field of two bytes can become
// an object of a hundred. Throws Overloaded (too many nodes or fields), Unsupported (functions, sparse tensors,
// training graphs, values that are no tensors) or Malformed (no protobuf), each beginning with `source`.
void scan(ByteSpan file, std::string_view source, const GraphLimits& limits);

// Throws Unsupported, beginning with `where`, for a type outside the list.
DType dtype_of(int onnx_type, const std::string& where);
int onnx_type_of(DType type);

// Reads the tensors of one file, holding their sum against the limits.
class TensorReader {
 public:
  TensorReader(std::string source, const GraphLimits& limits) : source_(std::move(source)), limits_(limits) {}

  // Throws Malformed, Unsupported or Overloaded, naming source and `what`. The tensor's data leave `proto`.
  Tensor read(onnx::TensorProto& proto, const std::string& what);

 private:
  // The shape, held against the limits, and the number of elements.
  std::uint64_t read_shape(const onnx::TensorProto& proto, const std::string& what, Tensor& tensor);

  std::string source_;
  const GraphLimits& limits_;
  std::uint64_t total_ = 0;
};

void write(const Tensor& tensor, onnx::TensorProto& proto);

// What order_nodes() and check_rules() find wrong begins with `source`.

// Puts each node after those whose outputs it uses, in the given order where possible. Throws Malformed: a value that
// is produced twice or by nothing, a cycle.
void order_nodes(Graph& graph, const std::string& source);

// Runs the ONNX checker over the graph as we would write it (initialisers by type and shape only, so they are not
// copied). Throws Malformed.
void check_rules(const Graph& graph, const std::string& source);

}  // namespace tributary::model::onnx_format
