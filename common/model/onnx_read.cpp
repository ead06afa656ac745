#include <algorithm>
#include <limits>
#include <set>

#include <google/protobuf/io/coded_stream.h>

#include "common/base/error.h"
#include "common/model/onnx_format.h"

namespace tributary::model {

namespace onnx_format {
namespace {

bool is_default(const std::string& domain) {
  return domain.empty() || domain == "ai.onnx";
}

// Reads one model and holds it against the limits. `source_` begins every message.
class Reader {
 public:
  Reader(std::string_view source, const GraphLimits& limits)
      : source_(source), limits_(limits), tensors_(source_, limits) {}

  Graph read(ByteSpan file) {
    constexpr std::uint64_t kProtobufBound = std::numeric_limits<int>::max();
    const std::uint64_t most = std::min(limits_.max_file_bytes, kProtobufBound);
    if (file.size() > most) {
      fail(Error::Kind::Overloaded, source_ + ": has " + std::to_string(file.size()) + " bytes, at most " +
                                        std::to_string(most) + " are allowed for a model");
    }
    scan(file, source_, limits_);
    onnx::ModelProto model;
    google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(file.data()),
                                              static_cast<int>(file.size()));
    in.SetTotalBytesLimit(std::numeric_limits<int>::max());
    if (!model.ParseFromCodedStream(&in) || !model.has_graph()) malformed("not an ONNX model, or a truncated one");
    Graph graph = read_model(model);
    order_nodes(graph, source_);
    check_rules(graph, source_);
    return graph;
  }

 private:
  [[noreturn]] void malformed(const std::string& why) const { fail(Error::Kind::Malformed, source_ + ": " + why); }
  [[noreturn]] void unsupported(const std::string& why) const { fail(Error::Kind::Unsupported, source_ + ": " + why); }

  // Every text that may later stand in a message: printable, on one line, of a length that can be read.
  const std::string& checked(const std::string& text) const {
    constexpr std::size_t kLongest = 1024;
    if (text.size() > kLongest) malformed("a name has " + std::to_string(text.size()) + " characters, at most 1024");
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) malformed("a name holds control characters");
    }
    return text;
  }

  Graph read_model(onnx::ModelProto& model) {
    Graph graph;
    graph.opset = read_opset(model);
    for (const auto& entry : model.metadata_props()) {
      if (!graph.metadata.emplace(checked(entry.key()), entry.value()).second) {
        malformed("metadata '" + entry.key() + "' stands twice");
      }
    }
    onnx::GraphProto& proto = *model.mutable_graph();
    graph.name = checked(proto.name());
    for (onnx::TensorProto& tensor : *proto.mutable_initializer()) read_initializer(tensor, graph);
    for (const auto& value : proto.input()) {
      if (!graph.initializers.contains(value.name())) graph.inputs.push_back(read_input(value));
    }
    for (const auto& value : proto.output()) graph.outputs.push_back(read_value(value));
    if (graph.outputs.empty()) malformed("the model has no output");
    graph.nodes.reserve(static_cast<std::size_t>(proto.node_size()));
    for (onnx::NodeProto& node : *proto.mutable_node()) graph.nodes.push_back(read_node(node));
    return graph;
  }

  std::int64_t read_opset(const onnx::ModelProto& model) const {
    std::set<std::int64_t> opsets;
    for (const auto& import : model.opset_import()) {
      if (is_default(import.domain())) opsets.insert(import.version());
    }
    if (opsets.size() != 1) malformed("must name one opset of ONNX, but names " + std::to_string(opsets.size()));
    const std::int64_t opset = *opsets.begin();
    if (opset < kOldestOpset || opset > kNewestOpset) {
      unsupported("has opset " + std::to_string(opset) + "; export it with an opset from 9 to 17");
    }
    return opset;
  }

  void read_initializer(onnx::TensorProto& proto, Graph& graph) {
    const std::string& name = checked(proto.name());
    if (name.empty()) malformed("an initialiser has no name");
    if (!graph.initializers.emplace(name, tensors_.read(proto, "initialiser '" + name + "'")).second) {
      malformed("initialiser '" + name + "' stands twice");
    }
  }

  ValueInfo read_value(const onnx::ValueInfoProto& proto) const {
    const std::string what = "value '" + checked(proto.name()) + "'";
    const onnx::TypeProto_Tensor& type = proto.type().tensor_type();
    if (!proto.type().has_tensor_type()) malformed(what + " of the model has no type");
    ValueInfo value{proto.name(), dtype_of(type.elem_type(), source_ + ": " + what), {}, type.has_shape()};
    if (static_cast<std::size_t>(type.shape().dim_size()) > limits_.max_rank) {
      fail(Error::Kind::Overloaded,
           source_ + ": " + what + " has more than " + std::to_string(limits_.max_rank) + " dimensions");
    }
    // Some exporters write 0 or -1 for what is open.
    for (const auto& dimension : type.shape().dim()) {
      value.shape.push_back(dimension.dim_value() > 0 ? dimension.dim_value() : -1);
    }
    return value;
  }

  ValueInfo read_input(const onnx::ValueInfoProto& proto) const {
    ValueInfo value = read_value(proto);
    if (!value.has_shape) unsupported("input '" + value.name + "' has no shape; export the model with one");
    std::uint64_t elements = 1;
    for (const std::int64_t dimension : value.shape) {
      if (dimension > 0) elements = checked_multiply(elements, static_cast<std::uint64_t>(dimension), source_);
    }
    if (elements > limits_.max_parameters) {
      fail(Error::Kind::Overloaded, source_ + ": input '" + value.name + "' takes " + std::to_string(elements) +
                                        " values, at most " + std::to_string(limits_.max_parameters));
    }
    return value;
  }

  Node read_node(onnx::NodeProto& proto) {
    Node node;
    node.op = checked(proto.op_type());
    for (const std::string& input : proto.input()) node.inputs.push_back(checked(input));
    for (const std::string& output : proto.output()) node.outputs.push_back(checked(output));
    node.name = proto.name().empty() && !node.outputs.empty() ? node.outputs.front() : checked(proto.name());
    const bool ours = is_default(proto.domain());
    const auto& known = supported_operators();
    if (!ours || !std::binary_search(known.begin(), known.end(), node.op)) {
      unsupported("operator " + (ours ? node.op : checked(proto.domain()) + "." + node.op) + " (node '" + node.name +
                  "') is not supported");
    }
    for (auto& attribute : *proto.mutable_attribute()) {
      if (!node.attributes.emplace(checked(attribute.name()), read_attribute(attribute, node)).second) {
        malformed("node '" + node.name + "': attribute " + attribute.name() + " stands twice");
      }
    }
    if (node.op == "Constant") unify_constant(node);
    return node;
  }

  Attribute read_attribute(onnx::AttributeProto& proto, const Node& node) {
    const std::string what = "attribute " + proto.name() + " of node '" + node.name + "' (" + node.op + ")";
    switch (proto.type()) {
      case onnx::AttributeProto::INT:
        return std::int64_t{proto.i()};
      case onnx::AttributeProto::FLOAT:
        return proto.f();
      case onnx::AttributeProto::STRING:
        return checked(proto.s());
      case onnx::AttributeProto::INTS:
        return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
      case onnx::AttributeProto::FLOATS:
        return std::vector<float>(proto.floats().begin(), proto.floats().end());
      case onnx::AttributeProto::STRINGS: {
        std::vector<std::string> texts;
        for (const std::string& text : proto.strings()) texts.push_back(checked(text));
        return texts;
      }
      case onnx::AttributeProto::TENSOR:
        return tensors_.read(*proto.mutable_t(), what);
      case onnx::AttributeProto::GRAPH:
      case onnx::AttributeProto::GRAPHS:
        unsupported(what + " is a graph; control flow is not supported");
      default:
        unsupported(what + " has a type that is not supported");
    }
  }

  // A Constant may carry a tensor, a number or a list of numbers; all become the tensor.
  void unify_constant(Node& node) const {
    if (node.attributes.size() != 1) malformed("node '" + node.name + "' (Constant) must have exactly one value");
    const auto& [name, given] = *node.attributes.begin();
    Attribute value = given;
    if (const auto* number = std::get_if<float>(&given)) {
      value = Tensor::floats({}, std::span(number, 1));
    } else if (const auto* integer = std::get_if<std::int64_t>(&given)) {
      value = Tensor::ints({}, std::span(integer, 1));
    } else if (const auto* numbers = std::get_if<std::vector<float>>(&given)) {
      value = Tensor::floats({static_cast<std::int64_t>(numbers->size())}, *numbers);
    } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&given)) {
      value = Tensor::ints({static_cast<std::int64_t>(integers->size())}, *integers);
    } else if (!std::holds_alternative<Tensor>(given)) {
      unsupported("node '" + node.name + "' (Constant): " + name + " is text, which is not supported");
    }
    node.attributes = {{"value", std::move(value)}};
  }

  std::string source_;
  const GraphLimits& limits_;
  TensorReader tensors_;
};

}  // namespace
}  // namespace onnx_format

Graph Graph::parse(ByteSpan onnx, std::string_view source, const GraphLimits& limits) {
  return onnx_format::Reader(source, limits).read(onnx);
}

}  // namespace tributary::model
