// tests/learn/toy_data.h
//
// A seeded, separable problem: each class is a fixed random prototype, each example a prototype with noise.
#pragma once

#include <algorithm>

#include "common/base/random.h"
#include "common/data/dataset.h"
#include "tests/learn/cases.h"

namespace tributary::learn::testing {

inline data::View toy_problem(Ints shape, std::uint32_t classes, std::uint32_t examples, double noise = 0.2,
                              std::uint64_t seed = 1) {
  RandomStream random(seed, "toy problem");
  std::size_t size = 1;
  for (const auto dimension : shape) size *= static_cast<std::size_t>(dimension);
  std::vector<float> prototypes(classes * size), features, labels;
  for (auto& value : prototypes) value = static_cast<float>(random.normal());
  for (std::uint32_t i = 0; i < examples; ++i) {
    const std::uint32_t label = i % classes;
    labels.push_back(static_cast<float>(label));
    for (std::size_t j = 0; j < size; ++j)
      features.push_back(prototypes[label * size + j] + static_cast<float>(noise * random.normal()));
  }
  return data::whole(data::in_memory(std::move(shape), std::move(features), std::move(labels), classes));
}

}  // namespace tributary::learn::testing
