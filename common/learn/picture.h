// common/learn/picture.h
//
// How the planned executor keeps values: rows, and pictures with their channels innermost and room around them for the
// padding of the layer that reads them. Buffers are made when a larger batch than ever arrives, and kept. Private to
// the room.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "common/learn/chain.h"

namespace tributary::learn {

// Floats that begin on a cache line; all zero when made.
class Floats {
 public:
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

  // Makes `size` zeros in place of what was there. May throw std::bad_alloc.
  void reset(std::size_t size) {
    data_.reset();
    data_.reset(new (std::align_val_t{64}) float[size]());
    size_ = size;
  }

 private:
  struct Free {
    void operator()(float* data) const { operator delete[](data, std::align_val_t{64}); }
  };
  std::unique_ptr<float[], Free> data_;
  std::size_t size_ = 0;
};

// Where the pixels of one example stand: in a field of rows x columns pixels, `spacing` fields from one to the next.
// What is not a pixel is 0 and is never written.
struct Picture {
  Shape shape;
  std::size_t rows = 1, columns = 1;
  std::size_t top = 0, left = 0;
  std::size_t spacing_y = 1, spacing_x = 1;

  std::size_t row() const { return columns * shape.channels; }
  std::size_t size() const { return rows * row(); }
  std::size_t pixel() const { return spacing_x * shape.channels; }  // floats from one to the next in a row
  std::size_t at(std::size_t y, std::size_t x) const {
    return ((top + y * spacing_y) * columns + left + x * spacing_x) * shape.channels;
  }
};

inline Picture plain(const Shape& shape) {
  return {shape, shape.height, shape.width};
}

// Calls visit(y, first x, pixels side by side) for every run of neighbouring pixels.
template <class Visit>
void for_each_run(const Picture& place, const Picture& other, Visit visit) {
  const bool whole_rows = place.spacing_x == 1 && other.spacing_x == 1;
  const std::size_t run = whole_rows ? place.shape.width : 1;
  for (std::size_t y = 0; y < place.shape.height; ++y)
    for (std::size_t x = 0; x < place.shape.width; x += run) visit(y, x, run);
}

}  // namespace tributary::learn
