#include <limits>

#include "tests/learn/cases.h"

namespace tributary::learn::testing {

using model::DType;

namespace {

void add_unary(std::vector<OperatorCase>& cases) {
  const auto add = [&](std::string op, model::Tensor x, std::int64_t opset = 17, std::string what = "",
                       std::map<std::string, model::Attribute> attributes = {}) {
    cases.push_back({op + what, op, opset, {std::move(x)}, std::move(attributes), {DType::Float32}, true});
  };
  add("Abs", smooth({2, 3}, 1));
  add("Elu", smooth({2, 3}, 2));
  add("Elu", smooth({2, 3}, 2), 9, " alpha", {{"alpha", 0.7f}});
  add("Erf", uniform({2, 3}, 3, -2, 2));
  add("Exp", uniform({2, 3}, 4));
  add("HardSigmoid", smooth({3, 5}, 5, -4, 4, 2.5));
  add("HardSigmoid", smooth({3, 5}, 5, -4, 4, 2), 9, " alpha and beta", {{"alpha", 0.25f}, {"beta", 0.5f}});
  add("HardSwish", smooth({3, 5}, 6, -5, 5, 3));
  add("LeakyRelu", smooth({2, 3}, 7));
  add("LeakyRelu", smooth({2, 3}, 7), 9, " alpha", {{"alpha", 0.3f}});
  add("Log", uniform({2, 3}, 8, 0.2, 3));
  add("Neg", uniform({2, 3}, 9));
  add("Reciprocal", uniform({2, 3}, 10, 0.5, 2));
  add("Relu", smooth({2, 3}, 11));
  add("Relu", smooth({2, 3}, 11), 9, " of opset 9");
  add("Selu", smooth({2, 3}, 12));
  add("Selu", smooth({2, 3}, 12), 9, " alpha and gamma", {{"alpha", 1.2f}, {"gamma", 1.5f}});
  add("Sigmoid", uniform({2, 3}, 13, -4, 4));
  add("Sign", smooth({2, 3}, 14));
  add("Softplus", uniform({2, 3}, 15, -4, 4));
  add("Softplus", floats({4}, {-90, 15, 25, 90}), 17, " far out");
  add("Sqrt", uniform({2, 3}, 16, 0.2, 4));
  add("Tanh", uniform({2, 3}, 17, -2, 2));
  cases.push_back({"Not", "Not", 17, {bools({3}, {true, false, true})}, {}, {DType::Bool}});
  cases.push_back({"Abs of integers", "Abs", 13, {ints({-3, 0, 5})}, {}, {DType::Int64}});
  cases.push_back({"Sign with zero", "Sign", 13, {floats({3}, {-0.5f, 0, 2})}});
}

void add_arithmetic(std::vector<OperatorCase>& cases) {
  for (const std::string op : {"Add", "Sub", "Mul", "Div", "Max", "Min"}) {
    const bool ties = op == "Max" || op == "Min";
    const auto b = op == "Div" ? uniform({3}, 21, 0.5, 2) : distinct({3}, 22, 0.3);
    cases.push_back({op + " broadcast", op, 17, {distinct({2, 3}, 23), b}, {}, {DType::Float32}, true});
    if (!ties || op == "Max")
      cases.push_back({op + " of opset 9",
                       op,
                       9,
                       {distinct({2, 1, 3}, 24), uniform({4, 1}, 25, 0.5, 2)},
                       {},
                       {DType::Float32},
                       !ties});
  }
  cases.push_back({"Div of integers truncates",
                   "Div",
                   14,
                   {ints({7, -7, 7, -7, -8}), ints({2, 2, -2, -2, 3})},
                   {},
                   {DType::Int64}});
  cases.push_back({"Div of integers by -1", "Div", 14, {ints({7, -7, 0}), ints({-1})}, {}, {DType::Int64}});
  cases.push_back({"Add of integers", "Add", 14, {ints({7, -7}), scalar_int(5)}, {}, {DType::Int64}});
  cases.push_back(
      {"Mul of int32", "Mul", 14, {as(DType::Int32, ints({7, -7})), as(DType::Int32, ints({3}))}, {}, {DType::Int32}});
  for (const std::string op : {"Sum", "Max", "Min"})
    cases.push_back({op + " of three",
                     op,
                     13,
                     {distinct({2, 3}, 26), distinct({3}, 27, 0.31), distinct({2, 1}, 28, 0.37)},
                     {},
                     {DType::Float32},
                     true});
  cases.push_back({"Sum of one", "Sum", 9, {uniform({2, 3}, 29)}, {}, {DType::Float32}, true});
  cases.push_back(
      {"Pow by a scalar", "Pow", 15, {uniform({2, 3}, 30, -2, 2), scalar(2)}, {}, {DType::Float32}, true, {1}});
  cases.push_back({"Pow by a tensor",
                   "Pow",
                   12,
                   {uniform({2, 3}, 31, 0.5, 2), uniform({3}, 32, -2, 2)},
                   {},
                   {DType::Float32},
                   true});
  cases.push_back({"Pow by an integer", "Pow", 13, {uniform({2, 3}, 33), ints({3})}, {}, {DType::Float32}, true});
  cases.push_back(
      {"Pow of opset 9", "Pow", 9, {uniform({2, 3}, 34, 0.5, 2), scalar(0.5f)}, {}, {DType::Float32}, true, {1}});
  cases.push_back({"Pow of integers", "Pow", 15, {ints({2, -3, 4}), ints({3})}, {}, {DType::Int64}});
  cases.push_back(
      {"PRelu", "PRelu", 16, {smooth({2, 3, 4}, 35), uniform({3, 1}, 36, 0.1, 0.5)}, {}, {DType::Float32}, true});
  cases.push_back(
      {"PRelu of opset 9", "PRelu", 9, {smooth({2, 3}, 37), uniform({1}, 38, 0.1, 0.5)}, {}, {DType::Float32}, true});
}

void add_comparisons(std::vector<OperatorCase>& cases) {
  const auto a = floats({2, 3}, {1, 2, 3, 4, 5, 6}), b = floats({3}, {2, 2, 5});
  for (const std::string op : {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
    cases.push_back({op, op, 16, {a, b}, {}, {DType::Bool}});
  cases.push_back({"Equal of integers", "Equal", 9, {ints({1, 2, 3}), ints({3, 2, 1})}, {}, {DType::Bool}});
  cases.push_back({"Less of opset 9", "Less", 9, {a, b}, {}, {DType::Bool}});
  for (const std::string op : {"And", "Or"})
    cases.push_back({op,
                     op,
                     17,
                     {bools({4}, {true, true, false, false}), bools({4}, {true, false, true, false})},
                     {},
                     {DType::Bool}});
  cases.push_back({"Where",
                   "Where",
                   16,
                   {bools({2, 1}, {true, false}), uniform({2, 3}, 41), uniform({3}, 42)},
                   {},
                   {DType::Float32},
                   true});
  cases.push_back({"Where of integers",
                   "Where",
                   9,
                   {bools({3}, {true, false, true}), ints({1, 2, 3}), scalar_int(-1)},
                   {},
                   {DType::Int64}});
}

void add_clip_and_cast(std::vector<OperatorCase>& cases) {
  const auto x = smooth({3, 4}, 51, -2, 2, 0.5);
  cases.push_back({"Clip with attributes", "Clip", 9, {x}, {{"min", -0.5f}, {"max", 1.0f}}, {DType::Float32}, true});
  cases.push_back({"Clip of opset 9 with one bound", "Clip", 9, {x}, {{"min", -0.5f}}, {DType::Float32}, true});
  cases.push_back({"Clip with inputs", "Clip", 11, {x, scalar(-0.5f), scalar(1)}, {}, {DType::Float32}, true, {1, 2}});
  cases.push_back(
      {"Clip with the upper bound alone", "Clip", 13, {x, std::nullopt, scalar(1)}, {}, {DType::Float32}, true, {2}});
  cases.push_back({"Clip with the lower bound alone", "Clip", 13, {x, scalar(0.5f)}, {}, {DType::Float32}, true, {1}});
  cases.push_back({"Clip without bounds", "Clip", 13, {x}, {}, {DType::Float32}, true});
  cases.push_back(
      {"Clip of integers", "Clip", 12, {ints({-3, 0, 9}), scalar_int(-1), scalar_int(4)}, {}, {DType::Int64}});
  const std::vector<std::pair<DType, std::int64_t>> codes{{DType::Float32, 1}, {DType::UInt8, 2}, {DType::Int8, 3},
                                                          {DType::Int32, 6},   {DType::Int64, 7}, {DType::Bool, 9},
                                                          {DType::Float64, 11}};
  for (const auto& [type, code] : codes) {
    const auto positive = floats({5}, {0, 0.5f, 1.7f, 2.5f, 100});
    cases.push_back({"Cast to " + std::string(name_of(type)), "Cast", 13, {positive}, {{"to", code}}, {type}});
    cases.push_back({"Cast from " + std::string(name_of(type)),
                     "Cast",
                     9,
                     {as(type, floats({3}, {0, 1, 1}))},
                     {{"to", std::int64_t{1}}},
                     {DType::Float32}});
  }
  cases.push_back({"Cast truncates towards 0",
                   "Cast",
                   13,
                   {floats({4}, {-1.5f, -0.5f, 1.5f, 2.9f})},
                   {{"to", std::int64_t{7}}},
                   {DType::Int64}});
}

}  // namespace

std::vector<OperatorCase> pointwise_cases() {
  std::vector<OperatorCase> cases;
  add_unary(cases);
  add_arithmetic(cases);
  add_comparisons(cases);
  add_clip_and_cast(cases);
  return cases;
}

}  // namespace tributary::learn::testing
