// common/learn/layer.h
//
// The layers of the planned executor. A layer reads its parameters where they lie in the caller's arena and writes
// their gradient, or the step against it, where it belongs. Layers keep scratch memory that is made once, and what
// backward() needs of the last forward(); one layer belongs to one thread. Private to the room.
#pragma once

#include <cmath>
#include <memory>

#include "common/learn/kernels.h"
#include "common/learn/picture.h"

namespace tributary::learn {

// What flows between two layers, for a batch.
struct Value {
  Picture place;                  // of one example, in `values`
  const float* values = nullptr;  // of the whole batch; `storage`, or the caller's features
  Floats storage;
  Picture slope_place;
  Floats slopes;  // derivatives of the loss with respect to the values
};

// Where gradients go. `gradient` is an arena of the parameters' layout; without it the parameters take the step
// themselves: w -= rate * gradient.
struct Destination {
  float* parameters = nullptr;
  float* gradient = nullptr;
  float rate = 0;
  bool finite = true;  // false: a parameter became inf or nan

  void put(std::size_t at, float value) {
    if (gradient != nullptr) {
      gradient[at] = value;
    } else {
      parameters[at] -= rate * value;
      finite = finite && std::isfinite(parameters[at]);
    }
  }
};

struct BackwardPass {
  std::size_t examples = 0;
  const float* parameters = nullptr;
  Destination* destination = nullptr;
  bool input_slopes = true;  // false: no layer before this one has parameters
};

class Layer {
 public:
  virtual ~Layer() = default;

  // Where the layer wants its input, and the slopes of its output.
  virtual Picture input_place() const = 0;
  virtual Picture output_slope_place(bool input_slopes) const = 0;
  virtual bool has_parameters() const { return false; }

  // May forward() and backward() leave out products with input columns that are zero in the whole batch? Exact as long
  // as every parameter is finite.
  void allow_skipping(bool allow) { skipping_ = allow; }

  // Fills out.storage for the first `examples` examples.
  virtual void forward(const float* parameters, const Value& in, Value& out, std::size_t examples) = 0;
  // Of the last forward(): fills in.slopes if asked, and the parameters' gradient. out.slopes are already those of what
  // stands before the activation.
  virtual void backward(const BackwardPass& pass, Value& in, const Value& out) = 0;

 protected:
  bool skipping_ = false;
};

std::unique_ptr<Layer> make_dense(const DenseSpec& spec, const Activation& activation, const Kernels& kernels);
std::unique_ptr<Layer> make_conv(const ConvSpec& spec, const Activation& activation, const Kernels& kernels);
std::unique_ptr<Layer> make_max_pool(const PoolSpec& spec, const Activation& activation, const Kernels& kernels);
std::unique_ptr<Layer> make_to_picture(const ToPictureSpec& spec, const Activation& activation);
std::unique_ptr<Layer> make_to_row(const ToRowSpec& spec, const Activation& activation);

// In place.
void activate(const Activation& activation, float* values, std::size_t count);
// Every pixel of `out`.
void activate(const Activation& activation, Value& out, std::size_t examples);
// slopes *= derivative of the activation where it gave out's values.
void differentiate(const Activation& activation, Value& out, std::size_t examples);

}  // namespace tributary::learn
