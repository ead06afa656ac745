#include <limits>

#include <onnx/checker.h>

#include "common/base/error.h"
#include "common/model/onnx_format.h"

namespace tributary::model {

namespace onnx_format {
namespace {

constexpr std::int64_t kIrVersion = 8;

void write(const ValueInfo& value, onnx::ValueInfoProto& proto) {
  proto.set_name(value.name);
  auto* type = proto.mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx_type_of(value.type));
  if (!value.has_shape) return;
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
    onnx_format::write(value, *proto.mutable_t());
  }
};

void write(const Node& node, onnx::NodeProto& proto) {
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

// All of the graph but its initialisers.
onnx::ModelProto frame_of(const Graph& graph) {
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("tributary");
  model.add_opset_import()->set_version(graph.opset);
  for (const auto& [key, value] : graph.metadata) {
    auto* entry = model.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  onnx::GraphProto& proto = *model.mutable_graph();
  proto.set_name(graph.name.empty() ? "model" : graph.name);
  for (const ValueInfo& input : graph.inputs) write(input, *proto.add_input());
  for (const ValueInfo& output : graph.outputs) write(output, *proto.add_output());
  for (const Node& node : graph.nodes) write(node, *proto.add_node());
  return model;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

void check_sizes(const Graph& graph, const std::string& source) {
  for (const auto& [name, tensor] : graph.initializers) {
    if (checked_multiply(tensor.elements(), size_of(tensor.type), name) != tensor.data.size()) {
      fail(Error::Kind::Malformed, source + ": initialiser '" + name + "': data and shape disagree");
    }
  }
}

}  // namespace

void check_rules(const Graph& graph, const std::string& source) {
  onnx::ModelProto model = frame_of(graph);
  // To the checker an initialiser and an input are the same thing, a value that is given.
  for (const auto& [name, tensor] : graph.initializers) {
    write(ValueInfo{name, tensor.type, tensor.shape}, *model.mutable_graph()->add_input());
  }
  try {
    onnx::checker::check_model(model);
  } catch (const std::exception& problem) {
    fail(Error::Kind::Malformed, source + ": breaks a rule of ONNX: " + first_line(problem.what()));
  }
}

}  // namespace onnx_format

Bytes Graph::serialize() const {
  const std::string source = "model '" + name + "'";
  onnx_format::check_sizes(*this, source);
  onnx_format::check_rules(*this, source);
  onnx::ModelProto model = onnx_format::frame_of(*this);
  for (const auto& [tensor_name, tensor] : initializers) {
    onnx::TensorProto& proto = *model.mutable_graph()->add_initializer();
    proto.set_name(tensor_name);
    onnx_format::write(tensor, proto);
  }
  Bytes file(model.ByteSizeLong());
  if (file.size() > std::numeric_limits<int>::max()) {
    fail(Error::Kind::Overloaded,
         source + ": has " + std::to_string(file.size()) + " bytes, an ONNX file at most 2 GiB");
  }
  TRIBUTARY_CHECK(model.SerializeToArray(file.data(), static_cast<int>(file.size())));
  return file;
}

}  // namespace tributary::model
