#include "common/learn/operators.h"

#include <algorithm>

namespace tributary::learn {

const at::Tensor& Call::operator[](std::size_t i) const {
  static const at::Tensor left_out;
  return has(i) ? values_[static_cast<std::size_t>(inputs_[i])] : left_out;
}

const OperatorTable& operators() {
  static const OperatorTable table = [] {
    OperatorTable t;
    add_pointwise(t);
    add_shapes(t);
    add_indexing(t);
    add_reductions(t);
    add_layers(t);
    add_windows(t);
    add_recurrent(t);
    add_quantization(t);
    add_int8(t);
    return t;
  }();
  return table;
}

Factory find_operator(const model::Node& node) {
  const auto found = operators().find(node.op);
  if (found == operators().end()) unsupported(node, "this operator cannot be run");
  return found->second;
}

std::string label(const model::Node& node) {
  const std::string& name = node.name.empty() && !node.outputs.empty() ? node.outputs.front() : node.name;
  return "node '" + name + "' (" + node.op + ")";
}

void unsupported(const model::Node& node, std::string_view what) {
  fail(Error::Kind::Unsupported, "unsupported: " + label(node) + ": " + std::string(what));
}

void malformed(const model::Node& node, std::string_view what) {
  fail(Error::Kind::Malformed, label(node) + ": " + std::string(what));
}

std::vector<std::int64_t> integers_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kLong).contiguous();
  const auto* data = flat.data_ptr<std::int64_t>();
  return {data, data + flat.numel()};
}

std::int64_t from_front(std::int64_t axis, std::int64_t rank, std::string_view what) {
  if (axis < -rank || axis >= rank)
    fail(Error::Kind::Malformed,
         std::string(what) + ": axis " + std::to_string(axis) + " is outside a tensor of rank " + std::to_string(rank));
  return axis < 0 ? axis + rank : axis;
}

void check_size(at::IntArrayRef shape, std::string_view what) {
  constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 28;
  std::uint64_t elements = 1;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) fail(Error::Kind::Malformed, std::string(what) + ": a dimension is negative");
    elements = checked_multiply(elements, static_cast<std::uint64_t>(dimension), what);
    if (elements > kMaxElements)
      fail(Error::Kind::Overloaded, std::string(what) + ": asks for a tensor of more than 2^28 elements");
  }
}

std::function<std::vector<std::int64_t>(const Call&)> attribute_or_input(const Setup& setup, std::string_view name,
                                                                         std::int64_t opset, std::size_t input) {
  if (setup.opset < opset) return [list = setup.node.integers(name, {})](const Call&) { return list; };
  return [input](const Call& call) { return call.has(input) ? integers_of(call[input]) : std::vector<std::int64_t>{}; };
}

}  // namespace tributary::learn
