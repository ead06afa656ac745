// tests/codec/edge_models.h
//
// Models for the tests of edge copies: layouts with channels on every kind of axis, and values of several kinds.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "common/base/random.h"
#include "common/codec/edge_copy.h"

namespace tributary::codec {

inline model::TensorSpec weight(std::string name, std::vector<std::int64_t> shape, std::uint64_t channels,
                                std::uint64_t stride) {
  return {.name = std::move(name),
          .shape = std::move(shape),
          .role = model::Role::Weight,
          .channels = channels,
          .channel_stride = stride};
}

inline model::TensorSpec other(std::string name, std::vector<std::int64_t> shape, model::Role role) {
  return {.name = std::move(name), .shape = std::move(shape), .role = role};
}

// Matrices of both orders, a kernel, a tensor of two blocks and a bit, single elements, odd sizes.
inline model::LayoutPtr many_shapes() {
  static const auto made = std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{
      weight("dense", {50, 61}, 50, 61),
      other("dense.bias", {50}, model::Role::Vector),
      weight("transposed", {61, 33}, 33, 1),
      weight("kernel", {8, 3, 3, 3}, 8, 27),
      other("mean", {8}, model::Role::State),
      weight("long", {130, 2029}, 130, 2029),
      weight("wide", {3, 7001}, 7001, 1),
      weight("one", {1, 1}, 1, 1),
      weight("odd", {3, 5}, 3, 5),
      weight("single channel", {9, 11}, 1, 99),
      other("tail", {1}, model::Role::Vector),
  });
  return made;
}

inline model::LayoutPtr small_model() {
  static const auto made = std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{
      weight("w", {7, 13}, 7, 13), other("b", {7}, model::Role::Vector), weight("v", {5, 3}, 3, 1)});
  return made;
}

inline model::ParameterSet filled(const model::LayoutPtr& layout, const std::function<float(std::uint64_t)>& value) {
  model::ParameterSet set(layout);
  for (std::uint64_t i = 0; i < layout->size(); ++i) set.values()[i] = value(i);
  return set;
}

inline model::ParameterSet gaussian(const model::LayoutPtr& layout, std::uint64_t seed = 1) {
  RandomStream random(seed, "weights");
  return filled(layout, [&](std::uint64_t) { return static_cast<float>(0.05 * random.normal()); });
}

// Every way to write weights, half of them pruned.
inline std::vector<EdgePlan> forms() {
  return {{.bits = 32}, {.bits = 8, .levels = 100}, {.bits = 8, .block = 4096}, {.bits = 4}, {.bits = 4, .block = 64},
          {.bits = 2},  {.bits = 2, .block = 256}};
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

inline std::uint64_t zeros_of(std::span<const float> values) {
  return static_cast<std::uint64_t>(std::count(values.begin(), values.end(), 0.0F));
}

}  // namespace tributary::codec
