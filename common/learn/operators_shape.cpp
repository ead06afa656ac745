// Operators that make, join, cut and reshape tensors without computing on their elements.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/learn/operators.h"

namespace tributary::learn {

namespace {

Kernel constant(const Setup& setup) {
  const model::Node& node = setup.node;
  at::Tensor value;
  if (const auto* tensor = node.find("value"))
    value = to_torch(std::get<model::Tensor>(*tensor), label(node));
  else if (node.find("value_float"))
    value = at::scalar_tensor(node.real("value_float", 0));
  else if (node.find("value_int"))
    value = at::scalar_tensor(node.integer("value_int", 0), at::kLong);
  else if (node.find("value_ints"))
    value = at::tensor(node.integers("value_ints", {}), at::kLong);
  else if (const auto* floats = node.find("value_floats"))
    value = at::tensor(std::get<std::vector<float>>(*floats), at::kFloat);
  else
    unsupported(node, "a constant that is neither a tensor nor numbers");
  return [value](const Call&) -> Outputs { return {value}; };
}

Kernel constant_of_shape(const Setup& setup) {
  at::Tensor value = at::zeros({1});
  if (const auto* given = setup.node.find("value"))
    value = to_torch(std::get<model::Tensor>(*given), label(setup.node));
  if (value.numel() != 1) malformed(setup.node, "its value must have one element");
  return [value, name = label(setup.node)](const Call& call) -> Outputs {
    const auto shape = integers_of(call[0]);
    check_size(shape, name);
    return {at::full(shape, value.item(), value.options())};
  };
}

Kernel shape(const Setup& setup) {
  const auto start = setup.node.integer("start", 0);
  const auto end = setup.node.find("end") ? setup.node.integer("end", 0) : std::numeric_limits<std::int64_t>::max();
  return [start, end](const Call& call) -> Outputs {
    const auto sizes = call[0].sizes();
    const auto rank = static_cast<std::int64_t>(sizes.size());
    const auto clamped = [rank](std::int64_t i) { return std::clamp(i < 0 ? i + rank : i, std::int64_t{0}, rank); };
    const auto first = clamped(start), last = std::max(clamped(end), first);
    return {
        at::tensor(sizes.slice(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)), at::kLong)};
  };
}

Kernel range(const Setup& setup) {
  return [name = label(setup.node)](const Call& call) -> Outputs {
    const at::Scalar start = call[0].item(), limit = call[1].item(), delta = call[2].item();
    if (delta.toDouble() == 0) fail(Error::Kind::Malformed, name + ": its step is 0");
    const double count = std::ceil((limit.toDouble() - start.toDouble()) / delta.toDouble());
    if (!(count <= 1e9)) fail(Error::Kind::Overloaded, name + ": asks for more than 10^9 numbers");
    if (count <= 0) return {at::empty({0}, call[0].options())};
    const std::int64_t shape[] = {static_cast<std::int64_t>(count)};
    check_size(shape, name);
    return {at::arange(start, limit, delta, call[0].options())};
  };
}

Kernel reshape(const Setup& setup) {
  const bool zero_is_zero = setup.node.integer("allowzero", 0) != 0;
  return [zero_is_zero, name = label(setup.node)](const Call& call) -> Outputs {
    auto shape = integers_of(call[1]);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] != 0 || zero_is_zero) continue;
      if (static_cast<std::int64_t>(i) >= call[0].dim())
        fail(Error::Kind::Malformed, name + ": copies a dimension that its input does not have");
      shape[i] = call[0].size(static_cast<std::int64_t>(i));
    }
    return {call[0].reshape(shape)};
  };
}

Kernel flatten(const Setup& setup) {
  return [axis = setup.node.integer("axis", 1), name = label(setup.node)](const Call& call) -> Outputs {
    const auto sizes = call[0].sizes();
    const auto rank = static_cast<std::int64_t>(sizes.size());
    const auto split = axis == rank ? rank : from_front(axis, rank, name);
    const auto product = [](auto begin, auto end) {
      return std::accumulate(begin, end, std::int64_t{1}, std::multiplies<>());
    };
    return {
        call[0].reshape({product(sizes.begin(), sizes.begin() + split), product(sizes.begin() + split, sizes.end())})};
  };
}

Kernel squeeze(const Setup& setup) {
  return [axes_of = attribute_or_input(setup, "axes", 13, 1), name = label(setup.node)](const Call& call) -> Outputs {
    const auto rank = call[0].dim();
    auto axes = axes_of(call);
    if (axes.empty()) return {call[0].squeeze()};
    for (auto& axis : axes) {
      axis = from_front(axis, rank, name);
      if (call[0].size(axis) != 1)
        fail(Error::Kind::Malformed, name + ": axis " + std::to_string(axis) + " is not of size 1");
    }
    std::sort(axes.begin(), axes.end(), std::greater<>());
    at::Tensor result = call[0];
    for (const auto axis : axes) result = result.squeeze(axis);
    return {result};
  };
}

Kernel unsqueeze(const Setup& setup) {
  return [axes_of = attribute_or_input(setup, "axes", 13, 1), name = label(setup.node)](const Call& call) -> Outputs {
    auto axes = axes_of(call);
    const auto rank = call[0].dim() + static_cast<std::int64_t>(axes.size());
    for (auto& axis : axes) axis = from_front(axis, rank, name);
    std::sort(axes.begin(), axes.end());
    at::Tensor result = call[0];
    for (const auto axis : axes) result = result.unsqueeze(axis);
    return {result};
  };
}

Kernel transpose(const Setup& setup) {
  return [order = setup.node.integers("perm", {})](const Call& call) -> Outputs {
    if (!order.empty()) return {call[0].permute(order)};
    std::vector<std::int64_t> reversed(static_cast<std::size_t>(call[0].dim()));
    std::iota(reversed.rbegin(), reversed.rend(), std::int64_t{0});
    return {call[0].permute(reversed)};
  };
}

Kernel concat(const Setup& setup) {
  return [axis = setup.node.integer("axis", 0)](const Call& call) -> Outputs {
    std::vector<at::Tensor> parts;
    for (std::size_t i = 0; i < call.size(); ++i) parts.push_back(call[i]);
    return {at::cat(parts, axis)};
  };
}

Kernel split(const Setup& setup) {
  const auto parts = static_cast<std::int64_t>(setup.node.outputs.size());
  return [axis = setup.node.integer("axis", 0), parts, sizes_of = attribute_or_input(setup, "split", 13, 1),
          name = label(setup.node)](const Call& call) -> Outputs {
    auto sizes = sizes_of(call);
    const auto total = call[0].size(from_front(axis, call[0].dim(), name));
    if (sizes.empty()) {
      if (total % parts != 0)
        fail(Error::Kind::Malformed,
             name + ": cannot cut " + std::to_string(total) + " into " + std::to_string(parts) + " equal parts");
      sizes.assign(static_cast<std::size_t>(parts), total / parts);
    }
    return at::split_with_sizes(call[0], sizes, axis);
  };
}

Kernel expand(const Setup&) {
  return [](const Call& call) -> Outputs {
    return {call[0].expand(at::infer_size(call[0].sizes(), integers_of(call[1])))};
  };
}

Kernel tile(const Setup& setup) {
  return [name = label(setup.node)](const Call& call) -> Outputs {
    const auto repeats = integers_of(call[1]);
    if (static_cast<std::int64_t>(repeats.size()) != call[0].dim())
      fail(Error::Kind::Malformed, name + ": needs one number of repeats for each dimension");
    std::vector<std::int64_t> shape;
    for (std::size_t i = 0; i < repeats.size(); ++i) {
      const std::int64_t product[] = {repeats[i], call[0].size(static_cast<std::int64_t>(i))};
      check_size(product, name);
      shape.push_back(product[0] * product[1]);
    }
    check_size(shape, name);
    return {call[0].repeat(repeats)};
  };
}

Kernel identity(const Setup&) {
  return [](const Call& call) -> Outputs { return {call[0]}; };
}

}  // namespace

void add_shapes(OperatorTable& table) {
  table.insert({{"Concat", concat},
                {"Constant", constant},
                {"ConstantOfShape", constant_of_shape},
                {"Expand", expand},
                {"Flatten", flatten},
                {"Identity", identity},
                {"Range", range},
                {"Reshape", reshape},
                {"Shape", shape},
                {"Split", split},
                {"Squeeze", squeeze},
                {"Tile", tile},
                {"Transpose", transpose},
                {"Unsqueeze", unsqueeze}});
}

}  // namespace tributary::learn
