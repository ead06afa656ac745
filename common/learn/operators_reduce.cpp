// Operators that fold axes: reductions, ArgMax, Softmax, global pooling.

#include <numeric>

#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

using Axes = std::vector<std::int64_t>;
using Reduction = at::Tensor (*)(const at::Tensor&, const Axes&, bool keep);

at::Tensor sum(const at::Tensor& x, const Axes& axes, bool keep) {
  return at::sum(x, axes, keep, x.scalar_type());
}
at::Tensor maximum(const at::Tensor& x, const Axes& axes, bool keep) {
  return at::amax(x, axes, keep);
}
at::Tensor minimum(const at::Tensor& x, const Axes& axes, bool keep) {
  return at::amin(x, axes, keep);
}

at::Tensor mean(const at::Tensor& x, const Axes& axes, bool keep) {
  if (at::isFloatingType(x.scalar_type())) return at::mean(x, axes, keep);
  std::int64_t count = 1;
  for (const auto axis : axes) count *= x.size(axis);
  return at::div(sum(x, axes, keep), count, "trunc");
}

// `since` is the opset from which the axes are an input.
template <Reduction kReduce>
Kernel reduce_since(const Setup& setup, std::int64_t since) {
  const bool keep = setup.node.integer("keepdims", 1) != 0;
  const bool nothing_means_nothing = setup.node.integer("noop_with_empty_axes", 0) != 0;
  return [=, axes_of = attribute_or_input(setup, "axes", since, 1)](const Call& call) -> Outputs {
    Axes axes = axes_of(call);
    if (axes.empty() && nothing_means_nothing) return {call[0]};
    if (axes.empty()) {
      axes.resize(static_cast<std::size_t>(call[0].dim()));
      std::iota(axes.begin(), axes.end(), std::int64_t{0});
    }
    return {kReduce(call[0], axes, keep)};
  };
}

Kernel reduce_sum(const Setup& setup) {
  return reduce_since<sum>(setup, 13);
}
Kernel reduce_mean(const Setup& setup) {
  return reduce_since<mean>(setup, 18);
}
Kernel reduce_max(const Setup& setup) {
  return reduce_since<maximum>(setup, 18);
}
Kernel reduce_min(const Setup& setup) {
  return reduce_since<minimum>(setup, 18);
}

Kernel arg_max(const Setup& setup) {
  const auto axis = setup.node.integer("axis", 0);
  const bool keep = setup.node.integer("keepdims", 1) != 0;
  const bool last = setup.node.integer("select_last_index", 0) != 0;
  return [=](const Call& call) -> Outputs {
    if (!last) return {at::argmax(call[0], axis, keep)};
    return {at::rsub(at::argmax(call[0].flip(axis), axis, keep), call[0].size(axis) - 1)};
  };
}

// Before opset 13 the tensor is folded to a matrix at `axis` (default 1) and the rows are normalised; since then it is
// one axis (default the last).
template <at::Tensor (*kNormalize)(const at::Tensor&, std::int64_t)>
Kernel normalized_exponential(const Setup& setup) {
  if (setup.opset >= 13) {
    const auto axis = setup.node.integer("axis", -1);
    return [axis](const Call& call) -> Outputs { return {kNormalize(call[0], axis)}; };
  }
  return [given = setup.node.integer("axis", 1), name = label(setup.node)](const Call& call) -> Outputs {
    const at::Tensor& x = call[0];
    const auto axis = from_front(given, x.dim(), name);
    if (axis == x.dim() - 1) return {kNormalize(x, axis)};
    return {kNormalize(x.flatten(axis), axis).reshape(x.sizes())};
  };
}

at::Tensor softmax(const at::Tensor& x, std::int64_t axis) {
  return at::softmax(x, axis);
}
at::Tensor log_softmax(const at::Tensor& x, std::int64_t axis) {
  return at::log_softmax(x, axis);
}

template <Reduction kReduce>
Kernel global_pool(const Setup& setup) {
  return [name = label(setup.node)](const Call& call) -> Outputs {
    if (call[0].dim() < 3) fail(Error::Kind::Malformed, name + ": its input has no spatial axis");
    Axes axes(static_cast<std::size_t>(call[0].dim() - 2));
    std::iota(axes.begin(), axes.end(), std::int64_t{2});
    return {kReduce(call[0], axes, true)};
  };
}

}  // namespace

void add_reductions(OperatorTable& table) {
  table.insert({{"ArgMax", arg_max},
                {"GlobalAveragePool", global_pool<mean>},
                {"GlobalMaxPool", global_pool<maximum>},
                {"LogSoftmax", normalized_exponential<log_softmax>},
                {"ReduceMax", reduce_max},
                {"ReduceMean", reduce_mean},
                {"ReduceMin", reduce_min},
                {"ReduceSum", reduce_sum},
                {"Softmax", normalized_exponential<softmax>}});
}

}  // namespace tributary::learn
