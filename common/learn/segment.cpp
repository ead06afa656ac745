#include "common/learn/segment.h"

namespace tributary::learn {

namespace {

std::size_t outputs_of(const LayerSpec& spec) {
  struct {
    std::size_t operator()(const DenseSpec& s) const { return s.outputs; }
    std::size_t operator()(const ConvSpec& s) const { return s.out.size(); }
    std::size_t operator()(const PoolSpec& s) const { return s.out.size(); }
    std::size_t operator()(const ToPictureSpec& s) const { return s.shape.size(); }
    std::size_t operator()(const ToRowSpec& s) const { return s.shape.size(); }
  } const size;
  return std::visit(size, spec.layer);
}

}  // namespace

std::unique_ptr<Layer> make_layer(const LayerSpec& spec, const Kernels& kernels) {
  const Activation& activation = spec.activation;
  struct {
    const Activation& activation;
    const Kernels& kernels;
    std::unique_ptr<Layer> operator()(const DenseSpec& s) const { return make_dense(s, activation, kernels); }
    std::unique_ptr<Layer> operator()(const ConvSpec& s) const { return make_conv(s, activation, kernels); }
    std::unique_ptr<Layer> operator()(const PoolSpec& s) const { return make_max_pool(s, activation, kernels); }
    std::unique_ptr<Layer> operator()(const ToPictureSpec& s) const { return make_to_picture(s, activation); }
    std::unique_ptr<Layer> operator()(const ToRowSpec& s) const { return make_to_row(s, activation); }
  } const make{activation, kernels};
  return std::visit(make, spec.layer);
}

Segment::Segment(std::span<const LayerSpec> layers, bool is_first, const Kernels& kernels)
    : values_(layers.size() + 1) {
  bool has_parameters = !is_first;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    stages_.push_back({make_layer(layers[i], kernels), layers[i].activation, has_parameters});
    values_[i].place = stages_[i].layer->input_place();
    values_[i + 1].slope_place = stages_[i].layer->output_slope_place(has_parameters);
    has_parameters = has_parameters || stages_[i].layer->has_parameters();
  }
  values_.back().place = plain({outputs_of(layers.back())});
  if (!is_first) values_.front().slope_place = values_.front().place;
}

std::size_t Segment::floats_read() const {
  std::size_t floats = 0;
  for (std::size_t i = 0; i < stages_.size(); ++i) floats += values_[i].place.size();
  return floats;
}

bool Segment::gives_rows() const {
  return values_.back().slope_place.shape.height == 1 &&
         values_.back().slope_place.size() == values_.back().place.size();
}

void Segment::reserve(std::size_t examples, bool slopes) {
  if (examples > capacity_) {
    capacity_ = 0;
    for (std::size_t i = 1; i < values_.size(); ++i) {
      values_[i].storage.reset(examples * values_[i].place.size());
      values_[i].values = values_[i].storage.data();
    }
    capacity_ = examples;
  }
  if (slopes && examples > slope_capacity_) {
    slope_capacity_ = 0;
    for (std::size_t i = is_first() ? 1 : 0; i < values_.size(); ++i)
      values_[i].slopes.reset(examples * values_[i].slope_place.size());
    slope_capacity_ = examples;
  }
}

const float* Segment::forward(const float* parameters, const float* in, std::size_t examples, bool skipping) {
  values_.front().values = in;
  stages_.front().layer->allow_skipping(skipping);
  for (std::size_t i = 0; i < stages_.size(); ++i)
    stages_[i].layer->forward(parameters, values_[i], values_[i + 1], examples);
  return values_.back().values;
}

std::span<float> Segment::slopes(std::size_t examples) {
  return {values_.back().slopes.data(), examples * values_.back().place.size()};
}

std::span<const float> Segment::input_slopes(std::size_t examples) const {
  return {values_.front().slopes.data(), examples * values_.front().place.size()};
}

void Segment::backward(const float* parameters, Destination& destination, std::size_t examples) {
  for (std::size_t i = stages_.size(); i-- > 0;) {
    if (!stages_[i].input_slopes && !stages_[i].layer->has_parameters()) return;
    differentiate(stages_[i].activation, values_[i + 1], examples);
    stages_[i].layer->backward({examples, parameters, &destination, stages_[i].input_slopes}, values_[i],
                               values_[i + 1]);
  }
}

}  // namespace tributary::learn
