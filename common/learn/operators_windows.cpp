// Operators that slide a window: Conv, MaxPool, AveragePool.

#include <algorithm>
#include <limits>

#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

using Sizes = std::vector<std::int64_t>;

enum class AutoPad { Explicit, SameUpper, SameLower, Valid };

// The attributes that Conv and the pools share. Lists that the node leaves out stay empty until the rank is known.
struct Window {
  Sizes kernel, strides, dilations, pads;
  AutoPad auto_pad = AutoPad::Explicit;
  bool ceil = false;
  std::string name;
};

// Elements added before and after each spatial axis.
struct Padding {
  Sizes before, after;
};

AutoPad auto_pad_of(const model::Node& node) {
  const std::string text = node.text("auto_pad", "NOTSET");
  if (text == "NOTSET" || text.empty()) return AutoPad::Explicit;
  if (text == "SAME_UPPER") return AutoPad::SameUpper;
  if (text == "SAME_LOWER") return AutoPad::SameLower;
  if (text == "VALID") return AutoPad::Valid;
  malformed(node, "auto_pad '" + text + "' is none of NOTSET, SAME_UPPER, SAME_LOWER, VALID");
}

Window window_of(const Setup& setup) {
  const model::Node& node = setup.node;
  const auto list = [&](std::string_view attribute, std::int64_t smallest) {
    Sizes values = node.integers(attribute, {});
    for (const auto value : values)
      if (value < smallest || value > (1 << 24)) malformed(node, std::string(attribute) + " is out of range");
    return values;
  };
  return {
      list("kernel_shape", 1),           list("strides", 1), list("dilations", 1), list("pads", 0), auto_pad_of(node),
      node.integer("ceil_mode", 0) != 0, label(node)};
}

// Fills in the defaults for `axes` spatial axes; throws Malformed when a list has another length.
void complete(Window& window, std::size_t axes) {
  const auto fill = [&](Sizes& values, std::size_t length, std::int64_t value) {
    if (values.empty()) values.assign(length, value);
    if (values.size() != length) fail(Error::Kind::Malformed, window.name + ": an attribute does not fit the rank");
  };
  fill(window.strides, axes, 1);
  fill(window.dilations, axes, 1);
  fill(window.pads, 2 * axes, 0);
  if (window.kernel.size() != axes) fail(Error::Kind::Malformed, window.name + ": kernel_shape does not fit the rank");
}

std::int64_t reach(const Window& window, std::size_t axis) {
  return (window.kernel[axis] - 1) * window.dilations[axis] + 1;
}

Padding padding_for(const Window& window, at::IntArrayRef spatial) {
  const std::size_t axes = spatial.size();
  Padding padding{Sizes(axes, 0), Sizes(axes, 0)};
  if (window.auto_pad == AutoPad::Valid) return padding;
  for (std::size_t i = 0; i < axes; ++i) {
    if (window.auto_pad == AutoPad::Explicit) {
      padding.before[i] = window.pads[i];
      padding.after[i] = window.pads[i + axes];
      continue;
    }
    const auto stride = window.strides[i];
    const auto out = (spatial[i] + stride - 1) / stride;
    const auto total = std::max<std::int64_t>((out - 1) * stride + reach(window, i) - spatial[i], 0);
    const auto smaller = total / 2;
    padding.before[i] = window.auto_pad == AutoPad::SameUpper ? smaller : total - smaller;
    padding.after[i] = total - padding.before[i];
  }
  return padding;
}

at::Tensor pad(const at::Tensor& x, const Padding& padding, double value) {
  Sizes last_axis_first;
  for (std::size_t i = padding.before.size(); i-- > 0;) {
    last_axis_first.push_back(padding.before[i]);
    last_axis_first.push_back(padding.after[i]);
  }
  return at::constant_pad_nd(x, last_axis_first, value);
}

Kernel conv(const Setup& setup) {
  const auto groups = setup.node.integer("group", 1);
  if (groups < 1) malformed(setup.node, "group is out of range");
  return [groups, given = window_of(setup)](const Call& call) -> Outputs {
    at::Tensor x = call[0];
    const at::Tensor& weight = call[1];
    Window window = given;
    const auto kernel = weight.sizes().slice(std::min<std::size_t>(2, weight.sizes().size()));
    if (kernel.empty() || x.dim() != weight.dim() ||
        (!window.kernel.empty() && at::IntArrayRef(window.kernel) != kernel))
      fail(Error::Kind::Malformed, window.name + ": input, kernel and kernel_shape do not fit each other");
    window.kernel = kernel.vec();
    complete(window, kernel.size());
    Padding padding = padding_for(window, x.sizes().slice(2));
    if (padding.before != padding.after) {
      x = pad(x, padding, 0.0);
      padding.before.assign(kernel.size(), 0);
    }
    const c10::optional<at::Tensor> bias = call.has(2) ? c10::make_optional(call[2]) : c10::nullopt;
    return {at::convolution(x, weight, bias, window.strides, padding.before, window.dilations, false,
                            Sizes(kernel.size(), 0), groups)};
  };
}

// LibTorch pools two spatial axes; one axis is pooled as a picture of height 1.
Window as_two_axes(const Window& window) {
  if (window.kernel.size() == 2) return window;
  Window two = window;
  for (auto* values : {&two.kernel, &two.strides, &two.dilations}) values->insert(values->begin(), 1);
  two.pads = {0, window.pads[0], 0, window.pads[1]};
  return two;
}

// ONNX's ceil_mode: what must be added after each axis so that the last, partial window is whole. A window that would
// start in the padding behind the input does not count.
Sizes overhang(const Window& window, const Padding& padding, at::IntArrayRef spatial) {
  Sizes extra(spatial.size(), 0);
  if (!window.ceil || window.auto_pad != AutoPad::Explicit) return extra;
  for (std::size_t i = 0; i < extra.size(); ++i) {
    const auto padded = spatial[i] + padding.before[i] + padding.after[i], stride = window.strides[i];
    const auto room = padded - reach(window, i);
    if (room < 0) continue;
    auto out = (room + stride - 1) / stride + 1;
    if ((out - 1) * stride >= spatial[i] + padding.before[i]) --out;
    extra[i] = std::max<std::int64_t>((out - 1) * stride + reach(window, i) - padded, 0);
  }
  return extra;
}

struct Pooling {
  Window window;  // two axes
  Padding padding;
  Sizes extra;
  // LibTorch's own padding will do: the same on both sides, at most half a window, no overhang.
  bool plain = false;
};

Pooling pooling_for(const Window& window, const at::Tensor& x) {
  const auto spatial = x.sizes().slice(2);
  Pooling pooling{window, padding_for(window, spatial), {}, false};
  pooling.extra = overhang(window, pooling.padding, spatial);
  pooling.plain = pooling.padding.before == pooling.padding.after && pooling.extra == Sizes(spatial.size(), 0);
  for (std::size_t i = 0; i < spatial.size(); ++i)
    pooling.plain = pooling.plain && pooling.padding.before[i] <= window.kernel[i] / 2;
  return pooling;
}

Padding with_extra(Padding padding, const Sizes& extra) {
  for (std::size_t i = 0; i < extra.size(); ++i) padding.after[i] += extra[i];
  return padding;
}

at::Tensor max_pool_2d(const at::Tensor& x, const Pooling& pooling) {
  const Window& w = pooling.window;
  if (pooling.plain) return at::max_pool2d(x, w.kernel, w.strides, pooling.padding.before, w.dilations);
  const auto padded = pad(x, with_extra(pooling.padding, pooling.extra), -std::numeric_limits<double>::infinity());
  return at::max_pool2d(padded, w.kernel, w.strides, {0, 0}, w.dilations);
}

// Sum over the window divided by the number of elements that count: those of the input and, when asked, of the padding
// that the node names; never those of the overhang.
at::Tensor average_pool_2d(const at::Tensor& x, const Pooling& pooling, bool include_padding) {
  const Window& w = pooling.window;
  if (pooling.plain) return at::avg_pool2d(x, w.kernel, w.strides, pooling.padding.before, false, include_padding);
  const Padding all = with_extra(pooling.padding, pooling.extra);
  const at::Tensor inside = at::ones({1, 1, x.size(2), x.size(3)}, x.options().requires_grad(false));
  const at::Tensor counted = include_padding ? pad(pad(inside, pooling.padding, 1.0), {Sizes(2, 0), pooling.extra}, 0.0)
                                             : pad(inside, all, 0.0);
  return at::avg_pool2d(pad(x, all, 0.0), w.kernel, w.strides).div(at::avg_pool2d(counted, w.kernel, w.strides));
}

template <class Pool>
Kernel pool(const Setup& setup, Pool pool_2d) {
  Window window = window_of(setup);
  const auto axes = window.kernel.size();
  if (axes != 1 && axes != 2) unsupported(setup.node, "pooling over " + std::to_string(axes) + " axes (1 or 2 are)");
  complete(window, axes);
  return [window, axes, pool_2d](const Call& call) -> Outputs {
    if (call[0].dim() != static_cast<std::int64_t>(axes) + 2)
      fail(Error::Kind::Malformed, window.name + ": its input's rank does not fit kernel_shape");
    const at::Tensor x = axes == 1 ? call[0].unsqueeze(2) : call[0];
    const at::Tensor y = pool_2d(x, pooling_for(as_two_axes(window), x));
    return {axes == 1 ? y.squeeze(2) : y};
  };
}

Kernel max_pool(const Setup& setup) {
  if (setup.wants(1)) unsupported(setup.node, "indices as a second output");
  return pool(setup, max_pool_2d);
}

Kernel average_pool(const Setup& setup) {
  const bool include_padding = setup.node.integer("count_include_pad", 0) != 0;
  return pool(setup, [include_padding](const at::Tensor& x, const Pooling& pooling) {
    return average_pool_2d(x, pooling, include_padding);
  });
}

}  // namespace

void add_windows(OperatorTable& table) {
  table.insert({{"AveragePool", average_pool}, {"Conv", conv}, {"MaxPool", max_pool}});
}

}  // namespace tributary::learn
