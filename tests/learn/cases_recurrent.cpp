#include "tests/learn/cases.h"

namespace tributary::learn::testing {

using model::DType;

namespace {

using Attributes = std::map<std::string, model::Attribute>;

constexpr std::int64_t kSteps = 4, kBatch = 3, kInputs = 2, kHidden = 3;

struct Variant {
  std::string what;
  std::string direction = "forward";
  bool bias = false, lengths = false, states = false, batch_first = false;
  Attributes more = {};
  std::int64_t opset = 14;
};

OperatorCase recurrent_case(const std::string& op, const Variant& v) {
  const bool lstm = op == "LSTM";
  const std::int64_t directions = v.direction == "bidirectional" ? 2 : 1, gates = lstm ? 4 : 3;
  const Ints state = v.batch_first ? Ints{kBatch, directions, kHidden} : Ints{directions, kBatch, kHidden};
  OperatorCase one{op + " " + v.what, op, v.opset, {}, v.more, {DType::Float32, DType::Float32}, true};
  one.attributes["hidden_size"] = kHidden;
  one.attributes["direction"] = v.direction;
  if (v.batch_first) one.attributes["layout"] = std::int64_t{1};
  one.inputs = {uniform(v.batch_first ? Ints{kBatch, kSteps, kInputs} : Ints{kSteps, kBatch, kInputs}, 301),
                uniform({directions, gates * kHidden, kInputs}, 302),
                uniform({directions, gates * kHidden, kHidden}, 303)};
  const auto optional = [&](bool present, model::Tensor tensor) {
    one.inputs.push_back(present ? std::optional(std::move(tensor)) : std::nullopt);
  };
  optional(v.bias, uniform({directions, 2 * gates * kHidden}, 304));
  optional(v.lengths, as(DType::Int32, ints({4, 1, 3})));
  optional(v.states, uniform(state, 305));
  if (lstm) {
    optional(v.states, uniform(state, 306));
    one.outputs.push_back(DType::Float32);
  }
  return one;
}

}  // namespace

std::vector<OperatorCase> recurrent_cases() {
  std::vector<OperatorCase> cases;
  for (const std::string op : {"LSTM", "GRU"}) {
    cases.push_back(recurrent_case(op, {.what = "plain", .opset = 9}));
    cases.push_back(recurrent_case(op, {.what = "with biases and states", .bias = true, .states = true}));
    cases.push_back(recurrent_case(op, {.what = "reversed", .direction = "reverse", .bias = true, .opset = 11}));
    cases.push_back(
        recurrent_case(op, {.what = "both ways", .direction = "bidirectional", .bias = true, .states = true}));
    cases.push_back(recurrent_case(op, {.what = "of ragged sequences", .bias = true, .lengths = true, .states = true}));
    cases.push_back(
        recurrent_case(op, {.what = "of ragged sequences both ways", .direction = "bidirectional", .lengths = true}));
  }
  cases.push_back(recurrent_case(
      "GRU",
      {.what = "with reset after the product", .bias = true, .more = {{"linear_before_reset", std::int64_t{1}}}}));
  cases.push_back(recurrent_case("GRU", {.what = "with reset after the product both ways",
                                         .direction = "bidirectional",
                                         .bias = true,
                                         .states = true,
                                         .more = {{"linear_before_reset", std::int64_t{1}}}}));
  cases.push_back(
      recurrent_case("LSTM", {.what = "with its own activations named",
                              .more = {{"activations", std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"}}}}));
  return cases;
}

std::vector<OperatorCase> quantization_cases() {
  std::vector<OperatorCase> cases;
  const auto zero = [](DType type, float value) { return as(type, scalar(value)); };
  // Multiples of half a step: ties go to the even neighbour; the ends saturate.
  const auto x = floats({2, 6}, {-200, -1.25f, -0.75f, -0.25f, 0.25f, 0.75f, 1.25f, 1.75f, 30, 63.5f, 64, 200});
  cases.push_back({"QuantizeLinear to uint8",
                   "QuantizeLinear",
                   13,
                   {x, scalar(0.5f), zero(DType::UInt8, 128)},
                   {},
                   {DType::UInt8}});
  cases.push_back(
      {"QuantizeLinear to int8", "QuantizeLinear", 13, {x, scalar(0.5f), zero(DType::Int8, 0)}, {}, {DType::Int8}});
  cases.push_back({"QuantizeLinear without a zero point", "QuantizeLinear", 10, {x, scalar(0.5f)}, {}, {DType::UInt8}});
  cases.push_back({"QuantizeLinear per channel",
                   "QuantizeLinear",
                   13,
                   {x, floats({2}, {0.5f, 2}), as(DType::Int8, floats({2}, {3, -7}))},
                   {{"axis", std::int64_t{0}}},
                   {DType::Int8}});
  cases.push_back(
      {"QuantizeLinear per default axis",
       "QuantizeLinear",
       13,
       {uniform({2, 3, 2}, 311, -5, 5), floats({3}, {0.1f, 0.02f, 0.5f}), as(DType::UInt8, floats({3}, {0, 128, 255}))},
       {},
       {DType::UInt8}});
  const auto q = as(DType::Int8, uniform({2, 3, 4}, 312, -128, 127));
  const auto u = as(DType::UInt8, uniform({2, 3, 4}, 313, 0, 255));
  cases.push_back({"DequantizeLinear of int8", "DequantizeLinear", 13, {q, scalar(0.03f), zero(DType::Int8, -5)}});
  cases.push_back({"DequantizeLinear of uint8", "DequantizeLinear", 10, {u, scalar(0.03f), zero(DType::UInt8, 128)}});
  cases.push_back({"DequantizeLinear without a zero point", "DequantizeLinear", 13, {q, scalar(0.5f)}});
  cases.push_back({"DequantizeLinear per channel",
                   "DequantizeLinear",
                   13,
                   {q, floats({3}, {0.1f, 0.2f, 0.4f}), as(DType::Int8, floats({3}, {1, 0, -1}))},
                   {{"axis", std::int64_t{-2}}}});
  cases.push_back({"DequantizeLinear of an int32 bias",
                   "DequantizeLinear",
                   13,
                   {as(DType::Int32, floats({3}, {-70000, 5, 100000})), floats({3}, {0.1f, 0.2f, 0.4f})},
                   {{"axis", std::int64_t{0}}}});
  const std::vector<DType> dynamic{DType::UInt8, DType::Float32, DType::UInt8};
  cases.push_back(
      {"DynamicQuantizeLinear of both signs", "DynamicQuantizeLinear", 11, {uniform({3, 5}, 314, -2, 5)}, {}, dynamic});
  cases.push_back(
      {"DynamicQuantizeLinear of one sign", "DynamicQuantizeLinear", 11, {uniform({7}, 315, 2, 5)}, {}, dynamic});
  cases.push_back(
      {"DynamicQuantizeLinear of negatives", "DynamicQuantizeLinear", 11, {uniform({7}, 316, -5, -2)}, {}, dynamic});
  return cases;
}

}  // namespace tributary::learn::testing
