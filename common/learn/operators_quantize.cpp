// QuantizeLinear and DequantizeLinear: per tensor, or per slice of an axis.

#include <limits>

#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

// A scale or zero point of one element for each slice of `axis`, shaped so that it broadcasts over `like`.
at::Tensor along(const at::Tensor& values, const at::Tensor& like, std::int64_t axis, const std::string& name) {
  if (values.numel() == 1) return values.reshape({});
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  axis = from_front(axis, like.dim(), name);
  if (values.numel() != like.size(axis))
    fail(Error::Kind::Malformed, name + ": scale and input differ in length along axis " + std::to_string(axis));
  shape[static_cast<std::size_t>(axis)] = values.numel();
  return values.reshape(shape);
}

Kernel quantize(const Setup& setup) {
  return [axis = setup.node.integer("axis", 1), name = label(setup.node)](const Call& call) -> Outputs {
    const at::ScalarType type = call.has(2) ? call[2].scalar_type() : at::kByte;
    if (type != at::kByte && type != at::kChar)
      fail(Error::Kind::Unsupported, "unsupported: " + name + ": a type other than int8 and uint8");
    const bool is_signed = type == at::kChar;
    at::Tensor y = at::round(call[0].to(at::kFloat) / along(call[1], call[0], axis, name));
    if (call.has(2)) y = y + along(call[2], call[0], axis, name).to(at::kFloat);
    return {y.clamp(is_signed ? -128 : 0, is_signed ? 127 : 255).to(type)};
  };
}

Kernel dequantize(const Setup& setup) {
  return [axis = setup.node.integer("axis", 1), name = label(setup.node)](const Call& call) -> Outputs {
    at::Tensor x = call[0];
    if (call.has(2)) x = x.to(at::kInt) - along(call[2], x, axis, name).to(at::kInt);
    return {x.to(at::kFloat) * along(call[1], x, axis, name)};
  };
}

}  // namespace

void add_quantization(OperatorTable& table) {
  table.insert({{"DequantizeLinear", dequantize}, {"QuantizeLinear", quantize}});
}

}  // namespace tributary::learn
