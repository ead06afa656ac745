// common/edge/ranges.h
//
// Which real numbers the 256 levels of an activation stand for: chosen from the values that were seen on a calibration
// set. No LibTorch; an object belongs to one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::edge {

// How a range is chosen from what was seen.
enum class Calibration : std::uint8_t {
  MinMax,      // everything that was seen
  Percentile,  // without the most extreme share of values, half of it on each side
  Mse,         // the range whose rounding and clipping have the least mean squared error
  Entropy,     // the range whose distribution after quantisation is nearest, by Kullback-Leibler divergence, to that
               // before (Migacz 2017, "8-bit inference with TensorRT")
};

// "min_max", "percentile", "mse", "entropy". Throws Malformed with the nearest name.
Calibration calibration_from(std::string_view name);
std::string_view name_of(Calibration calibration);

struct Range {
  float low = 0, high = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

// value = scale * (level - zero), levels 0 to 255. Zero is exactly a level, so that padding is exact.
struct Levels {
  float scale = 1;
  std::uint8_t zero = 0;
};
// The levels that cover `range` and 0. A range without length, such as that of values that are all 0, has scale 1.
Levels levels_of(const Range& range);

// The values that were seen at one place of a graph: exact smallest and largest, and a histogram between -b and b,
// where b is a power of two that grows with the values. 64 KiB.
class Histogram {
 public:
  Histogram();

  // Throws Malformed when a value is not finite.
  void add(std::span<const float> values);
  std::uint64_t seen() const { return seen_; }

  // `kept` is the share of the values that Percentile keeps. REQUIRES: seen() > 0.
  Range range(Calibration calibration, double kept = 0.9999) const;

 private:
  void widen(float magnitude);
  double centre(std::size_t bin) const;
  std::size_t bin_of(double value) const;
  Range percentile(double kept) const;
  template <class Cost>
  Range best_shrunk(Cost cost) const;
  double squared_error(const Range& range) const;
  double divergence(const Range& range) const;

  std::vector<std::uint64_t> bins_;
  double bound_ = 0;  // 0: nothing but zeros seen
  float low_ = 0, high_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace tributary::edge
