// common/learn/network.h
//
// Runs a Graph forwards and backwards. A Network is compiled once from a graph, for the executor that suits it
// (planned.h for chains of common layers, eager.h for everything else); the parameters are the caller's, so one Network
// serves any number of parameter sets one after the other. LibTorch stays out of this header.
// A Network belongs to one thread at a time; make one per worker. Every call runs on one intra-op thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "common/model/graph.h"
#include "common/model/parameters.h"

namespace tributary::learn {

enum class Loss : std::uint8_t {
  CrossEntropy,        // outputs: logits [n, classes]; labels: class indices [n, 1]
  BinaryCrossEntropy,  // outputs: logits [n, k]; labels in [0, 1], [n, k]
  MeanSquaredError,    // outputs and labels [n, k]
};

// "cross_entropy", "binary_cross_entropy", "mean_squared_error". Throws Malformed with the nearest name.
Loss loss_from(std::string_view name);
std::string_view name_of(Loss loss);

// n examples: features n x feature_size, labels n x label_size (float32; converted to the graph's input type).
struct Batch {
  std::span<const float> features;
  std::span<const float> labels;
  std::size_t examples = 0;
};

struct BatchResult {
  double loss = 0;            // mean over the batch
  std::uint32_t correct = 0;  // CrossEntropy: argmax equals label; BinaryCrossEntropy: (logit > 0) equals (label >
                              // 0.5), all k; MeanSquaredError: 0
};

class Network {
 public:
  // Throws Unsupported naming the operator, or the part of it, that cannot be run.
  static std::unique_ptr<Network> compile(const model::Graph& graph);
  virtual ~Network() = default;

  virtual const model::LayoutPtr& layout() const = 0;

  // Outputs of the first graph output, row-major, for `examples` rows of features; and their shape with the batch axis.
  // Evaluation mode: batch statistics are used, dropout is identity.
  // Throws Malformed when features do not fit the graph's input or (from the graph's operators) shapes do not fit.
  struct Output {
    std::vector<float> values;
    std::vector<std::int64_t> shape;
  };
  virtual Output predict(const model::ParameterSet& parameters, std::span<const float> features,
                         std::size_t examples) = 0;

  // Evaluation mode: loss and correct answers.
  virtual BatchResult evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) = 0;

  // Training mode: loss of the batch and its gradient with respect to every trainable value, written to `gradient`
  // (layout().size() values; 0 for Role::State). Batch statistics in `parameters` are updated in place, dropout draws
  // from `random`. Throws Malformed as predict() does.
  virtual BatchResult gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream& random,
                               std::span<float> gradient) = 0;

  // gradient() and a step of plain gradient descent, parameters -= rate * gradient, in one pass; equal to the two up to
  // rounding. Nullopt, and nothing done, by networks that have no faster way than the two. Throws as gradient() does,
  // before any parameter has moved. REQUIRES: every parameter is finite.
  struct Step {
    BatchResult batch;
    bool finite = true;  // false: the loss is inf or nan, and nothing moved; or a parameter became so
  };
  virtual std::optional<Step> sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss, float rate) {
    static_cast<void>(parameters), static_cast<void>(batch), static_cast<void>(loss), static_cast<void>(rate);
    return std::nullopt;
  }
};

}  // namespace tributary::learn
