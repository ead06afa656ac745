// tests/predictor/models.h
//
// Small models whose answers say which they are.
#pragma once

#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/model/zoo.h"
#include "participant/predictor/engine.h"

namespace tributary::predictor::testing {

// linear:3-2 with every weight `value`: each output is value * (sum of the inputs), plus value.
inline model::Graph constant_model(float value) {
  model::Graph graph = model::make_zoo_model("linear:3-2", 1);
  model::ParameterSet parameters = graph.parameters();
  for (float& each : parameters.values()) each = value;
  graph.set_parameters(parameters);
  return graph;
}

inline std::vector<float> noise(std::size_t count, std::uint64_t seed) {
  RandomStream random(StreamName{seed, "test", 0, {}});
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

}  // namespace tributary::predictor::testing
