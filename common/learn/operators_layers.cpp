// Dense layers, normalisation and dropout.

#include <cmath>

#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

Kernel gemm(const Setup& setup) {
  const float alpha = setup.node.real("alpha", 1.0f), beta = setup.node.real("beta", 1.0f);
  const bool transpose_a = setup.node.integer("transA", 0) != 0, transpose_b = setup.node.integer("transB", 0) != 0;
  return [=](const Call& call) -> Outputs {
    const at::Tensor a = transpose_a ? call[0].t() : call[0];
    const at::Tensor b = transpose_b ? call[1].t() : call[1];
    if (call.has(2)) return {at::addmm(call[2], a, b, beta, alpha)};
    const at::Tensor product = at::mm(a, b);
    return {alpha == 1.0f ? product : product.mul(alpha)};
  };
}

Kernel mat_mul(const Setup&) {
  return [](const Call& call) -> Outputs { return {at::matmul(call[0], call[1])}; };
}

// running = running * momentum + batch * (1 - momentum), with the population variance, as ONNX defines it.
void move_statistics(const Call& call, const at::Tensor& batch_mean, const at::Tensor& batch_variance, float momentum) {
  const at::NoGradGuard no_grad;
  call[3].detach().mul_(momentum).add_(batch_mean, 1.0f - momentum);
  call[4].detach().mul_(momentum).add_(batch_variance, 1.0f - momentum);
}

at::Tensor normalize_by_batch(const Call& call, float epsilon, float momentum, std::int64_t samples) {
  const at::Tensor mean = at::zeros_like(call[3]), variance = at::zeros_like(call[4]);
  // Momentum 1 leaves the batch's own mean and (unbiased) variance in the two buffers.
  const auto result = at::native_batch_norm(call[0], call[1], call[2], mean, variance, true, 1.0, epsilon);
  const double population = static_cast<double>(samples - 1) / static_cast<double>(samples);
  move_statistics(call, mean, variance.mul(population), momentum);
  return std::get<0>(result);
}

// The statistics are the batch's in gradient(), also in a model that was exported in evaluation mode, unless they are
// frozen. A batch that has a single value for each channel has no variance; the running statistics stand in for it.
Kernel batch_normalization(const Setup& setup) {
  const float epsilon = setup.node.real("epsilon", 1e-5f), momentum = setup.node.real("momentum", 0.9f);
  if (setup.node.integer("spatial", 1) != 1) unsupported(setup.node, "spatial = 0");
  if (setup.node.inputs.size() != 5) malformed(setup.node, "needs 5 inputs");
  for (std::size_t i = 1; i < setup.node.outputs.size(); ++i)
    if (setup.wants(i)) unsupported(setup.node, "a graph that reads its statistics (output " + std::to_string(i) + ")");
  const bool learns = setup.is_state(setup.node.inputs[3]) && setup.is_state(setup.node.inputs[4]);
  return [=, name = label(setup.node)](const Call& call) -> Outputs {
    if (call[0].dim() < 2) fail(Error::Kind::Malformed, name + ": its input has no channel axis");
    const auto samples = call[0].numel() / std::max<std::int64_t>(call[0].size(1), 1);
    if (learns && call.run().training && samples > 1) return {normalize_by_batch(call, epsilon, momentum, samples)};
    return {at::batch_norm(call[0], call[1], call[2], call[3], call[4], false, 0.0, epsilon, false)};
  };
}

// LibTorch's fused kernel takes a scale and a shift of exactly the normalised shape; others are applied after it.
at::Tensor normalize_layer(const Call& call, std::size_t axis, float epsilon) {
  const auto shape = call[0].sizes().slice(axis);
  if (call[1].sizes() == shape && (!call.has(2) || call[2].sizes() == shape))
    return at::layer_norm(call[0], shape, call[1], call[2], epsilon, false);
  const at::Tensor y = at::layer_norm(call[0], shape, {}, {}, epsilon, false).mul(call[1]);
  return call.has(2) ? y.add(call[2]) : y;
}

Kernel layer_normalization(const Setup& setup) {
  const auto given_axis = setup.node.integer("axis", -1);
  const float epsilon = setup.node.real("epsilon", 1e-5f);
  const bool wants_statistics = setup.wants(1) || setup.wants(2);
  return [=, name = label(setup.node)](const Call& call) -> Outputs {
    const at::Tensor& x = call[0];
    const auto first = from_front(given_axis, x.dim(), name);
    const at::Tensor y = normalize_layer(call, static_cast<std::size_t>(first), epsilon);
    if (!wants_statistics) return {y};
    std::vector<std::int64_t> axes;
    for (auto axis = first; axis < x.dim(); ++axis) axes.push_back(axis);
    return {y, x.mean(axes, true), x.var(axes, false, true).add(epsilon).rsqrt()};
  };
}

// 1 / (1 - ratio) with probability 1 - ratio, else 0.
at::Tensor dropout_mask(const at::Tensor& like, double ratio, RandomStream& random) {
  at::Tensor mask = at::empty(like.sizes(), at::kFloat);
  const auto threshold = static_cast<std::uint64_t>(std::ldexp(ratio, 32));
  const auto kept = static_cast<float>(1.0 / (1.0 - ratio));
  float* data = mask.data_ptr<float>();
  for (std::int64_t i = 0; i < mask.numel(); ++i) data[i] = random.next_u32() < threshold ? 0.0f : kept;
  return mask.to(like.scalar_type());
}

Kernel dropout(const Setup& setup) {
  const float attribute = setup.node.real("ratio", 0.5f);
  const bool ratio_is_input = setup.opset >= 12, wants_mask = setup.wants(1);
  return [=, name = label(setup.node)](const Call& call) -> Outputs {
    const double ratio = ratio_is_input && call.has(1) ? call[1].item().toDouble() : static_cast<double>(attribute);
    if (!(ratio >= 0.0 && ratio < 1.0)) fail(Error::Kind::Malformed, name + ": its ratio is not in [0, 1)");
    if (!call.run().training || ratio == 0.0)
      return {call[0], wants_mask ? at::ones_like(call[0], at::kBool) : at::Tensor()};
    const at::Tensor mask = dropout_mask(call[0], ratio, *call.run().random);
    return {call[0].mul(mask), wants_mask ? mask.to(at::kBool) : at::Tensor()};
  };
}

}  // namespace

void add_layers(OperatorTable& table) {
  table.insert({{"BatchNormalization", batch_normalization},
                {"Dropout", dropout},
                {"Gemm", gemm},
                {"LayerNormalization", layer_normalization},
                {"MatMul", mat_mul}});
}

}  // namespace tributary::learn
