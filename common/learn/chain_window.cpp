#include "common/learn/chain_window.h"

#include <algorithm>

namespace tributary::learn {

namespace {

using Dims = std::vector<std::int64_t>;

struct Axis {
  std::int64_t before = 0, after = 0;
};

// "As much as keeps ceil(size / stride) positions", the odd element behind (upper) or in front.
Axis same_padding(std::int64_t size, std::int64_t kernel, std::int64_t stride, bool upper) {
  const auto positions = (size + stride - 1) / stride;
  const auto total = std::max<std::int64_t>((positions - 1) * stride + kernel - size, 0);
  const auto smaller = total / 2;
  return upper ? Axis{smaller, total - smaller} : Axis{total - smaller, smaller};
}

std::optional<Axis> padding(const model::Node& node, const Dims& pads, std::size_t axis, std::int64_t size,
                            std::int64_t kernel, std::int64_t stride) {
  const std::string text = node.text("auto_pad", "NOTSET");
  if (text == "VALID") return Axis{};
  if (text == "SAME_UPPER" || text == "SAME_LOWER") return same_padding(size, kernel, stride, text == "SAME_UPPER");
  if (text != "NOTSET" && !text.empty()) return std::nullopt;
  return Axis{pads[axis], pads[axis + 2]};
}

bool between(const Dims& values, std::size_t count, std::int64_t low, std::int64_t high) {
  return values.size() == count &&
         std::all_of(values.begin(), values.end(), [&](auto value) { return value >= low && value <= high; });
}

}  // namespace

std::optional<Window> window_of(const model::Node& node, const Dims& kernel, const Shape& in) {
  constexpr std::int64_t kMost = 1 << 12;
  const Dims strides = node.integers("strides", {1, 1}), pads = node.integers("pads", {0, 0, 0, 0});
  if (node.integers("dilations", {1, 1}) != Dims{1, 1} || node.integers("kernel_shape", kernel) != kernel ||
      !between(kernel, 2, 1, kMost) || !between(strides, 2, 1, kMost) || !between(pads, 4, 0, kMost))
    return std::nullopt;
  const Dims sizes{static_cast<std::int64_t>(in.height), static_cast<std::int64_t>(in.width)};
  Axis axes[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const auto found = padding(node, pads, i, sizes[i], kernel[i], strides[i]);
    if (!found || found->before >= kernel[i] || found->after >= kernel[i] ||
        sizes[i] + found->before + found->after < kernel[i])
      return std::nullopt;
    axes[i] = *found;
  }
  const auto natural = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  return Window{natural(kernel[0]),      natural(kernel[1]),      natural(strides[0]),    natural(strides[1]),
                natural(axes[0].before), natural(axes[1].before), natural(axes[0].after), natural(axes[1].after)};
}

Shape slide(const Window& window, const Shape& in, std::size_t channels) {
  return {channels, (in.height + window.top + window.bottom - window.height) / window.stride_y + 1,
          (in.width + window.left + window.right - window.width) / window.stride_x + 1};
}

}  // namespace tributary::learn
