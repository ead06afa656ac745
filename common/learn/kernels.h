// common/learn/kernels.h
//
// The products and windows that all layers of the planned executor are made of, and the instruction sets they exist
// for. Plain functions over raw pointers without state: any thread. The order of the additions depends on the sizes and
// on the instruction set alone, so the same inputs give the same bits. Private to the room; this header includes
// nothing that could emit code, since sources compiled for newer processors include it.
#pragma once

#include <cstddef>

namespace tributary::learn {

// c[i, j] = finish(start + sum over s, k of a[i, (s, k)] * b[(s, k), j]). Rows of b and c are contiguous; a's elements
// lie where the strides say, so that transposed matrices and the windows of a convolution need no copy.
struct Outer {
  enum class Start { Zero, Bias, Accumulate };
  enum class Finish {
    Store,
    Relu,    // negative sums become 0, nan stays
    Descend  // c -= rate * sum (start must be Zero)
  };

  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  std::size_t rows = 0, columns = 0, segments = 1, steps = 0;
  std::ptrdiff_t a_row = 0, a_segment = 0, a_step = 1;
  std::ptrdiff_t b_segment = 0, b_step = 0;
  std::ptrdiff_t c_row = 0;
  const float* bias = nullptr;  // `columns` values, for Start::Bias
  float rate = 0;
  Start start = Start::Zero;
  Finish finish = Finish::Store;
  // Which side stays in the cache while the other is walked through: strips of b, or rows of c.
  bool columns_outside = false;
};

// c[i, j] = (accumulate ? c[i, j] : 0) + sum over k < length of a[i, k] * b[j, k].
struct Dot {
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  std::size_t rows = 0, columns = 0, length = 0;
  std::ptrdiff_t a_row = 0, b_row = 0, c_row = 0;
  bool accumulate = false;
};

// A window over pixels of `channels` neighbouring floats. Winners are numbers of pixels, kept as floats.
struct Pool {
  const float* const* pixels = nullptr;  // of the input, `count` of them
  std::size_t count = 0, channels = 0;
  float* largest = nullptr;
  float* winner = nullptr;
};
// Each slope goes to the winning pixel; the others get 0, or nothing when adding.
struct Unpool {
  float* const* pixels = nullptr;
  std::size_t count = 0, channels = 0;
  const float* slopes = nullptr;
  const float* winner = nullptr;
  bool add = false;
};

struct Kernels {
  const char* name;
  // False when Finish::Descend stored a value that is inf or nan; true otherwise.
  bool (*outer)(const Outer&);
  void (*dot)(const Dot&);
  // The first of equals wins, and nan over everything.
  void (*pool)(const Pool&);
  void (*unpool)(const Unpool&);
};

// The fastest that this processor runs.
const Kernels& best_kernels();
// Every one that this processor runs; entry i is null from some i on.
struct RunnableKernels {
  const Kernels* entries[3];
};
RunnableKernels runnable_kernels();

extern const Kernels kPortableKernels;
// Only where TRIBUTARY_X86_KERNELS is defined.
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;

}  // namespace tributary::learn
