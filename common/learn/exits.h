// common/learn/exits.h
//
// Runs a graph that answers at several depths (model/exits.h) with one forward and one backward pass for all of its
// exits: what online deep learning is made of. A graph with one output is one with a single exit. Like a Network it is
// compiled once for the executor that suits it, and belongs to one thread at a time; LibTorch stays out of this header.
//
// Hedge backpropagation (Sahoo, Pham, Lu, Hoi: "Online Deep Learning: Learning Deep Neural Networks on the Fly",
// IJCAI 2018) descends along the gradient of
//   sum over l of alpha_l L(f_l(x), y)                                                            (eq. 3)
// with the weights alpha held still, so that the classifier of exit l moves by alpha_l times its own gradient (eq. 5),
// and hidden layer l by the sum over the exits j >= l of alpha_j times theirs (eq. 6).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "common/learn/network.h"

namespace tributary::learn {

// What the exits say of a batch.
struct ExitAnswers {
  std::size_t exits = 0, examples = 0, outputs = 0;
  // exits x examples x outputs: probabilities where the loss is an entropy, values for MeanSquaredError.
  std::vector<float> rows;
  // Of each exit, mean over the batch; empty after predict().
  std::vector<double> losses;

  std::span<const float> of(std::size_t exit) const {
    return std::span(rows).subspan(exit * examples * outputs, examples * outputs);
  }
  std::span<const float> of(std::size_t exit, std::size_t example) const {
    return of(exit).subspan(example * outputs, outputs);
  }
};

class ExitNetwork {
 public:
  // Throws Unsupported naming the operator, or the part of it, that cannot be run, and what model::exits_of() throws.
  static std::unique_ptr<ExitNetwork> compile(const model::Graph& graph);
  virtual ~ExitNetwork() = default;

  virtual const model::LayoutPtr& layout() const = 0;
  virtual std::size_t exits() const = 0;
  // Where the graph keeps the logarithms of the exits' weights (model::alpha_of()), or nullptr.
  virtual const model::TensorSpec* alpha() const = 0;
  // Does a training pass answer as an evaluation pass does? False where dropout or batch statistics come in.
  virtual bool answers_alike() const = 0;

  // Evaluation mode. Throws Malformed when features do not fit the graph's input, Unsupported when the loss does not
  // fit an exit.
  virtual void predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples,
                       Loss loss, ExitAnswers& answers) = 0;

  // Training mode: answers and losses, and the gradient of the sum of weights[l] * loss of exit l with respect to every
  // trainable value (layout()->size() values; 0 for Role::State). Throws as predict(), and Malformed when labels do not
  // fit. REQUIRES: as many weights as exits.
  virtual void gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, std::span<const double> weights,
                        RandomStream& random, ExitAnswers& answers, std::span<float> gradient) = 0;

  // gradient() and parameters -= rate * gradient, in one pass where the executor has one. False when a loss or a
  // parameter became inf or nan; after the former nothing has moved. REQUIRES: every parameter is finite.
  virtual bool sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss, std::span<const double> weights,
                        float rate, RandomStream& random, ExitAnswers& answers) = 0;
};

}  // namespace tributary::learn
