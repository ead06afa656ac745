// common/learn/kernels_body.h
//
// The products of kernels.h, written once over vector.h and compiled once for each instruction set. A tile of sums
// stays in registers while the inner dimension is walked. Private to the room: only the kernel sources
// include this.
#pragma once

#include "common/learn/kernels.h"
#include "common/learn/vector.h"

namespace tributary::learn {
namespace {

// Where the parts of a dimension begin when it is cut into as few parts of at most `most` as possible, all about equal.
class Cut {
 public:
  Cut(std::size_t length, std::size_t most) : length_(length), parts_((length + most - 1) / most) {}
  std::size_t parts() const { return parts_; }
  std::size_t begin(std::size_t part) const { return part * length_ / parts_; }
  std::size_t size(std::size_t part) const { return begin(part + 1) - begin(part); }

 private:
  std::size_t length_, parts_;
};

struct Place {
  std::size_t row, column;
  std::size_t last;  // columns of the last vector: kLanes, or fewer when kTail
};

template <bool kTail>
inline Vector load_last(const float* p, std::size_t count) {
  if constexpr (kTail) return load_first(p, count);
  return load(p);
}

template <bool kTail>
inline void store_last(float* p, Vector v, std::size_t count) {
  if constexpr (kTail)
    store_first(p, v, count);
  else
    store(p, v);
}

template <int kVectors, bool kTail>
inline Vector load_column(const float* p, int v, std::size_t last) {
  const float* at = p + static_cast<std::size_t>(v) * kLanes;
  return v + 1 == kVectors ? load_last<kTail>(at, last) : load(at);
}

template <int kVectors, bool kTail>
inline void store_column(float* p, int v, std::size_t last, Vector value) {
  float* at = p + static_cast<std::size_t>(v) * kLanes;
  if (v + 1 == kVectors)
    store_last<kTail>(at, value, last);
  else
    store(at, value);
}

template <int kRows, int kVectors, bool kTail>
inline void begin_sums(const Outer& p, const Place& place, Vector (&sums)[kRows][kVectors]) {
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      if (p.start == Outer::Start::Zero)
        sums[i][v] = zero();
      else if (p.start == Outer::Start::Bias)
        sums[i][v] = load_column<kVectors, kTail>(p.bias + place.column, v, place.last);
      else
        sums[i][v] = load_column<kVectors, kTail>(
            p.c + (static_cast<std::ptrdiff_t>(place.row) + i) * p.c_row + place.column, v, place.last);
    }
  }
}

// Adds what is stored times 0 to `unfinite`: that stays 0 as long as all of it is finite.
template <int kRows, int kVectors, bool kTail>
inline void finish_sums(const Outer& p, const Place& place, Vector (&sums)[kRows][kVectors], Vector& unfinite) {
  float* c = p.c + static_cast<std::ptrdiff_t>(place.row) * p.c_row + place.column;
  Vector doubt[4] = {zero(), zero(), zero(), zero()};  // side by side: one would wait for itself
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      Vector value = sums[i][v];
      if (p.finish == Outer::Finish::Relu) value = relu(value);
      if (p.finish == Outer::Finish::Descend) {
        value = minus_product(all(p.rate), value, load_column<kVectors, kTail>(c, v, place.last));
        Vector& mine = doubt[(i * kVectors + v) % 4];
        mine = plus_product(value, zero(), mine);
      }
      store_column<kVectors, kTail>(c, v, place.last, value);
    }
    c += p.c_row;
  }
  if (p.finish == Outer::Finish::Descend) unfinite = unfinite + ((doubt[0] + doubt[1]) + (doubt[2] + doubt[3]));
}

template <int kRows, int kVectors, bool kTail>
void outer_tile(const Outer& p, const Place& place, Vector& unfinite) {
  // Rows of a in threes: one pointer serves the row it points at and, with the stride once and twice, the next two.
  constexpr int kThrees = (kRows + 2) / 3;
  Vector sums[kRows][kVectors];
  begin_sums<kRows, kVectors, kTail>(p, place, sums);
  const std::ptrdiff_t a_row = p.a_row, a_step = p.a_step, b_step = p.b_step;
  for (std::size_t s = 0; s < p.segments; ++s) {
    const float* a[kThrees];
    for (int t = 0; t < kThrees; ++t)
      a[t] =
          p.a + static_cast<std::ptrdiff_t>(s) * p.a_segment + (static_cast<std::ptrdiff_t>(place.row) + 3 * t) * a_row;
    const float* b = p.b + static_cast<std::ptrdiff_t>(s) * p.b_segment + place.column;
    for (std::size_t k = 0; k < p.steps; ++k) {
      Vector columns[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) columns[v] = load_column<kVectors, kTail>(b, v, place.last);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const Vector row = all(a[i / 3][(i % 3) * a_row]);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sums[i][v] = plus_product(row, columns[v], sums[i][v]);
      }
#pragma GCC unroll 16
      for (int t = 0; t < kThrees; ++t) a[t] += a_step;
      b += b_step;
    }
  }
  finish_sums<kRows, kVectors, kTail>(p, place, sums, unfinite);
}

template <int kRows, int kVectors>
void outer_tile_of(std::size_t rows, const Outer& p, const Place& place, Vector& unfinite) {
  if (rows == kRows) {
    if (place.last == kLanes)
      outer_tile<kRows, kVectors, false>(p, place, unfinite);
    else
      outer_tile<kRows, kVectors, true>(p, place, unfinite);
  } else if constexpr (kRows > 1) {
    outer_tile_of<kRows - 1, kVectors>(rows, p, place, unfinite);
  }
}

// The tile of `rows` rows at `row` and of the columns from `column` on; returns where the next one begins.
inline std::size_t outer_step(const Outer& p, std::size_t rows, std::size_t row, std::size_t column, Vector& unfinite) {
  const std::size_t left = p.columns - column;
  const auto place = [&](std::size_t vectors) {
    return Place{row, column, left < vectors * kLanes ? left - (vectors - 1) * kLanes : kLanes};
  };
  if (rows <= kFlatRows && left > (kFlatVectors - 1) * kLanes) {
    outer_tile_of<kFlatRows, kFlatVectors>(rows, p, place(kFlatVectors), unfinite);
    return column + kFlatVectors * kLanes;
  }
  if (left > kLanes) {
    outer_tile_of<kTallRows, 2>(rows, p, place(2), unfinite);
    return column + 2 * kLanes;
  }
  outer_tile_of<kTallRows, 1>(rows, p, place(1), unfinite);
  return column + kLanes;
}

inline bool outer(const Outer& p) {
  Vector unfinite = zero();
  const Cut cut(p.rows, kTallRows);
  if (p.columns_outside) {
    for (std::size_t column = 0, next = 0; column < p.columns; column = next)
      for (std::size_t part = 0; part < cut.parts(); ++part)
        next = outer_step(p, cut.size(part), cut.begin(part), column, unfinite);
  } else {
    for (std::size_t part = 0; part < cut.parts(); ++part)
      for (std::size_t column = 0; column < p.columns;)
        column = outer_step(p, cut.size(part), cut.begin(part), column, unfinite);
  }
  return is_zero(unfinite);
}

// Sums of kRows rows of a with four (kFours = 1) or eight rows of b.
template <int kRows, int kFours>
void dot_tile(const Dot& p, std::size_t row, std::size_t column) {
  Vector sums[kRows][4 * kFours];
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < 4 * kFours; ++j) sums[i][j] = zero();
  const float* a = p.a + static_cast<std::ptrdiff_t>(row) * p.a_row;
  const float* b = p.b + static_cast<std::ptrdiff_t>(column) * p.b_row;
  const auto add = [&](auto&& loaded) __attribute__((always_inline)) {
    Vector right[4 * kFours];
#pragma GCC unroll 8
    for (int j = 0; j < 4 * kFours; ++j) right[j] = loaded(b + j * p.b_row);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Vector left = loaded(a + i * p.a_row);
#pragma GCC unroll 8
      for (int j = 0; j < 4 * kFours; ++j) sums[i][j] = plus_product(left, right[j], sums[i][j]);
    }
  };
  std::size_t k = 0;
  for (; k + kLanes <= p.length; k += kLanes)
    add([&](const float* x) __attribute__((always_inline)) { return load(x + k); });
  if (k < p.length) add([&](const float* x) __attribute__((always_inline)) { return load_first(x + k, p.length - k); });
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
    for (int f = 0; f < kFours; ++f)
      sum_four(sums[i][4 * f], sums[i][4 * f + 1], sums[i][4 * f + 2], sums[i][4 * f + 3],
               p.c + (static_cast<std::ptrdiff_t>(row) + i) * p.c_row + column + 4 * f, p.accumulate);
}

template <int kRows>
void dot_tile_of(std::size_t rows, const Dot& p, std::size_t row, std::size_t column) {
  if (rows == kRows)
    dot_tile<kRows, 1>(p, row, column);
  else if constexpr (kRows > 1)
    dot_tile_of<kRows - 1>(rows, p, row, column);
}

// One column for one row; the way for what is left beside the tiles.
inline void dot_single(const Dot& p, std::size_t row, std::size_t column) {
  const float* a = p.a + static_cast<std::ptrdiff_t>(row) * p.a_row;
  const float* b = p.b + static_cast<std::ptrdiff_t>(column) * p.b_row;
  Vector sum = zero();
  std::size_t k = 0;
  for (; k + kLanes <= p.length; k += kLanes) sum = plus_product(load(a + k), load(b + k), sum);
  if (k < p.length) sum = plus_product(load_first(a + k, p.length - k), load_first(b + k, p.length - k), sum);
  float four[4];
  sum_four(sum, zero(), zero(), zero(), four, false);
  float& c = p.c[static_cast<std::ptrdiff_t>(row) * p.c_row + static_cast<std::ptrdiff_t>(column)];
  c = p.accumulate ? c + four[0] : four[0];
}

inline void dot(const Dot& p) {
  const Cut cut(p.rows, kDotRows);
  std::size_t column = 0;
  if (p.rows == 1)
    for (; column + 8 <= p.columns; column += 8) dot_tile<1, 2>(p, 0, column);
  for (; column + 4 <= p.columns; column += 4)
    for (std::size_t part = 0; part < cut.parts(); ++part)
      dot_tile_of<kDotRows>(cut.size(part), p, cut.begin(part), column);
  for (; column < p.columns; ++column)
    for (std::size_t row = 0; row < p.rows; ++row) dot_single(p, row, column);
}

// Calls visit(c, channels) for every vector of channels from c on.
template <class Visit>
inline void for_each_vector(std::size_t channels, Visit visit) {
  std::size_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) visit(c, kLanes);
  if (c < channels) visit(c, channels - c);
}

inline Vector load_up_to(const float* p, std::size_t count) {
  return count == kLanes ? load(p) : load_first(p, count);
}
inline void store_up_to(float* p, Vector v, std::size_t count) {
  if (count == kLanes)
    store(p, v);
  else
    store_first(p, v, count);
}

inline void pool(const Pool& p) {
  for_each_vector(p.channels, [&](std::size_t c, std::size_t count) {
    Vector largest = load_up_to(p.pixels[0] + c, count), winner = zero();
    for (std::size_t i = 1; i < p.count; ++i) {
      const Vector value = load_up_to(p.pixels[i] + c, count);
      const Mask larger = not_at_most(value, largest);
      largest = choose(larger, value, largest);
      winner = choose(larger, all(static_cast<float>(i)), winner);
    }
    store_up_to(p.largest + c, largest, count);
    store_up_to(p.winner + c, winner, count);
  });
}

inline void unpool(const Unpool& p) {
  for_each_vector(p.channels, [&](std::size_t c, std::size_t count) {
    const Vector slopes = load_up_to(p.slopes + c, count), winner = load_up_to(p.winner + c, count);
    for (std::size_t i = 0; i < p.count; ++i) {
      const Vector value = choose(equal(winner, all(static_cast<float>(i))), slopes, zero());
      const Vector before = p.add ? load_up_to(p.pixels[i] + c, count) : zero();
      store_up_to(p.pixels[i] + c, before + value, count);
    }
  });
}

}  // namespace
}  // namespace tributary::learn
