// tests/learn/graph_maker.h
//
// Small graphs, written as one would say them.
#pragma once

#include <string>
#include <utility>

#include "tests/learn/cases.h"

namespace tributary::learn::testing {

class GraphMaker {
 public:
  explicit GraphMaker(Ints input_shape, model::DType type = model::DType::Float32, std::int64_t opset = 17) {
    graph_.name = "small";
    graph_.opset = opset;
    graph_.inputs.push_back({"x", type, std::move(input_shape)});
  }

  // An initialiser.
  GraphMaker& value(const std::string& name, model::Tensor tensor) {
    graph_.initializers[name] = std::move(tensor);
    return *this;
  }
  // A node called after its (first) output.
  GraphMaker& node(const std::string& output, std::string op, std::vector<std::string> inputs,
                   std::map<std::string, model::Attribute> attributes = {}) {
    graph_.nodes.push_back({output, std::move(op), std::move(inputs), {output}, std::move(attributes)});
    return *this;
  }
  model::Graph output(const std::string& name, Ints shape = {-1, -1}) {
    graph_.outputs = {{name, model::DType::Float32, std::move(shape)}};
    return graph_;
  }
  model::Graph& graph() { return graph_; }

 private:
  model::Graph graph_;
};

// y = x W^T + b with W = [[1, 2], [3, 4], [5, 6]], b = [0.1, 0.2, 0.3]; then the operators named, one after another.
inline model::Graph linear_model(const std::vector<std::string>& then = {}) {
  GraphMaker maker({-1, 2});
  maker.value("W", floats({3, 2}, {1, 2, 3, 4, 5, 6})).value("b", floats({3}, {0.1f, 0.2f, 0.3f}));
  maker.node("y0", "Gemm", {"x", "W", "b"}, {{"transB", std::int64_t{1}}});
  std::string last = "y0";
  for (std::size_t i = 0; i < then.size(); ++i) {
    const std::string next = "y" + std::to_string(i + 1);
    maker.node(next, then[i], {last});
    last = next;
  }
  return maker.output(last);
}

}  // namespace tributary::learn::testing
