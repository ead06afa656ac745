// Layers without parameters: max pooling, and the ways between rows and pictures.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/learn/layer.h"

namespace tributary::learn {

namespace {

class MaxPool final : public Layer {
 public:
  MaxPool(const PoolSpec& spec, const Activation& activation) : spec_(spec), activation_(activation) {}

  Picture input_place() const override { return plain(spec_.in); }
  Picture output_slope_place(bool) const override { return plain(spec_.out); }

  void forward(const float*, const Value& in, Value& out, std::size_t examples) override {
    if (winners_.size() < examples * spec_.out.size()) winners_.resize(examples * spec_.out.size());
    for (std::size_t e = 0; e < examples; ++e)
      for (std::size_t y = 0; y < spec_.out.height; ++y)
        for (std::size_t x = 0; x < spec_.out.width; ++x)
          take_largest(in.values + e * in.place.size(), in.place,
                       out.storage.data() + e * out.place.size() + out.place.at(y, x), winners(e, y, x), y, x);
    activate(activation_, out, examples);
  }

  void backward(const BackwardPass& pass, Value& in, const Value& out) override {
    if (!pass.input_slopes) return;
    std::fill_n(in.slopes.data(), pass.examples * in.slope_place.size(), 0.0f);
    for (std::size_t e = 0; e < pass.examples; ++e)
      for (std::size_t y = 0; y < spec_.out.height; ++y)
        for (std::size_t x = 0; x < spec_.out.width; ++x)
          spread(in.slopes.data() + e * in.slope_place.size(), in.slope_place,
                 out.slopes.data() + e * out.slope_place.size() + out.slope_place.at(y, x), winners(e, y, x), y, x);
  }

 private:
  std::int32_t* winners(std::size_t e, std::size_t y, std::size_t x) {
    return winners_.data() + ((e * spec_.out.height + y) * spec_.out.width + x) * spec_.out.channels;
  }

  // Calls visit(number of the place in the window, y, x) for what the window at (y, x) covers of the picture.
  template <class Visit>
  void for_each_covered(std::size_t y, std::size_t x, Visit visit) const {
    const Window& w = spec_.window;
    std::int32_t number = 0;
    for (std::size_t i = 0; i < w.height; ++i) {
      for (std::size_t j = 0; j < w.width; ++j, ++number) {
        const std::size_t row = y * w.stride_y + i, column = x * w.stride_x + j;  // in the padded picture
        if (row < w.top || column < w.left || row - w.top >= spec_.in.height || column - w.left >= spec_.in.width)
          continue;
        visit(number, row - w.top, column - w.left);
      }
    }
  }

  // The first of equals wins, and nan over everything, as in the eager executor.
  void take_largest(const float* in, const Picture& place, float* __restrict largest, std::int32_t* __restrict winner,
                    std::size_t y, std::size_t x) const {
    const std::size_t channels = spec_.in.channels;
    bool is_first = true;
    for_each_covered(y, x, [&](std::int32_t number, std::size_t row, std::size_t column) {
      const float* __restrict pixel = in + place.at(row, column);
      if (is_first) {
        std::copy_n(pixel, channels, largest);
        std::fill_n(winner, channels, number);
      } else {
        for (std::size_t c = 0; c < channels; ++c) {
          const bool larger = !(pixel[c] <= largest[c]);
          winner[c] = larger ? number : winner[c];
          largest[c] = larger ? pixel[c] : largest[c];
        }
      }
      is_first = false;
    });
  }

  void spread(float* in, const Picture& place, const float* __restrict slopes, const std::int32_t* __restrict winner,
              std::size_t y, std::size_t x) const {
    const std::size_t channels = spec_.in.channels;
    for_each_covered(y, x, [&](std::int32_t number, std::size_t row, std::size_t column) {
      float* __restrict pixel = in + place.at(row, column);
      for (std::size_t c = 0; c < channels; ++c) pixel[c] += winner[c] == number ? slopes[c] : 0.0f;
    });
  }

  PoolSpec spec_;
  Activation activation_;
  std::vector<std::int32_t> winners_;
};

// Copies between a row in the order (channel, y, x) and the pixels of a picture.
template <class Move>
void for_each_place(const Picture& picture, Move move) {
  const Shape& shape = picture.shape;
  for (std::size_t c = 0; c < shape.channels; ++c)
    for (std::size_t y = 0; y < shape.height; ++y)
      for (std::size_t x = 0; x < shape.width; ++x)
        move((c * shape.height + y) * shape.width + x, picture.at(y, x) + c);
}

class ToPicture final : public Layer {
 public:
  ToPicture(const ToPictureSpec& spec, const Activation& activation) : shape_(spec.shape), activation_(activation) {}

  Picture input_place() const override { return plain({shape_.size()}); }
  Picture output_slope_place(bool) const override { return plain(shape_); }

  void forward(const float*, const Value& in, Value& out, std::size_t examples) override {
    for (std::size_t e = 0; e < examples; ++e) {
      const float* row = in.values + e * shape_.size();
      float* picture = out.storage.data() + e * out.place.size();
      for_each_place(out.place, [&](std::size_t r, std::size_t p) { picture[p] = row[r]; });
    }
    activate(activation_, out, examples);
  }

  void backward(const BackwardPass& pass, Value& in, const Value& out) override {
    if (!pass.input_slopes) return;
    for (std::size_t e = 0; e < pass.examples; ++e) {
      float* row = in.slopes.data() + e * shape_.size();
      const float* picture = out.slopes.data() + e * out.slope_place.size();
      for_each_place(out.slope_place, [&](std::size_t r, std::size_t p) { row[r] = picture[p]; });
    }
  }

 private:
  Shape shape_;
  Activation activation_;
};

class ToRow final : public Layer {
 public:
  ToRow(const ToRowSpec& spec, const Activation& activation) : shape_(spec.shape), activation_(activation) {}

  Picture input_place() const override { return plain(shape_); }
  Picture output_slope_place(bool) const override { return plain({shape_.size()}); }

  void forward(const float*, const Value& in, Value& out, std::size_t examples) override {
    for (std::size_t e = 0; e < examples; ++e) {
      const float* picture = in.values + e * in.place.size();
      float* row = out.storage.data() + e * shape_.size();
      for_each_place(in.place, [&](std::size_t r, std::size_t p) { row[r] = picture[p]; });
    }
    activate(activation_, out, examples);
  }

  void backward(const BackwardPass& pass, Value& in, const Value& out) override {
    if (!pass.input_slopes) return;
    for (std::size_t e = 0; e < pass.examples; ++e) {
      const float* row = out.slopes.data() + e * shape_.size();
      float* picture = in.slopes.data() + e * in.slope_place.size();
      for_each_place(in.slope_place, [&](std::size_t r, std::size_t p) { picture[p] = row[r]; });
    }
  }

 private:
  Shape shape_;
  Activation activation_;
};

}  // namespace

std::unique_ptr<Layer> make_max_pool(const PoolSpec& spec, const Activation& activation) {
  return std::make_unique<MaxPool>(spec, activation);
}
std::unique_ptr<Layer> make_to_picture(const ToPictureSpec& spec, const Activation& activation) {
  return std::make_unique<ToPicture>(spec, activation);
}
std::unique_ptr<Layer> make_to_row(const ToRowSpec& spec, const Activation& activation) {
  return std::make_unique<ToRow>(spec, activation);
}

}  // namespace tributary::learn
