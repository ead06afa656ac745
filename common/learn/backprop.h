// common/learn/backprop.h
//
// The gradient of a loss that the caller computes, from any values of a graph: for distillation, whose loss looks at
// another model's answers and at values in the middle. LibTorch stays out of this header.
// An object belongs to one thread at a time. Every call runs on one intra-op thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/model/graph.h"
#include "common/model/parameters.h"

namespace tributary::learn {

// One of the values asked for: rows of `width` values, one for each example; and where the derivatives of the loss with
// respect to them belong (zero at first).
struct Tap {
  std::span<const float> rows;
  std::span<float> slopes;
  std::size_t width = 0;
};

class Backprop {
 public:
  // Throws Malformed naming a value that no node makes, and what Network::compile() throws.
  static std::unique_ptr<Backprop> compile(const model::Graph& graph, const std::vector<std::string>& values);
  virtual ~Backprop() = default;

  virtual const model::LayoutPtr& layout() const = 0;

  // Runs the graph in training mode, shows the taps in the order of the values, and writes the gradient of the loss
  // whose slopes `loss` has filled in (layout().size() values). Batch statistics in `parameters` are updated in place,
  // dropout draws from `random`. Throws Malformed when features do not fit, or a value has no row for each example.
  using Loss = std::function<void(std::vector<Tap>& taps)>;
  virtual void gradient(model::ParameterSet& parameters, std::span<const float> features, std::size_t examples,
                        const Loss& loss, RandomStream& random, std::span<float> gradient) = 0;
};

// The value of `graph` that its loss is computed from: its output, or what a Softmax, LogSoftmax or Sigmoid that makes
// it reads.
std::string scores_of(const model::Graph& graph);

}  // namespace tributary::learn
