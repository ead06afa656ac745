// Operators that pick elements by index: Gather, Slice, Pad.

#include <algorithm>
#include <cstdlib>

#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

Kernel gather(const Setup& setup) {
  return [given_axis = setup.node.integer("axis", 0), name = label(setup.node)](const Call& call) -> Outputs {
    const at::Tensor& data = call[0];
    const auto axis = from_front(given_axis, data.dim(), name);
    at::Tensor index = call[1].to(at::kLong);
    index = at::where(index.lt(0), index + data.size(axis), index);
    auto shape = data.sizes().vec();
    shape.erase(shape.begin() + axis);
    shape.insert(shape.begin() + axis, index.sizes().begin(), index.sizes().end());
    return {data.index_select(axis, index.reshape({-1})).reshape(shape)};
  };
}

struct Cut {
  std::int64_t axis, start, end, step;
};

// Elements start, start + step, ... before end, with ONNX's clamping.
at::Tensor cut(const at::Tensor& data, const Cut& given, const std::string& name) {
  const auto axis = from_front(given.axis, data.dim(), name);
  const auto size = data.size(axis);
  const auto limit = std::int64_t{1} << 40;  // keeps the sums below far from overflow; no dimension is as large
  const auto step = std::clamp(given.step, -limit, limit);
  const auto start = given.start < 0 ? given.start + size : given.start;
  const auto end = given.end < 0 ? given.end + size : given.end;
  if (step == 0) fail(Error::Kind::Malformed, name + ": its step is 0");
  if (step > 0)
    return data.slice(axis, std::clamp(start, std::int64_t{0}, size), std::clamp(end, std::int64_t{0}, size), step);
  const auto first = std::clamp(start, std::int64_t{-1}, size - 1);
  const auto last = std::clamp(end, std::int64_t{-1}, size - 1);
  const auto count = first > last ? (first - last - step - 1) / -step : 0;
  if (count == 0) return data.slice(axis, 0, 0);
  return data.slice(axis, first + (count - 1) * step, first + 1, -step).flip(axis);
}

Kernel slice(const Setup& setup) {
  const auto starts_of = attribute_or_input(setup, "starts", 10, 1), ends_of = attribute_or_input(setup, "ends", 10, 2);
  const auto axes_of = attribute_or_input(setup, "axes", 10, 3), steps_of = attribute_or_input(setup, "steps", 10, 4);
  return [=, name = label(setup.node)](const Call& call) -> Outputs {
    const auto starts = starts_of(call), ends = ends_of(call), axes = axes_of(call), steps = steps_of(call);
    if (ends.size() != starts.size() || (!axes.empty() && axes.size() != starts.size()) ||
        (!steps.empty() && steps.size() != starts.size()))
      fail(Error::Kind::Malformed, name + ": starts, ends, axes and steps differ in length");
    at::Tensor result = call[0];
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const auto axis = axes.empty() ? static_cast<std::int64_t>(i) : axes[i];
      result = cut(result, {axis, starts[i], ends[i], steps.empty() ? 1 : steps[i]}, name);
    }
    return {result};
  };
}

// Source index of each element of an axis that is padded by reflection or by its edge.
at::Tensor padded_index(std::int64_t begin, std::int64_t size, std::int64_t end, bool reflect) {
  std::vector<std::int64_t> index;
  for (std::int64_t i = -begin; i < size + end; ++i) {
    const auto mirrored = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    index.push_back(reflect ? mirrored : std::clamp(i, std::int64_t{0}, size - 1));
  }
  return at::tensor(index, at::kLong);
}

at::Tensor pad_by_index(at::Tensor data, const std::vector<std::int64_t>& pads, bool reflect, const std::string& name) {
  const auto rank = static_cast<std::size_t>(data.dim());
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const auto begin = pads[axis], end = pads[axis + rank], size = data.size(static_cast<std::int64_t>(axis));
    if (begin == 0 && end == 0) continue;
    if (size + std::min(begin, std::int64_t{0}) + std::min(end, std::int64_t{0}) < 1 ||
        (reflect && std::max(begin, end) >= size))
      fail(Error::Kind::Malformed, name + ": pads more than there is to copy from");
    data = data.index_select(static_cast<std::int64_t>(axis), padded_index(begin, size, end, reflect));
  }
  return data;
}

at::Tensor pad_by_value(const at::Tensor& data, const std::vector<std::int64_t>& pads, const at::Scalar& value) {
  const auto rank = static_cast<std::size_t>(data.dim());
  std::vector<std::int64_t> last_axis_first;
  for (std::size_t axis = rank; axis-- > 0;) {
    last_axis_first.push_back(pads[axis]);
    last_axis_first.push_back(pads[axis + rank]);
  }
  return at::constant_pad_nd(data, last_axis_first, value);
}

void check_pads(const at::Tensor& data, const std::vector<std::int64_t>& pads, const std::string& name) {
  const auto rank = static_cast<std::size_t>(data.dim());
  if (pads.size() != 2 * rank) fail(Error::Kind::Malformed, name + ": needs two pads for each dimension");
  auto shape = data.sizes().vec();
  for (std::size_t axis = 0; axis < rank; ++axis) {
    constexpr std::int64_t kLargest = std::int64_t{1} << 28;
    if (std::abs(pads[axis]) > kLargest || std::abs(pads[axis + rank]) > kLargest)
      fail(Error::Kind::Overloaded, name + ": pads by more than 2^28");
    shape[axis] += pads[axis] + pads[axis + rank];
  }
  check_size(shape, name);
}

Kernel pad(const Setup& setup) {
  const std::string mode = setup.node.text("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge") unsupported(setup.node, "mode '" + mode + "'");
  const bool value_is_input = setup.opset >= 11;
  const float value = setup.node.real("value", 0.0f);
  return
      [=, pads_of = attribute_or_input(setup, "pads", 11, 1), name = label(setup.node)](const Call& call) -> Outputs {
        const auto pads = pads_of(call);
        check_pads(call[0], pads, name);
        if (mode != "constant") return {pad_by_index(call[0], pads, mode == "reflect", name)};
        const at::Scalar filler = value_is_input ? (call.has(2) ? call[2].item() : at::Scalar(0)) : at::Scalar(value);
        return {pad_by_value(call[0], pads, filler)};
      };
}

}  // namespace

void add_indexing(OperatorTable& table) {
  table.insert({{"Gather", gather}, {"Pad", pad}, {"Slice", slice}});
}

}  // namespace tributary::learn
