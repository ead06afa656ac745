// Layers without parameters: max pooling, and the ways between rows and pictures.

#include <algorithm>
#include <vector>

#include "common/learn/layer.h"

namespace tributary::learn {

namespace {

class MaxPool final : public Layer {
 public:
  MaxPool(const PoolSpec& spec, const Activation& activation, const Kernels& kernels)
      : spec_(spec), activation_(activation), kernels_(kernels) {
    const Window& w = spec.window;
    tiles_ = w.stride_y == w.height && w.stride_x == w.width && spec.in.height == spec.out.height * w.height &&
             spec.in.width == spec.out.width * w.width;
    covered_.reserve(w.height * w.width);
    pixels_.resize(w.height * w.width);
    targets_.resize(w.height * w.width);
  }

  Picture input_place() const override { return plain(spec_.in); }
  Picture output_slope_place(bool) const override { return plain(spec_.out); }

  void forward(const float*, const Value& in, Value& out, std::size_t examples) override {
    if (winners_.size() < examples * spec_.out.size()) winners_.reset(examples * spec_.out.size());
    Pool pool;
    pool.pixels = pixels_.data();
    pool.channels = spec_.in.channels;
    for_each_window(in.place, [&](std::size_t y, std::size_t x) {
      pool.count = covered_.size();
      for (std::size_t e = 0; e < examples; ++e) {
        for (std::size_t i = 0; i < covered_.size(); ++i) pixels_[i] = in.values + e * in.place.size() + covered_[i];
        pool.largest = out.storage.data() + e * out.place.size() + out.place.at(y, x);
        pool.winner = winners(e, y, x);
        kernels_.pool(pool);
      }
    });
    activate(activation_, out, examples);
  }

  void backward(const BackwardPass& pass, Value& in, const Value& out) override {
    if (!pass.input_slopes) return;
    if (!tiles_) std::fill_n(in.slopes.data(), pass.examples * in.slope_place.size(), 0.0f);
    Unpool unpool;
    unpool.pixels = targets_.data();
    unpool.channels = spec_.in.channels;
    unpool.add = !tiles_;
    for_each_window(in.slope_place, [&](std::size_t y, std::size_t x) {
      unpool.count = covered_.size();
      for (std::size_t e = 0; e < pass.examples; ++e) {
        for (std::size_t i = 0; i < covered_.size(); ++i)
          targets_[i] = in.slopes.data() + e * in.slope_place.size() + covered_[i];
        unpool.slopes = out.slopes.data() + e * out.slope_place.size() + out.slope_place.at(y, x);
        unpool.winner = winners(e, y, x);
        kernels_.unpool(unpool);
      }
    });
  }

 private:
  float* winners(std::size_t e, std::size_t y, std::size_t x) {
    return winners_.data() + ((e * spec_.out.height + y) * spec_.out.width + x) * spec_.out.channels;
  }

  // Calls visit(y, x) for every position of the window, with the places of the pixels it covers in covered_.
  template <class Visit>
  void for_each_window(const Picture& place, Visit visit) {
    for (std::size_t y = 0; y < spec_.out.height; ++y) {
      for (std::size_t x = 0; x < spec_.out.width; ++x) {
        cover(place, y, x);
        visit(y, x);
      }
    }
  }

  void cover(const Picture& place, std::size_t y, std::size_t x) {
    const Window& w = spec_.window;
    covered_.clear();
    for (std::size_t i = 0; i < w.height; ++i) {
      for (std::size_t j = 0; j < w.width; ++j) {
        const std::size_t row = y * w.stride_y + i, column = x * w.stride_x + j;  // in the padded picture
        if (row < w.top || column < w.left || row - w.top >= spec_.in.height || column - w.left >= spec_.in.width)
          continue;
        covered_.push_back(place.at(row - w.top, column - w.left));
      }
    }
  }

  PoolSpec spec_;
  Activation activation_;
  const Kernels& kernels_;
  bool tiles_ = false;  // every pixel is in exactly one window
  std::vector<std::size_t> covered_;
  std::vector<const float*> pixels_;
  std::vector<float*> targets_;
  Floats winners_;  // numbers of covered pixels
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

std::unique_ptr<Layer> make_max_pool(const PoolSpec& spec, const Activation& activation, const Kernels& kernels) {
  return std::make_unique<MaxPool>(spec, activation, kernels);
}
std::unique_ptr<Layer> make_to_picture(const ToPictureSpec& spec, const Activation& activation) {
  return std::make_unique<ToPicture>(spec, activation);
}
std::unique_ptr<Layer> make_to_row(const ToRowSpec& spec, const Activation& activation) {
  return std::make_unique<ToRow>(spec, activation);
}

}  // namespace tributary::learn
