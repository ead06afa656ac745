// common/learn/trace.h
//
// Looks into a graph while it predicts: every value between the nodes, not the output alone. For calibration, for the
// shapes and costs of layers, and for folding what is constant. Slower than a Network; LibTorch stays out of this
// header.
// A Trace belongs to one thread at a time. Every call runs on one intra-op thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/model/graph.h"

namespace tributary::learn {

// A value that a node has just made, or the graph's input. Valid while it is shown.
struct TracedValue {
  const std::string& name;
  const model::Node* node = nullptr;  // null: the graph's input
  std::vector<std::int64_t> shape;
  std::span<const float> values;  // row-major; other types than float32 converted
};

class Trace {
 public:
  // Keeps the graph's constants and parameters as they are now. Throws Unsupported or Malformed as Network::compile()
  // does, for every node of the graph.
  static std::unique_ptr<Trace> compile(const model::Graph& graph);
  virtual ~Trace() = default;

  // Runs the graph on `examples` rows of features in evaluation mode and shows the graph's input and then every output
  // of every node that `wanted` says yes to. Throws as Network::predict() does.
  using Wanted = std::function<bool(const std::string& name)>;
  using Visit = std::function<void(const TracedValue&)>;
  virtual void run(std::span<const float> features, std::size_t examples, const Wanted& wanted, const Visit& visit) = 0;
};

// Every output of a node that depends on neither the graph's input nor chance, by name. What a Constant node holds is
// among them; initialisers are not. A node that cannot be run, or whose values would take more than four times the
// memory of its inputs and more than 4 KiB, is left out with all that reads it, as are DequantizeLinear and
// QuantizeLinear: to fold them would undo a compression.
std::map<std::string, model::Tensor> constant_values(const model::Graph& graph);

}  // namespace tributary::learn
