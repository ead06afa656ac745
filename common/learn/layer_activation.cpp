#include <cmath>

#include "common/learn/layer.h"

namespace tributary::learn {

namespace {

// Slopes of the side that `value`, after the activation, lies on or at.
void multiply_derivative(const Activation& activation, const float* __restrict value, float* __restrict slope,
                         std::size_t count) {
  switch (activation.kind) {
    case Activation::Kind::None:
      return;
    case Activation::Kind::Relu:
      for (std::size_t i = 0; i < count; ++i) slope[i] = value[i] > 0 ? slope[i] : 0.0f;
      return;
    case Activation::Kind::LeakyRelu:
      for (std::size_t i = 0; i < count; ++i) slope[i] *= value[i] > 0 ? 1.0f : activation.slope;
      return;
    case Activation::Kind::Tanh:
      for (std::size_t i = 0; i < count; ++i) slope[i] *= 1.0f - value[i] * value[i];
      return;
    case Activation::Kind::Sigmoid:
      for (std::size_t i = 0; i < count; ++i) slope[i] *= value[i] * (1.0f - value[i]);
      return;
  }
}

}  // namespace

void activate(const Activation& activation, float* values, std::size_t count) {
  switch (activation.kind) {
    case Activation::Kind::None:
      return;
    case Activation::Kind::Relu:  // nan stays
      for (std::size_t i = 0; i < count; ++i) values[i] = values[i] < 0 ? 0.0f : values[i];
      return;
    case Activation::Kind::LeakyRelu:
      for (std::size_t i = 0; i < count; ++i) values[i] *= values[i] < 0 ? activation.slope : 1.0f;
      return;
    case Activation::Kind::Tanh:
      for (std::size_t i = 0; i < count; ++i) values[i] = std::tanh(values[i]);
      return;
    case Activation::Kind::Sigmoid:
      for (std::size_t i = 0; i < count; ++i) values[i] = 1.0f / (1.0f + std::exp(-values[i]));
      return;
  }
}

void activate(const Activation& activation, Value& out, std::size_t examples) {
  if (activation.kind == Activation::Kind::None) return;
  for (std::size_t e = 0; e < examples; ++e)
    for_each_run(out.place, out.place, [&](std::size_t y, std::size_t x, std::size_t run) {
      activate(activation, out.storage.data() + e * out.place.size() + out.place.at(y, x),
               run * out.place.shape.channels);
    });
}

void differentiate(const Activation& activation, Value& out, std::size_t examples) {
  if (activation.kind == Activation::Kind::None) return;
  for (std::size_t e = 0; e < examples; ++e)
    for_each_run(out.place, out.slope_place, [&](std::size_t y, std::size_t x, std::size_t run) {
      multiply_derivative(activation, out.values + e * out.place.size() + out.place.at(y, x),
                          out.slopes.data() + e * out.slope_place.size() + out.slope_place.at(y, x),
                          run * out.place.shape.channels);
    });
}

}  // namespace tributary::learn
