#include "tests/learn/cases.h"

namespace tributary::learn::testing {

using model::DType;

namespace {

using Attributes = std::map<std::string, model::Attribute>;
using Inputs = std::vector<std::optional<model::Tensor>>;

OperatorCase smooth_case(std::string what, std::string op, std::int64_t opset, Inputs inputs,
                         Attributes attributes = {}) {
  return {std::move(what), std::move(op), opset, std::move(inputs), std::move(attributes), {DType::Float32}, true};
}

constexpr std::int64_t kYes = 1;

void add_products(std::vector<OperatorCase>& cases) {
  const auto a = uniform({2, 3}, 201), b = uniform({3, 4}, 202), c = uniform({4}, 203);
  cases.push_back(smooth_case("Gemm", "Gemm", 9, {a, b, c}));
  cases.push_back(smooth_case("Gemm of transposed matrices", "Gemm", 13,
                              {uniform({3, 2}, 204), uniform({4, 3}, 205), c}, {{"transA", kYes}, {"transB", kYes}}));
  cases.push_back(smooth_case("Gemm with alpha and beta", "Gemm", 11, {a, b, uniform({2, 1}, 206)},
                              {{"alpha", 0.5f}, {"beta", 2.0f}}));
  cases.push_back(smooth_case("Gemm without a bias", "Gemm", 11, {a, b}, {{"alpha", 0.5f}}));
  cases.push_back(smooth_case("Gemm with a scalar bias", "Gemm", 13, {a, b, scalar(0.5f)}));
  cases.push_back(smooth_case("MatMul", "MatMul", 9, {a, b}));
  cases.push_back(smooth_case("MatMul of stacks", "MatMul", 13, {uniform({2, 1, 2, 3}, 207), uniform({4, 3, 2}, 208)}));
  cases.push_back(smooth_case("MatMul of a stack by a matrix", "MatMul", 13, {uniform({2, 2, 3}, 209), b}));
  cases.push_back(smooth_case("MatMul by a vector", "MatMul", 13, {a, uniform({3}, 210)}));
  cases.push_back(smooth_case("MatMul of a vector", "MatMul", 13, {uniform({3}, 211), b}));
}

void add_normalisations(std::vector<OperatorCase>& cases) {
  const auto image = uniform({2, 3, 2, 2}, 221), scale = uniform({3}, 222, 0.5, 1.5), shift = uniform({3}, 223),
             mean = uniform({3}, 224), variance = uniform({3}, 225, 0.5, 2);
  for (const std::int64_t opset : {9, 14, 15}) {
    OperatorCase one = smooth_case("BatchNormalization of opset " + std::to_string(opset), "BatchNormalization", opset,
                                   {image, scale, shift, mean, variance}, {{"epsilon", 1e-3f}});
    one.constants = {3, 4};
    cases.push_back(std::move(one));
  }
  OperatorCase rows = smooth_case("BatchNormalization of rows", "BatchNormalization", 15,
                                  {uniform({4, 3}, 226), scale, shift, mean, variance});
  rows.constants = {3, 4};
  cases.push_back(std::move(rows));
  const auto x = uniform({2, 3, 4}, 227);
  cases.push_back(
      smooth_case("LayerNormalization", "LayerNormalization", 17, {x, uniform({4}, 228), uniform({4}, 229)}));
  cases.back().outputs = {DType::Float32, DType::Float32, DType::Float32};
  cases.push_back(smooth_case("LayerNormalization without a shift", "LayerNormalization", 17, {x, uniform({4}, 228)},
                              {{"epsilon", 0.1f}}));
  cases.push_back(smooth_case("LayerNormalization over two axes", "LayerNormalization", 17,
                              {x, uniform({3, 4}, 230), uniform({3, 4}, 231)}, {{"axis", kYes}}));
  cases.push_back(smooth_case("LayerNormalization with a broadcast scale", "LayerNormalization", 17,
                              {x, uniform({4}, 232), uniform({4}, 233)}, {{"axis", kYes}}));
}

void add_dropout(std::vector<OperatorCase>& cases) {
  const auto x = uniform({2, 3}, 241);
  cases.push_back(smooth_case("Dropout of opset 10", "Dropout", 10, {x}, {{"ratio", 0.3f}}));
  cases.push_back(smooth_case("Dropout of opset 13", "Dropout", 13, {x, scalar(0.3f), bools({}, {false})}));
  cases.back().constants = {1};
  cases.push_back({"Dropout's mask", "Dropout", 13, {x}, {}, {DType::Float32, DType::Bool}});
}

}  // namespace

std::vector<OperatorCase> layer_cases() {
  std::vector<OperatorCase> cases;
  add_products(cases);
  add_normalisations(cases);
  add_dropout(cases);
  return cases;
}

std::vector<OperatorCase> window_cases() {
  std::vector<OperatorCase> cases;
  const auto add = [&](std::string what, std::string op, Inputs inputs, Attributes attributes,
                       std::int64_t opset = 11) {
    cases.push_back(smooth_case(op + " " + what, op, opset, std::move(inputs), std::move(attributes)));
  };
  const auto image = uniform({2, 4, 5, 6}, 251), kernel = uniform({3, 4, 3, 2}, 252), bias = uniform({3}, 253);
  add("plain", "Conv", {image, kernel, bias}, {}, 9);
  add("with strides and pads", "Conv", {image, kernel, bias}, {{"strides", Ints{2, 1}}, {"pads", Ints{1, 1, 1, 1}}});
  add("with uneven pads", "Conv", {image, kernel}, {{"pads", Ints{0, 1, 2, 0}}, {"kernel_shape", Ints{3, 2}}});
  add("with dilations", "Conv", {image, kernel}, {{"dilations", Ints{2, 3}}, {"pads", Ints{1, 2, 1, 2}}});
  add("in groups", "Conv", {image, uniform({6, 2, 3, 3}, 254), uniform({6}, 255)}, {{"group", std::int64_t{2}}});
  add("depthwise", "Conv", {image, uniform({4, 1, 3, 3}, 256)},
      {{"group", std::int64_t{4}}, {"pads", Ints{1, 1, 1, 1}}});
  for (const std::string same : {"SAME_UPPER", "SAME_LOWER"})
    add(same, "Conv", {image, kernel}, {{"auto_pad", same}, {"strides", Ints{2, 1}}});
  add("VALID", "Conv", {image, kernel}, {{"auto_pad", std::string("VALID")}});
  const auto signal = uniform({2, 3, 9}, 257);
  add("of a signal", "Conv", {signal, uniform({2, 3, 4}, 258), uniform({2}, 259)},
      {{"strides", Ints{2}}, {"pads", Ints{1, 2}}});
  add("of a volume", "Conv", {uniform({1, 2, 3, 4, 3}, 260), uniform({2, 2, 2, 2, 2}, 261)}, {});

  const auto picture = distinct({2, 2, 5, 6}, 262, 0.1), line = distinct({2, 2, 9}, 263, 0.1);
  for (const std::string op : {"MaxPool", "AveragePool"}) {
    const Ints three{3, 3};
    add("plain", op, {picture}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}, 9);
    add("without strides", op, {picture}, {{"kernel_shape", three}});
    add("with pads", op, {picture}, {{"kernel_shape", three}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
    add("with uneven pads", op, {picture},
        {{"kernel_shape", three}, {"strides", Ints{2, 1}}, {"pads", Ints{0, 1, 2, 0}}});
    add("with wide pads", op, {picture},
        {{"kernel_shape", Ints{2, 3}}, {"pads", Ints{1, 2, 1, 2}}, {"strides", Ints{2, 2}}});
    add("with ceil_mode", op, {picture}, {{"kernel_shape", three}, {"strides", Ints{2, 2}}, {"ceil_mode", kYes}});
    add("with ceil_mode and pads", op, {picture},
        {{"kernel_shape", three}, {"strides", Ints{2, 2}}, {"pads", Ints{0, 1, 0, 1}}, {"ceil_mode", kYes}});
    for (const std::string same : {"SAME_UPPER", "SAME_LOWER"})
      add(same, op, {picture}, {{"kernel_shape", Ints{2, 3}}, {"strides", Ints{2, 2}}, {"auto_pad", same}});
    add("VALID", op, {picture}, {{"kernel_shape", three}, {"auto_pad", std::string("VALID")}});
    add("of a signal", op, {line}, {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"pads", Ints{1, 0}}});
  }
  add("dilated", "MaxPool", {picture},
      {{"kernel_shape", Ints{2, 2}}, {"dilations", Ints{2, 3}}, {"pads", Ints{1, 1, 1, 1}}}, 12);
  add("counting even pads", "AveragePool", {picture},
      {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"count_include_pad", kYes}});
  add("counting uneven pads", "AveragePool", {picture},
      {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{0, 1, 2, 0}}, {"count_include_pad", kYes}});
  add("counting pads of a signal", "AveragePool", {line},
      {{"kernel_shape", Ints{4}}, {"strides", Ints{3}}, {"pads", Ints{2, 1}}, {"count_include_pad", kYes}});
  return cases;
}

}  // namespace tributary::learn::testing
