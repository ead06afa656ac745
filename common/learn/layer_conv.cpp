#include <algorithm>

#include "common/learn/layer.h"

namespace tributary::learn {

namespace {

// Convolution without an unfolded copy of the picture: with the channels innermost, the part of a row that a window
// covers is one run of floats, and a product reads it where it lies, once per row of the window. Weights are reordered
// in every pass, which costs a hundredth of the products.
class Conv final : public Layer {
 public:
  Conv(const ConvSpec& spec, const Activation& activation, const Kernels& kernels)
      : spec_(spec), activation_(activation), kernels_(kernels), in_(spec.in.channels), out_(spec.out.channels) {
    const std::size_t area = spec.window.height * spec.window.width;
    packed_.reset(area * in_ * out_);
    turned_.reset(area * in_ * out_);
    gradient_.reset(area * in_ * out_);
    bias_gradient_.reset(out_);
  }

  Picture input_place() const override {
    const Window& w = spec_.window;
    return {spec_.in, spec_.in.height + w.top + w.bottom, spec_.in.width + w.left + w.right, w.top, w.left};
  }
  // The input's slopes are a convolution of the output's, spread by the strides, with the kernel turned around.
  Picture output_slope_place(bool input_slopes) const override {
    const Window& w = spec_.window;
    if (!input_slopes) return plain(spec_.out);
    return {spec_.out,
            spec_.in.height + w.height - 1,
            spec_.in.width + w.width - 1,
            w.height - 1 - w.top,
            w.width - 1 - w.left,
            w.stride_y,
            w.stride_x};
  }
  bool has_parameters() const override { return true; }
  void forward(const float* parameters, const Value& in, Value& out, std::size_t examples) override;
  void backward(const BackwardPass& pass, Value& in, const Value& out) override;

 private:
  void pack(const float* weight);
  void turn(const float* weight);
  void input_slopes(Value& in, const Value& out, std::size_t examples) const;
  void weight_gradient(const Value& in, const Value& out, std::size_t example);
  void add_bias_gradient(const Value& out, std::size_t example);
  void put_gradient(Destination& to) const;

  ConvSpec spec_;
  Activation activation_;
  const Kernels& kernels_;
  std::size_t in_, out_;      // channels
  Floats packed_, gradient_;  // [height, width, in, out]
  Floats turned_;             // [height, width, out, in], both axes of the window reversed
  Floats bias_gradient_;
};

std::ptrdiff_t stride(std::size_t value) {
  return static_cast<std::ptrdiff_t>(value);
}

void Conv::pack(const float* weight) {
  const std::size_t area = spec_.window.height * spec_.window.width;
  for (std::size_t o = 0; o < out_; ++o)
    for (std::size_t i = 0; i < in_; ++i)
      for (std::size_t k = 0; k < area; ++k)
        packed_.data()[(k * in_ + i) * out_ + o] = weight[(o * in_ + i) * area + k];
}

void Conv::turn(const float* weight) {
  const std::size_t area = spec_.window.height * spec_.window.width;
  for (std::size_t o = 0; o < out_; ++o)
    for (std::size_t i = 0; i < in_; ++i)
      for (std::size_t k = 0; k < area; ++k)
        turned_.data()[((area - 1 - k) * out_ + o) * in_ + i] = weight[(o * in_ + i) * area + k];
}

void Conv::forward(const float* parameters, const Value& in, Value& out, std::size_t examples) {
  pack(parameters + spec_.weight);
  const Window& w = spec_.window;
  const bool relu = activation_.kind == Activation::Kind::Relu;
  Outer p;
  p.a_row = stride(w.stride_x * in_);
  p.a_segment = stride(in.place.row());
  p.b = packed_.data();
  p.b_step = stride(out_);
  p.b_segment = stride(w.width * in_ * out_);
  p.segments = w.height;
  p.steps = w.width * in_;
  p.rows = spec_.out.width;
  p.columns = out_;
  p.c_row = stride(out_);
  p.bias = spec_.bias ? parameters + *spec_.bias : nullptr;
  p.start = spec_.bias ? Outer::Start::Bias : Outer::Start::Zero;
  p.finish = relu ? Outer::Finish::Relu : Outer::Finish::Store;
  for (std::size_t e = 0; e < examples; ++e) {
    for (std::size_t y = 0; y < spec_.out.height; ++y) {
      p.a = in.values + e * in.place.size() + y * w.stride_y * in.place.row();
      p.c = out.storage.data() + e * out.place.size() + out.place.at(y, 0);
      kernels_.outer(p);
    }
  }
  if (!relu) activate(activation_, out, examples);
}

void Conv::backward(const BackwardPass& pass, Value& in, const Value& out) {
  if (pass.input_slopes) {
    turn(pass.parameters + spec_.weight);
    input_slopes(in, out, pass.examples);
  }
  std::fill_n(gradient_.data(), gradient_.size(), 0.0f);
  std::fill_n(bias_gradient_.data(), out_, 0.0f);
  for (std::size_t e = 0; e < pass.examples; ++e) {
    weight_gradient(in, out, e);
    if (spec_.bias) add_bias_gradient(out, e);
  }
  put_gradient(*pass.destination);
}

void Conv::input_slopes(Value& in, const Value& out, std::size_t examples) const {
  const Window& w = spec_.window;
  Outer p;
  p.a_row = stride(out_);
  p.a_segment = stride(out.slope_place.row());
  p.b = turned_.data();
  p.b_step = stride(in_);
  p.b_segment = stride(w.width * out_ * in_);
  p.segments = w.height;
  p.steps = w.width * out_;
  p.rows = spec_.in.width;
  p.columns = in_;
  p.c_row = stride(in.slope_place.pixel());
  for (std::size_t e = 0; e < examples; ++e) {
    for (std::size_t y = 0; y < spec_.in.height; ++y) {
      p.a = out.slopes.data() + e * out.slope_place.size() + y * out.slope_place.row();
      p.c = in.slopes.data() + e * in.slope_place.size() + in.slope_place.at(y, 0);
      kernels_.outer(p);
    }
  }
}

void Conv::weight_gradient(const Value& in, const Value& out, std::size_t example) {
  const Window& w = spec_.window;
  Outer p;
  p.a_row = 1;
  p.a_step = stride(w.stride_x * in_);
  p.a_segment = stride(w.stride_y * in.place.row());
  p.b = out.slopes.data() + example * out.slope_place.size() + out.slope_place.at(0, 0);
  p.b_step = stride(out.slope_place.pixel());
  p.b_segment = stride(out.slope_place.spacing_y * out.slope_place.row());
  p.segments = spec_.out.height;
  p.steps = spec_.out.width;
  p.rows = w.width * in_;
  p.columns = out_;
  p.c_row = stride(out_);
  p.start = Outer::Start::Accumulate;
  for (std::size_t y = 0; y < w.height; ++y) {
    p.a = in.values + example * in.place.size() + y * in.place.row();
    p.c = gradient_.data() + y * w.width * in_ * out_;
    kernels_.outer(p);
  }
}

void Conv::add_bias_gradient(const Value& out, std::size_t example) {
  const float* slopes = out.slopes.data() + example * out.slope_place.size();
  float* __restrict sums = bias_gradient_.data();
  for (std::size_t y = 0; y < spec_.out.height; ++y) {
    for (std::size_t x = 0; x < spec_.out.width; ++x) {
      const float* pixel = slopes + out.slope_place.at(y, x);
      for (std::size_t o = 0; o < out_; ++o) sums[o] += pixel[o];
    }
  }
}

void Conv::put_gradient(Destination& to) const {
  const std::size_t area = spec_.window.height * spec_.window.width;
  std::size_t at = spec_.weight;
  for (std::size_t o = 0; o < out_; ++o)
    for (std::size_t i = 0; i < in_; ++i)
      for (std::size_t k = 0; k < area; ++k) to.put(at++, gradient_.data()[(k * in_ + i) * out_ + o]);
  if (!spec_.bias) return;
  for (std::size_t o = 0; o < out_; ++o) to.put(*spec_.bias + o, bias_gradient_.data()[o]);
}

}  // namespace

std::unique_ptr<Layer> make_conv(const ConvSpec& spec, const Activation& activation, const Kernels& kernels) {
  return std::make_unique<Conv>(spec, activation, kernels);
}

}  // namespace tributary::learn
