// common/learn/adwin.h
//
// ADWIN2 (Bifet & Gavalda: "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007): keeps a window of the
// latest values of a stream, as long as its mean has not changed, and drops its older part when two parts of it differ
// by more than chance allows. The window is an exponential histogram: at most kBuckets buckets of 1, 2, 4, ... values
// each, so memory grows with the logarithm of the window. A value; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace tributary::learn {

struct AdwinRule {
  double delta = 0.01;      // confidence: bound on the chance of a false alarm at a check
  std::uint32_t clock = 8;  // values between two checks
  std::uint32_t least = 5;  // values that each of two parts must have
};

enum class Change : std::uint8_t { None, Rise, Fall };  // of the mean, older part to newer

class Adwin {
 public:
  explicit Adwin(const AdwinRule& rule = {}) : rule_(rule) {}

  // Adds a value in [0, 1], such as 1 for a wrong answer. What it says of the mean: Rise or Fall when the older part of
  // the window was dropped, which lies at or below the change.
  Change add(double value);

  std::uint64_t width() const { return width_; }  // values in the window
  double mean() const { return width_ == 0 ? 0 : sum_ / static_cast<double>(width_); }
  std::size_t buckets() const;

 private:
  static constexpr std::size_t kBuckets = 5;  // of one size: the paper's M
  struct Bucket {
    double sum = 0;
    double spread = 0;  // sum of squared distances from the bucket's mean
  };
  struct Row {  // buckets of 2^i values, the oldest first
    std::array<Bucket, kBuckets + 1> buckets;
    std::size_t count = 0;
  };

  void compress();
  void drop_oldest();
  // Does some cut of the window show two different means? The sign of newer less older then.
  Change check() const;

  AdwinRule rule_;
  std::vector<Row> rows_;  // the smallest, newest first
  std::uint64_t width_ = 0;
  double sum_ = 0;
  double spread_ = 0;  // of the whole window
  std::uint32_t since_check_ = 0;
};

}  // namespace tributary::learn
