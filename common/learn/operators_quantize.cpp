// QuantizeLinear and DequantizeLinear, per tensor or per slice of an axis; DynamicQuantizeLinear.
//
// In training, what is quantised stays float and rounding passes its gradient straight through (Bengio et al. 2013);
// what is clipped has none. So a graph that quantises its activations trains as quantisation-aware training does (Jacob
// et al. 2018).

#include <algorithm>
#include <cmath>

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

// round() whose derivative is 1.
at::Tensor straight_through(const at::Tensor& x) {
  return x + (at::round(x) - x).detach();
}

// Clamped before it is rounded, so that adding and taking away 1.5 * 2^23 rounds to the nearest even integer.
void to_levels(const float* x, std::uint8_t* y, std::int64_t count, float scale, float zero) {
  constexpr float kRounder = 12582912.0f;
  const float low = -zero, high = 255.0f - zero;
  for (std::int64_t i = 0; i < count; ++i) {
    const float value = std::min(std::max(x[i] / scale, low), high);
    y[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>((value + kRounder) - kRounder + zero));
  }
}

// One scale, float32 to uint8, with no gradient wanted.
bool is_plain(const Call& call) {
  return !call.run().training && call[0].scalar_type() == at::kFloat && call[1].numel() == 1 && call.has(2) &&
         call[2].numel() == 1 && call[2].scalar_type() == at::kByte && call[1].scalar_type() == at::kFloat;
}

Kernel quantize(const Setup& setup) {
  return [axis = setup.node.integer("axis", 1), name = label(setup.node)](const Call& call) -> Outputs {
    const at::ScalarType type = call.has(2) ? call[2].scalar_type() : at::kByte;
    if (type != at::kByte && type != at::kChar)
      fail(Error::Kind::Unsupported, "unsupported: " + name + ": a type other than int8 and uint8");
    if (is_plain(call))
      return {quantize_to_bytes(call[0], *call[1].data_ptr<float>(), *call[2].data_ptr<std::uint8_t>())};
    const bool is_signed = type == at::kChar;
    const at::Tensor scaled = call[0].to(at::kFloat) / along(call[1], call[0], axis, name);
    at::Tensor y = call.run().training ? straight_through(scaled) : at::round(scaled);
    if (call.has(2)) y = y + along(call[2], call[0], axis, name).to(at::kFloat);
    y = y.clamp(is_signed ? -128 : 0, is_signed ? 127 : 255);
    return {call.run().training ? y : y.to(type)};
  };
}

Kernel dequantize(const Setup& setup) {
  return [axis = setup.node.integer("axis", 1), name = label(setup.node)](const Call& call) -> Outputs {
    at::Tensor x = call[0];
    if (call.has(2) && x.is_floating_point()) {
      x = x - along(call[2], x, axis, name).to(x.scalar_type());
    } else if (call.has(2)) {
      x = x.to(at::kInt) - along(call[2], x, axis, name).to(at::kInt);
    }
    return {x.to(at::kFloat) * along(call[1], x, axis, name)};
  };
}

// uint8 levels that cover the values and 0, as ONNX defines it.
Kernel dynamic_quantize(const Setup&) {
  return [](const Call& call) -> Outputs {
    const at::Tensor x = call[0].detach();
    const float low = std::min(0.0f, x.numel() == 0 ? 0.0f : x.min().item().toFloat());
    const float high = std::max(0.0f, x.numel() == 0 ? 0.0f : x.max().item().toFloat());
    const float scale = high == low ? 1.0f : (high - low) / 255.0f;
    const float zero = std::clamp(std::nearbyint(-low / scale), 0.0f, 255.0f);
    const at::Tensor scaled = call[0] / scale;
    const bool training = call.run().training;
    const at::Tensor y = ((training ? straight_through(scaled) : at::round(scaled)) + zero).clamp(0, 255);
    return {training ? y : y.to(at::kByte), at::scalar_tensor(scale, at::kFloat), at::scalar_tensor(zero, at::kByte)};
  };
}

}  // namespace

at::Tensor quantize_to_bytes(const at::Tensor& x, float scale, float zero) {
  const auto format = x.suggest_memory_format();
  const at::Tensor dense = x.contiguous(format);
  at::Tensor y = at::empty(dense.sizes(), at::TensorOptions(at::kByte), format);
  to_levels(dense.data_ptr<float>(), y.data_ptr<std::uint8_t>(), dense.numel(), scale, zero);
  return y;
}

void add_quantization(OperatorTable& table) {
  table.insert(
      {{"DequantizeLinear", dequantize}, {"DynamicQuantizeLinear", dynamic_quantize}, {"QuantizeLinear", quantize}});
}

}  // namespace tributary::learn
