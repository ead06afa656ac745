// tests/edge/models.h
//
// What the tests of this room are run on: the zoo, and the models that torch.onnx.export wrote.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/model/zoo.h"
#include "tests/learn/cases.h"

namespace tributary::edge::testing {

struct NamedGraph {
  std::string name;
  model::Graph graph;
};

inline std::vector<NamedGraph> zoo_graphs() {
  std::vector<NamedGraph> graphs;
  for (const char* name : {"linear", "2nn", "cnn", "lenet", "mlp:20-30-10-3"})
    graphs.push_back({name, model::make_zoo_model(name, 1)});
  return graphs;
}

inline std::vector<NamedGraph> exported_graphs() {
  std::vector<NamedGraph> graphs;
  const Path folder = TRIBUTARY_TEST_MODELS;
  for (const auto& file : RealFiles().list(folder))
    if (file.ends_with(".onnx")) graphs.push_back({file, model::Graph::load(folder / file)});
  return graphs;
}

inline std::vector<NamedGraph> all_graphs() {
  auto graphs = zoo_graphs();
  for (auto& exported : exported_graphs()) graphs.push_back(std::move(exported));
  return graphs;
}

// Three examples: waves, or tokens of the exported models' vocabulary.
inline model::Tensor examples(const model::Graph& graph) {
  const auto& input = graph.example_input();
  auto shape = input.shape;
  shape[0] = 3;
  const bool tokens = input.type == model::DType::Int64;
  std::uint64_t size = 1;
  for (const auto dimension : shape) size *= static_cast<std::uint64_t>(dimension);
  std::vector<float> values(size);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = tokens ? static_cast<float>(i * 7 % 50) : static_cast<float>(std::sin(static_cast<double>(i)));
  return learn::testing::as(input.type, learn::testing::floats(shape, values));
}

}  // namespace tributary::edge::testing
