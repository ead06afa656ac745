// common/learn/segment.h
//
// A row of planned layers with the values between them: a whole chain, or the part of a network between two points
// where it branches.
// A segment belongs to one thread. Private to the room.
#pragma once

#include <span>
#include <vector>

#include "common/learn/layer.h"

namespace tributary::learn {

class Segment {
 public:
  // `is_first`: no layer before it has parameters. REQUIRES: `layers` is not empty.
  Segment(std::span<const LayerSpec> layers, bool is_first, const Kernels& kernels);

  // Does it take rows in ONNX's order, and give such?
  bool takes_rows() const { return is_row(values_.front().place); }
  bool gives_rows() const;
  bool is_first() const { return !stages_.front().input_slopes; }

  // What the layers take, together, of one example.
  std::size_t floats_read() const;

  void reserve(std::size_t examples, bool slopes);
  // `skipping`: see Layer::allow_skipping().
  const float* forward(const float* parameters, const float* in, std::size_t examples, bool skipping);
  // Derivatives with respect to what forward() gave: written here before backward().
  std::span<float> slopes(std::size_t examples);
  // And with respect to what it took: read here afterwards. REQUIRES: !is_first().
  std::span<const float> input_slopes(std::size_t examples) const;
  void backward(const float* parameters, Destination& destination, std::size_t examples);

 private:
  struct Stage {
    std::unique_ptr<Layer> layer;
    Activation activation;
    bool input_slopes = false;
  };
  static bool is_row(const Picture& place) { return place.size() == place.shape.size(); }

  std::vector<Stage> stages_;
  std::vector<Value> values_;  // stage i reads values_[i] and fills values_[i + 1]
  std::size_t capacity_ = 0, slope_capacity_ = 0;
};

std::unique_ptr<Layer> make_layer(const LayerSpec& spec, const Kernels& kernels);

}  // namespace tributary::learn
