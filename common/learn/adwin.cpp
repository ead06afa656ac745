#include "common/learn/adwin.h"

#include <algorithm>
#include <cmath>

namespace tributary::learn {

namespace {

// Squared distances from the mean of two groups together, beyond those within each.
double between(double sum_a, double count_a, double sum_b, double count_b) {
  if (count_a == 0 || count_b == 0) return 0;
  const double difference = sum_a / count_a - sum_b / count_b;
  return difference * difference * count_a * count_b / (count_a + count_b);
}

double size_of_row(std::size_t row) {
  return std::ldexp(1.0, static_cast<int>(row));
}

}  // namespace

std::size_t Adwin::buckets() const {
  std::size_t count = 0;
  for (const Row& row : rows_) count += row.count;
  return count;
}

Change Adwin::add(double value) {
  if (rows_.empty()) rows_.emplace_back();
  spread_ += between(value, 1, sum_, static_cast<double>(width_));
  sum_ += value;
  ++width_;
  rows_.front().buckets[rows_.front().count++] = {value, 0};
  compress();
  Change change = Change::None;
  if (++since_check_ < rule_.clock) return change;
  since_check_ = 0;
  for (Change found = check(); found != Change::None; found = check()) {
    if (change == Change::None) change = found;
    drop_oldest();
  }
  return change;
}

// Where there is one bucket of a size too many, the two oldest become one of twice the size.
void Adwin::compress() {
  for (std::size_t i = 0; i < rows_.size() && rows_[i].count > kBuckets; ++i) {
    if (i + 1 == rows_.size()) rows_.emplace_back();
    Row& row = rows_[i];
    const double size = size_of_row(i);
    const Bucket &a = row.buckets[0], &b = row.buckets[1];
    Row& next = rows_[i + 1];
    next.buckets[next.count++] = {a.sum + b.sum, a.spread + b.spread + between(a.sum, size, b.sum, size)};
    std::copy(row.buckets.begin() + 2, row.buckets.end(), row.buckets.begin());
    row.count -= 2;
  }
}

void Adwin::drop_oldest() {
  Row& row = rows_.back();
  const double size = size_of_row(rows_.size() - 1);
  const Bucket gone = row.buckets[0];
  width_ -= static_cast<std::uint64_t>(size);
  sum_ -= gone.sum;
  spread_ -= gone.spread + between(gone.sum, size, sum_, static_cast<double>(width_));
  spread_ = std::max(spread_, 0.0);
  std::copy(row.buckets.begin() + 1, row.buckets.end(), row.buckets.begin());
  if (--row.count == 0) rows_.pop_back();
}

// Theorem 3.2 with the variance, as in section 3 of the paper: for parts of n0 and n1 values, m = 1/(1/n0 + 1/n1),
// d = ln(2 ln(n) / delta), the cut is at |mean0 - mean1| > sqrt(2 variance d / m) + 2 d / (3 m).
Change Adwin::check() const {
  const auto whole = static_cast<double>(width_);
  if (whole < 2.0 * rule_.least) return Change::None;
  const double variance = spread_ / whole;
  const double log_term = std::log(2.0 * std::log(whole) / rule_.delta);
  double count = 0, sum = 0;  // of the older part
  for (std::size_t i = rows_.size(); i-- > 0;) {
    for (std::size_t b = 0; b < rows_[i].count; ++b) {
      count += size_of_row(i);
      sum += rows_[i].buckets[b].sum;
      const double rest = whole - count;
      if (rest < rule_.least) return Change::None;
      if (count < rule_.least) continue;
      const double m = 1.0 / (1.0 / count + 1.0 / rest);
      const double difference = (sum_ - sum) / rest - sum / count;
      if (std::abs(difference) > std::sqrt(2.0 / m * variance * log_term) + 2.0 / (3.0 * m) * log_term)
        return difference > 0 ? Change::Rise : Change::Fall;
    }
  }
  return Change::None;
}

}  // namespace tributary::learn
