// ONNX protobuf <-> Graph. The only source that meets the protobuf and the ONNX checker.
#include <algorithm>
#include <limits>
#include <set>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/model/graph.h"

namespace tributary::model {

namespace {

constexpr std::int64_t kOldestOpset = 9;
constexpr std::int64_t kNewestOpset = 17;
constexpr std::int64_t kIrVersion = 8;

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

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
      break;
  }
  fail(Error::Kind::Unsupported,
       where + ": element type " + std::to_string(onnx_type) + " is not supported; export the model in float32");
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

// Reads one model and holds it against the limits. `source_` begins every message.
class Reader {
 public:
  Reader(std::string_view source, const GraphLimits& limits) : source_(source), limits_(limits) {}

  Graph read(ByteSpan bytes) {
    if (bytes.size() > limits_.max_file_bytes || bytes.size() > std::numeric_limits<int>::max()) {
      fail(Error::Kind::Overloaded,
           source_ + ": " + std::to_string(bytes.size()) + " bytes are more than a model file may hold");
    }
    onnx::ModelProto model;
    google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
    google::protobuf::io::CodedInputStream coded(&stream);
    coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
    if (!model.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage() || !model.has_graph()) {
      malformed("not an ONNX model, or a truncated one");
    }
    Graph graph;
    read_model(model, graph);
    check(model);
    return graph;
  }

 private:
  [[noreturn]] void malformed(const std::string& why) const { fail(Error::Kind::Malformed, source_ + ": " + why); }
  [[noreturn]] void unsupported(const std::string& why) const { fail(Error::Kind::Unsupported, source_ + ": " + why); }

  void read_model(const onnx::ModelProto& model, Graph& graph) {
    if (model.functions_size() != 0) unsupported("model functions are not supported; export without them");
    graph.opset = 0;
    for (const auto& import : model.opset_import()) {
      if (import.domain().empty() || import.domain() == "ai.onnx") graph.opset = import.version();
    }
    if (graph.opset < kOldestOpset || graph.opset > kNewestOpset) {
      unsupported("opset " + std::to_string(graph.opset) + "; export with opset 9 to 17");
    }
    for (const auto& entry : model.metadata_props()) graph.metadata[entry.key()] = entry.value();
    const onnx::GraphProto& proto = model.graph();
    graph.name = proto.name();
    if (proto.sparse_initializer_size() != 0) unsupported("sparse initialisers are not supported");
    for (const auto& tensor : proto.initializer()) {
      if (tensor.name().empty()) malformed("an initialiser has no name");
      if (!graph.initializers.emplace(tensor.name(), read_tensor(tensor, "initialiser '" + tensor.name() + "'"))
               .second) {
        malformed("initialiser '" + tensor.name() + "' stands twice");
      }
    }
    for (const auto& value : proto.input()) {
      if (!graph.initializers.contains(value.name())) graph.inputs.push_back(read_value(value));
    }
    for (const auto& value : proto.output()) graph.outputs.push_back(read_value(value));
    if (graph.outputs.empty()) malformed("the model has no output");
    if (static_cast<std::size_t>(proto.node_size()) > limits_.max_nodes) {
      fail(Error::Kind::Overloaded, source_ + ": " + std::to_string(proto.node_size()) + " nodes, at most " +
                                        std::to_string(limits_.max_nodes) + " allowed");
    }
    for (const auto& node : proto.node()) graph.nodes.push_back(read_node(node));
    sort_nodes(graph);
  }

  void check(const onnx::ModelProto& model) const {
    try {
      onnx::checker::check_model(model);
    } catch (const std::exception& problem) {
      malformed("the ONNX checker says: " + first_line(problem.what()));
    }
  }

  Tensor read_tensor(const onnx::TensorProto& proto, const std::string& what) {
    if (proto.data_location() == onnx::TensorProto::EXTERNAL || proto.external_data_size() != 0) {
      unsupported(what + " refers to external data; save the model in one file");
    }
    if (proto.has_segment()) unsupported(what + " is stored in segments");
    Tensor tensor{dtype_of(proto.data_type(), source_ + ": " + what), {}, {}};
    if (static_cast<std::size_t>(proto.dims_size()) > limits_.max_rank)
      malformed(what + " has more than " + std::to_string(limits_.max_rank) + " dimensions");
    for (const std::int64_t dimension : proto.dims()) {
      if (dimension < 0) malformed(what + " has a negative dimension");
      tensor.shape.push_back(dimension);
    }
    const std::uint64_t count = tensor.elements();
    total_ = checked_add(total_, count, source_);
    if (total_ > limits_.max_parameters) {
      fail(Error::Kind::Overloaded, source_ + ": more than " + std::to_string(limits_.max_parameters) + " parameters");
    }
    if (proto.has_raw_data()) {
      if (proto.raw_data().size() != checked_multiply(count, size_of(tensor.type), source_))
        malformed(what + ": data and shape disagree");
      tensor.data = to_bytes(proto.raw_data());
      return tensor;
    }
    switch (tensor.type) {
      case DType::Float32:
        take<float>(tensor, proto.float_data(), count, what);
        break;
      case DType::Float64:
        take<double>(tensor, proto.double_data(), count, what);
        break;
      case DType::Int64:
        take<std::int64_t>(tensor, proto.int64_data(), count, what);
        break;
      case DType::Int32:
        take<std::int32_t>(tensor, proto.int32_data(), count, what);
        break;
      case DType::Int8:
        take<std::int8_t>(tensor, proto.int32_data(), count, what);
        break;
      case DType::UInt8:
      case DType::Bool:
        take<std::uint8_t>(tensor, proto.int32_data(), count, what);
        break;
    }
    return tensor;
  }

  template <class T, class Field>
  void take(Tensor& tensor, const Field& field, std::uint64_t count, const std::string& what) const {
    if (static_cast<std::uint64_t>(field.size()) != count) malformed(what + ": data and shape disagree");
    tensor.data.resize(count * sizeof(T));
    std::transform(field.begin(), field.end(), tensor.as<T>().begin(),
                   [](auto value) { return static_cast<T>(value); });
  }

  ValueInfo read_value(const onnx::ValueInfoProto& proto) const {
    const std::string where = source_ + ": value '" + proto.name() + "'";
    if (!proto.type().has_tensor_type()) unsupported("value '" + proto.name() + "' is not a tensor");
    ValueInfo value{proto.name(), dtype_of(proto.type().tensor_type().elem_type(), where), {}};
    for (const auto& dimension : proto.type().tensor_type().shape().dim()) {
      value.shape.push_back(dimension.has_dim_value() ? dimension.dim_value() : -1);
    }
    if (value.shape.size() > limits_.max_rank)
      malformed("value '" + proto.name() + "' has more than " + std::to_string(limits_.max_rank) + " dimensions");
    return value;
  }

  Node read_node(const onnx::NodeProto& proto) {
    Node node;
    node.op = proto.op_type();
    node.name = proto.name().empty() && proto.output_size() > 0 ? proto.output(0) : proto.name();
    const bool ours = proto.domain().empty() || proto.domain() == "ai.onnx";
    const auto& known = supported_operators();
    if (!ours || !std::binary_search(known.begin(), known.end(), node.op)) {
      unsupported("operator " + (ours ? "" : proto.domain() + "::") + node.op + " (node '" + node.name +
                  "') is not supported");
    }
    node.inputs.assign(proto.input().begin(), proto.input().end());
    node.outputs.assign(proto.output().begin(), proto.output().end());
    for (const auto& attribute : proto.attribute())
      node.attributes.emplace(attribute.name(), read_attribute(attribute, node));
    return node;
  }

  Attribute read_attribute(const onnx::AttributeProto& proto, const Node& node) {
    switch (proto.type()) {
      case onnx::AttributeProto::INT:
        return static_cast<std::int64_t>(proto.i());
      case onnx::AttributeProto::FLOAT:
        return proto.f();
      case onnx::AttributeProto::STRING:
        return proto.s();
      case onnx::AttributeProto::INTS:
        return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
      case onnx::AttributeProto::FLOATS:
        return std::vector<float>(proto.floats().begin(), proto.floats().end());
      case onnx::AttributeProto::STRINGS:
        return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
      case onnx::AttributeProto::TENSOR:
        return read_tensor(proto.t(), "attribute " + proto.name() + " of node '" + node.name + "'");
      default:
        break;
    }
    unsupported("node '" + node.name + "': attribute " + proto.name() + " is a graph or of another unsupported type");
  }

  // Puts each node after those whose outputs it uses (Kahn's method; keeps the file's order where it can).
  void sort_nodes(Graph& graph) const {
    std::map<std::string, std::size_t> producer;
    std::set<std::string> given;
    for (const ValueInfo& input : graph.inputs) given.insert(input.name);
    for (const auto& [name, tensor] : graph.initializers) given.insert(name);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const std::string& output : graph.nodes[i].outputs) {
        if (output.empty()) continue;
        if (given.contains(output) || !producer.emplace(output, i).second)
          malformed("value '" + output + "' is produced twice");
      }
    }
    std::vector<std::vector<std::size_t>> users(graph.nodes.size());
    std::vector<std::size_t> waiting(graph.nodes.size());
    std::set<std::size_t> ready;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const std::string& input : graph.nodes[i].inputs) {
        if (input.empty() || given.contains(input)) continue;
        const auto found = producer.find(input);
        if (found == producer.end())
          malformed("node '" + graph.nodes[i].name + "' uses '" + input + "', which nothing produces");
        users[found->second].push_back(i);
        ++waiting[i];
      }
      if (waiting[i] == 0) ready.insert(i);
    }
    for (const ValueInfo& output : graph.outputs) {
      if (!producer.contains(output.name) && !given.contains(output.name))
        malformed("output '" + output.name + "' is produced by nothing");
    }
    std::vector<Node> sorted;
    while (!ready.empty()) {
      const std::size_t next = *ready.begin();
      ready.erase(ready.begin());
      sorted.push_back(std::move(graph.nodes[next]));
      for (const std::size_t user : users[next]) {
        if (--waiting[user] == 0) ready.insert(user);
      }
    }
    if (sorted.size() != graph.nodes.size()) malformed("the nodes form a cycle");
    graph.nodes = std::move(sorted);
  }

  std::string source_;
  const GraphLimits& limits_;
  std::uint64_t total_ = 0;
};

void write_tensor(const Tensor& tensor, onnx::TensorProto& proto) {
  proto.set_data_type(onnx_type_of(tensor.type));
  for (const std::int64_t dimension : tensor.shape) proto.add_dims(dimension);
  proto.set_raw_data(tensor.data.data(), tensor.data.size());
}

void write_value(const ValueInfo& value, onnx::ValueInfoProto& proto) {
  proto.set_name(value.name);
  auto* type = proto.mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx_type_of(value.type));
  auto* shape = type->mutable_shape();
  for (std::size_t i = 0; i < value.shape.size(); ++i) {
    auto* dimension = shape->add_dim();
    if (value.shape[i] >= 0) {
      dimension->set_dim_value(value.shape[i]);
    } else {
      dimension->set_dim_param(i == 0 ? "batch" : value.name + "_" + std::to_string(i));
    }
  }
}

struct AttributeWriter {
  onnx::AttributeProto& proto;
  void operator()(std::int64_t value) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(value);
  }
  void operator()(float value) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(value);
  }
  void operator()(const std::string& value) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(value);
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) proto.add_ints(value);
  }
  void operator()(const std::vector<float>& values) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    for (const float value : values) proto.add_floats(value);
  }
  void operator()(const std::vector<std::string>& values) const {
    proto.set_type(onnx::AttributeProto::STRINGS);
    for (const std::string& value : values) proto.add_strings(value);
  }
  void operator()(const Tensor& value) const {
    proto.set_type(onnx::AttributeProto::TENSOR);
    write_tensor(value, *proto.mutable_t());
  }
};

void write_node(const Node& node, onnx::NodeProto& proto) {
  proto.set_name(node.name);
  proto.set_op_type(node.op);
  for (const std::string& input : node.inputs) proto.add_input(input);
  for (const std::string& output : node.outputs) proto.add_output(output);
  for (const auto& [name, attribute] : node.attributes) {
    onnx::AttributeProto& written = *proto.add_attribute();
    written.set_name(name);
    std::visit(AttributeWriter{written}, attribute);
  }
}

}  // namespace

Graph Graph::parse(ByteSpan onnx, std::string_view source, const GraphLimits& limits) {
  return Reader(source, limits).read(onnx);
}

Bytes Graph::serialize() const {
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("tributary");
  model.add_opset_import()->set_version(opset);
  for (const auto& [key, value] : metadata) {
    auto* entry = model.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name(name.empty() ? "model" : name);
  for (const ValueInfo& input : inputs) write_value(input, *graph.add_input());
  for (const ValueInfo& output : outputs) write_value(output, *graph.add_output());
  for (const Node& node : nodes) write_node(node, *graph.add_node());
  for (const auto& [tensor_name, tensor] : initializers) {
    onnx::TensorProto& proto = *graph.add_initializer();
    proto.set_name(tensor_name);
    write_tensor(tensor, proto);
  }
  try {
    onnx::checker::check_model(model);
  } catch (const std::exception& problem) {
    fail(Error::Kind::Malformed, "model '" + name + "' breaks ONNX's rules: " + first_line(problem.what()));
  }
  std::string text;
  if (!model.SerializeToString(&text))
    fail(Error::Kind::Overloaded, "model '" + name + "' is larger than an ONNX file can be (2 GiB)");
  return to_bytes(text);
}

}  // namespace tributary::model
