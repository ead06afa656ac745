// Operators that act on each element: arithmetic, comparison, activation.

#include <limits>

#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

using Unary = at::Tensor (*)(const at::Tensor&);
using Binary = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

template <Unary kFunction>
Kernel unary(const Setup&) {
  return [](const Call& call) -> Outputs { return {kFunction(call[0])}; };
}

template <Binary kFunction>
Kernel binary(const Setup&) {
  return [](const Call& call) -> Outputs { return {kFunction(call[0], call[1])}; };
}

template <Binary kFunction>
Kernel variadic(const Setup&) {
  return [](const Call& call) -> Outputs {
    at::Tensor result = call[0];
    for (std::size_t i = 1; i < call.size(); ++i) result = kFunction(result, call[i]);
    return {result};
  };
}

at::Tensor plus(const at::Tensor& a, const at::Tensor& b) {
  return at::add(a, b);
}
at::Tensor minus(const at::Tensor& a, const at::Tensor& b) {
  return at::sub(a, b);
}

at::Tensor divide(const at::Tensor& a, const at::Tensor& b) {
  if (at::isFloatingType(a.scalar_type())) return at::div(a, b);
  // The smallest integer divided by -1 traps in hardware: those elements are negated instead.
  const at::Tensor by_minus_one = b.scalar_type() == at::kByte ? at::zeros_like(b, at::kBool) : b.eq(-1);
  return at::where(by_minus_one, at::neg(a), at::div(a, b.masked_fill(by_minus_one, 1), "trunc"));
}

at::Tensor power(const at::Tensor& base, const at::Tensor& exponent) {
  // A scalar exponent has a gradient that is finite also where log(base) is not.
  const bool scalar = exponent.numel() == 1 && exponent.dim() <= base.dim() && !exponent.requires_grad();
  const at::Tensor result = scalar ? at::pow(base, exponent.item()) : at::pow(base, exponent);
  return result.to(base.scalar_type());
}

// The element of a constant of one element; `fallback` when the input is left out.
c10::optional<at::Scalar> scalar_input(const Call& call, std::size_t i) {
  if (!call.has(i)) return c10::nullopt;
  return call[i].item();
}

Kernel clip(const Setup& setup) {
  if (setup.opset < 11) {
    const float low = setup.node.real("min", std::numeric_limits<float>::lowest());
    const float high = setup.node.real("max", std::numeric_limits<float>::max());
    return [low, high](const Call& call) -> Outputs { return {at::clamp(call[0], low, high)}; };
  }
  return [](const Call& call) -> Outputs {
    const auto low = scalar_input(call, 1), high = scalar_input(call, 2);
    if (!low && !high) return {call[0]};
    return {at::clamp(call[0], low, high)};
  };
}

at::ScalarType type_of_onnx(const model::Node& node, std::int64_t code) {
  switch (code) {
    case 1:
      return at::kFloat;
    case 2:
      return at::kByte;
    case 3:
      return at::kChar;
    case 6:
      return at::kInt;
    case 7:
      return at::kLong;
    case 9:
      return at::kBool;
    case 11:
      return at::kDouble;
    default:
      unsupported(node, "element type " + std::to_string(code));
  }
}

Kernel cast(const Setup& setup) {
  const at::ScalarType type = type_of_onnx(setup.node, setup.node.integer("to", 0));
  return [type](const Call& call) -> Outputs { return {call[0].to(type)}; };
}

Kernel elu(const Setup& setup) {
  const float alpha = setup.node.real("alpha", 1.0f);
  return [alpha](const Call& call) -> Outputs { return {at::elu(call[0], alpha)}; };
}

Kernel selu(const Setup& setup) {
  const float alpha = setup.node.real("alpha", 1.67326319217681884765625f);
  const float gamma = setup.node.real("gamma", 1.05070102214813232421875f);
  return [alpha, gamma](const Call& call) -> Outputs { return {at::elu(call[0], alpha, gamma)}; };
}

Kernel leaky_relu(const Setup& setup) {
  const float alpha = setup.node.real("alpha", 0.01f);
  return [alpha](const Call& call) -> Outputs { return {at::leaky_relu(call[0], alpha)}; };
}

Kernel hard_sigmoid(const Setup& setup) {
  const float alpha = setup.node.real("alpha", 0.2f), beta = setup.node.real("beta", 0.5f);
  return [alpha, beta](const Call& call) -> Outputs { return {at::clamp(call[0].mul(alpha).add(beta), 0, 1)}; };
}

at::Tensor parametric_relu(const at::Tensor& x, const at::Tensor& slope) {
  return at::where(x.lt(0), x.mul(slope), x);
}
at::Tensor softplus(const at::Tensor& x) {
  return at::softplus(x);
}

Kernel where(const Setup&) {
  return [](const Call& call) -> Outputs { return {at::where(call[0], call[1], call[2])}; };
}

}  // namespace

void add_pointwise(OperatorTable& table) {
  table.insert({{"Abs", unary<at::abs>},
                {"Add", binary<plus>},
                {"And", binary<at::logical_and>},
                {"Cast", cast},
                {"Clip", clip},
                {"Div", binary<divide>},
                {"Elu", elu},
                {"Equal", binary<at::eq>},
                {"Erf", unary<at::erf>},
                {"Exp", unary<at::exp>},
                {"Greater", binary<at::gt>},
                {"GreaterOrEqual", binary<at::ge>},
                {"HardSigmoid", hard_sigmoid},
                {"HardSwish", unary<at::hardswish>},
                {"LeakyRelu", leaky_relu},
                {"Less", binary<at::lt>},
                {"LessOrEqual", binary<at::le>},
                {"Log", unary<at::log>},
                {"Max", variadic<at::maximum>},
                {"Min", variadic<at::minimum>},
                {"Mul", binary<at::mul>},
                {"Neg", unary<at::neg>},
                {"Not", unary<at::logical_not>},
                {"Or", binary<at::logical_or>},
                {"PRelu", binary<parametric_relu>},
                {"Pow", binary<power>},
                {"Reciprocal", unary<at::reciprocal>},
                {"Relu", unary<at::relu>},
                {"Selu", selu},
                {"Sigmoid", unary<at::sigmoid>},
                {"Sign", unary<at::sign>},
                {"Softplus", unary<softplus>},
                {"Sqrt", unary<at::sqrt>},
                {"Sub", binary<minus>},
                {"Sum", variadic<plus>},
                {"Tanh", unary<at::tanh>},
                {"Where", where}});
}

}  // namespace tributary::learn
