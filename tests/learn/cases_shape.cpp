#include <limits>

#include "tests/learn/cases.h"

namespace tributary::learn::testing {

using model::DType;

namespace {

constexpr auto kFar = std::numeric_limits<std::int64_t>::max();

void add_reshaping(std::vector<OperatorCase>& cases) {
  const auto x = uniform({2, 3, 4}, 101), thin = uniform({1, 3, 1, 2}, 102);
  const auto add = [&](std::string what, std::string op, std::int64_t opset,
                       std::vector<std::optional<model::Tensor>> inputs,
                       std::map<std::string, model::Attribute> attributes = {}) {
    cases.push_back(
        {std::move(what), std::move(op), opset, std::move(inputs), std::move(attributes), {DType::Float32}, true});
  };
  add("Reshape with 0 and -1", "Reshape", 14, {x, ints({0, -1})});
  add("Reshape to a scalar's rank 1", "Reshape", 9, {x, ints({-1})});
  cases.push_back(
      {"Reshape with allowzero", "Reshape", 14, {floats({0, 3}, {}), ints({3, 0})}, {{"allowzero", std::int64_t{1}}}});
  add("Flatten", "Flatten", 13, {x});
  add("Flatten at 0", "Flatten", 9, {x}, {{"axis", std::int64_t{0}}});
  add("Flatten at the rank", "Flatten", 9, {x}, {{"axis", std::int64_t{3}}});
  add("Flatten from behind", "Flatten", 13, {x}, {{"axis", std::int64_t{-1}}});
  add("Squeeze by attribute", "Squeeze", 11, {thin}, {{"axes", Ints{0, -2}}});
  add("Squeeze by input", "Squeeze", 13, {thin, ints({2})});
  add("Squeeze of everything", "Squeeze", 13, {thin});
  add("Unsqueeze by attribute", "Unsqueeze", 9, {x}, {{"axes", Ints{3, 0}}});
  add("Unsqueeze by input", "Unsqueeze", 13, {x, ints({-1, 1})});
  add("Transpose", "Transpose", 13, {x}, {{"perm", Ints{1, 2, 0}}});
  add("Transpose by default", "Transpose", 9, {x});
  add("Identity", "Identity", 16, {x});
  add("Expand", "Expand", 13, {uniform({3, 1}, 103), ints({2, 1, 4})});
  add("Expand to fewer axes", "Expand", 9, {x, ints({3, 1})});
  add("Tile", "Tile", 13, {uniform({2, 3}, 104), ints({2, 2})});
  cases.push_back({"Shape", "Shape", 13, {x}, {}, {DType::Int64}});
  cases.push_back({"Shape with start and end",
                   "Shape",
                   15,
                   {x},
                   {{"start", std::int64_t{-2}}, {"end", std::int64_t{-1}}},
                   {DType::Int64}});
  cases.push_back({"Shape with a far end",
                   "Shape",
                   15,
                   {x},
                   {{"start", std::int64_t{1}}, {"end", std::int64_t{9}}},
                   {DType::Int64}});
}

void add_joining(std::vector<OperatorCase>& cases) {
  const auto x = uniform({2, 4, 3}, 111);
  const std::vector<DType> two{DType::Float32, DType::Float32};
  cases.push_back({"Concat",
                   "Concat",
                   13,
                   {x, uniform({2, 1, 3}, 112), uniform({2, 2, 3}, 113)},
                   {{"axis", std::int64_t{1}}},
                   {DType::Float32},
                   true});
  cases.push_back({"Concat from behind", "Concat", 11, {x, x}, {{"axis", std::int64_t{-1}}}, {DType::Float32}, true});
  cases.push_back(
      {"Concat of integers", "Concat", 9, {ints({1, 2}), ints({-1})}, {{"axis", std::int64_t{0}}}, {DType::Int64}});
  cases.push_back({"Split in halves", "Split", 11, {x}, {{"axis", std::int64_t{1}}}, two, true});
  cases.push_back(
      {"Split by attribute", "Split", 9, {x}, {{"axis", std::int64_t{1}}, {"split", Ints{1, 3}}}, two, true});
  cases.push_back({"Split by input", "Split", 13, {x, ints({3, 1})}, {{"axis", std::int64_t{-2}}}, two, true});
  cases.push_back({"Split of opset 13 in halves", "Split", 13, {x}, {}, two, true});
}

void add_indexing(std::vector<OperatorCase>& cases) {
  const auto x = uniform({5, 4, 3}, 121);
  const auto gather = [&](std::string what, std::int64_t opset, model::Tensor index, std::int64_t axis) {
    cases.push_back(
        {"Gather " + what, "Gather", opset, {x, std::move(index)}, {{"axis", axis}}, {DType::Float32}, true});
  };
  gather("of rows", 9, ints({4, 0, 4}), 0);
  gather("by negative indices", 11, ints({-1, 1, -4}), 1);
  gather("by a matrix", 13, ints({2, 2}, {0, 2, 1, 1}), 2);
  gather("by a scalar", 13, scalar_int(-2), -2);
  gather("by int32", 13, as(DType::Int32, ints({1, 3})), 0);
  cases.push_back({"Gather of a shape", "Gather", 13, {ints({7, 8, 9}), scalar_int(1)}, {}, {DType::Int64}});
  cases.push_back({"Gather as an embedding", "Gather", 13, {ints({2, 3}, {0, 4, 1, 1, 3, 2})}, {}, {DType::Float32}});
  cases.back().inputs = {uniform({5, 3}, 122), ints({2, 3}, {0, 4, 1, 1, 3, 2})};
  cases.back().differentiable = true;
  const auto slice = [&](std::string what, std::int64_t opset, std::vector<Ints> lists) {
    OperatorCase one{"Slice " + what, "Slice", opset, {x}, {}, {DType::Float32}, true};
    for (auto& list : lists) one.inputs.push_back(list.empty() ? std::nullopt : std::optional(ints(list)));
    cases.push_back(std::move(one));
  };
  cases.push_back({"Slice by attributes",
                   "Slice",
                   9,
                   {x},
                   {{"starts", Ints{1, -3}}, {"ends", Ints{4, 100}}, {"axes", Ints{0, 1}}},
                   {DType::Float32},
                   true});
  cases.push_back({"Slice by attributes without axes",
                   "Slice",
                   9,
                   {x},
                   {{"starts", Ints{1}}, {"ends", Ints{-1}}},
                   {DType::Float32},
                   true});
  slice("by inputs", 10, {{1, 0}, {3, 2}, {0, 2}});
  slice("with steps", 13, {{0, 3}, {kFar, -kFar}, {0, 1}, {2, -1}});
  slice("backwards", 11, {{-1}, {-6}, {0}, {-2}});
  slice("backwards from beyond", 13, {{100}, {0}, {1}, {-3}});
  slice("without axes", 13, {{1, 1, 1}, {-1, kFar, 2}});
  slice("without axes but with steps", 13, {{4, 0}, {1, 4}, {}, {-2, 3}});
  cases.push_back({"Slice of nothing", "Slice", 13, {x, ints({3}), ints({1}), ints({0})}});
}

void add_padding(std::vector<OperatorCase>& cases) {
  const auto x = uniform({2, 3, 4}, 131);
  const Ints pads{0, 1, 2, 1, 0, 1}, crop{0, -1, 1, 0, 0, -2};
  const auto mode = [](std::string text) { return std::map<std::string, model::Attribute>{{"mode", std::move(text)}}; };
  cases.push_back({"Pad by attributes", "Pad", 9, {x}, {{"pads", pads}, {"value", 0.5f}}, {DType::Float32}, true});
  cases.push_back({"Pad reflected by attributes",
                   "Pad",
                   9,
                   {x},
                   {{"pads", pads}, {"mode", std::string("reflect")}},
                   {DType::Float32},
                   true});
  cases.push_back({"Pad by inputs", "Pad", 11, {x, ints(pads), scalar(-1.5f)}, {}, {DType::Float32}, true, {2}});
  cases.push_back({"Pad with zeros", "Pad", 13, {x, ints(pads)}, {}, {DType::Float32}, true});
  cases.push_back({"Pad that crops", "Pad", 13, {x, ints(crop)}, {}, {DType::Float32}, true});
  cases.push_back({"Pad reflected", "Pad", 13, {x, ints(pads)}, mode("reflect"), {DType::Float32}, true});
  cases.push_back({"Pad by the edge", "Pad", 13, {x, ints(pads)}, mode("edge"), {DType::Float32}, true});
  cases.push_back({"Pad of integers", "Pad", 13, {ints({1, 2}), ints({1, 2}), scalar_int(7)}, {}, {DType::Int64}});
}

void add_making(std::vector<OperatorCase>& cases) {
  cases.push_back({"Constant tensor", "Constant", 9, {}, {{"value", uniform({2, 2}, 141)}}});
  cases.push_back({"Constant float", "Constant", 13, {}, {{"value_float", 2.5f}}});
  cases.push_back({"Constant floats", "Constant", 13, {}, {{"value_floats", std::vector<float>{1, 2.5f}}}});
  cases.push_back({"Constant int", "Constant", 13, {}, {{"value_int", std::int64_t{-3}}}, {DType::Int64}});
  cases.push_back({"Constant ints", "Constant", 13, {}, {{"value_ints", Ints{4, 5}}}, {DType::Int64}});
  cases.push_back({"ConstantOfShape", "ConstantOfShape", 9, {ints({2, 3})}});
  cases.push_back(
      {"ConstantOfShape with a value", "ConstantOfShape", 9, {ints({2, 3})}, {{"value", ints({-1})}}, {DType::Int64}});
  cases.push_back({"ConstantOfShape of a scalar",
                   "ConstantOfShape",
                   9,
                   {ints(std::vector<std::int64_t>{})},
                   {{"value", floats({1}, {0.5f})}}});
  cases.push_back({"Range", "Range", 11, {scalar_int(1), scalar_int(8), scalar_int(3)}, {}, {DType::Int64}});
  cases.push_back({"Range downwards", "Range", 11, {scalar_int(8), scalar_int(1), scalar_int(-2)}, {}, {DType::Int64}});
  cases.push_back({"Range of floats", "Range", 11, {scalar(0.5f), scalar(2), scalar(0.5f)}});
  cases.push_back({"Range of nothing", "Range", 11, {scalar_int(3), scalar_int(3), scalar_int(1)}, {}, {DType::Int64}});
}

}  // namespace

std::vector<OperatorCase> shape_cases() {
  std::vector<OperatorCase> cases;
  add_reshaping(cases);
  add_joining(cases);
  add_indexing(cases);
  add_padding(cases);
  add_making(cases);
  return cases;
}

std::vector<OperatorCase> reduction_cases() {
  std::vector<OperatorCase> cases;
  const auto x = distinct({2, 3, 4}, 151);
  const auto add = [&](std::string what, std::string op, std::int64_t opset,
                       std::map<std::string, model::Attribute> attributes,
                       std::vector<std::optional<model::Tensor>> more = {}) {
    more.insert(more.begin(), x);
    cases.push_back({op + what, op, opset, std::move(more), std::move(attributes), {DType::Float32}, true});
  };
  const std::int64_t zero = 0, one = 1;
  for (const std::string op : {"ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"}) {
    add(" by attribute", op, 11, {{"axes", Ints{0, -1}}});
    add(" without keeping", op, 9, {{"axes", Ints{1}}, {"keepdims", zero}});
    add(" of everything", op, 9, {});
  }
  add(" of opset 17", "ReduceMean", 17, {{"axes", Ints{-1}}});
  add(" by input", "ReduceSum", 13, {{"keepdims", zero}}, {ints({1, -1})});
  add(" of everything, opset 13", "ReduceSum", 13, {});
  add(" of nothing", "ReduceSum", 13, {{"noop_with_empty_axes", one}});
  cases.push_back(
      {"ReduceSum of integers", "ReduceSum", 13, {ints({2, 2}, {1, 2, 3, 4}), ints({0})}, {}, {DType::Int64}});
  cases.push_back(
      {"ReduceMax of integers", "ReduceMax", 13, {ints({2, 2}, {1, 2, 3, 4})}, {{"axes", Ints{0}}}, {DType::Int64}});
  cases.push_back({"ReduceMean of int32",
                   "ReduceMean",
                   13,
                   {as(DType::Int32, ints({2, 2}, {1, -2, 4, -5}))},
                   {{"axes", Ints{0}}},
                   {DType::Int32}});
  const auto tied = floats({2, 4}, {1, 3, 3, 0, 5, 5, 5, 2});
  cases.push_back({"ArgMax", "ArgMax", 13, {tied}, {{"axis", one}}, {DType::Int64}});
  cases.push_back({"ArgMax of the last",
                   "ArgMax",
                   12,
                   {tied},
                   {{"axis", std::int64_t{-1}}, {"select_last_index", one}},
                   {DType::Int64}});
  cases.push_back({"ArgMax without keeping", "ArgMax", 9, {tied}, {{"keepdims", zero}}, {DType::Int64}});
  for (const std::string op : {"Softmax", "LogSoftmax"}) {
    add(" of opset 9 folds to a matrix", op, 9, {});
    add(" of opset 11 folds at 2", op, 11, {{"axis", std::int64_t{2}}});
    add(" of opset 12 folds at 0", op, 12, {{"axis", zero}});
    add(" of opset 11 from behind", op, 11, {{"axis", std::int64_t{-2}}});
    add(" of opset 13", op, 13, {});
    add(" of opset 13 over axis 1", op, 13, {{"axis", one}});
  }
  const auto image = distinct({2, 3, 4, 5}, 152);
  for (const std::string op : {"GlobalAveragePool", "GlobalMaxPool"}) {
    cases.push_back({op, op, 9, {image}, {}, {DType::Float32}, true});
    cases.push_back({op + " of a sequence", op, 9, {x}, {}, {DType::Float32}, true});
  }
  return cases;
}

}  // namespace tributary::learn::testing
