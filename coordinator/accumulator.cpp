#include "coordinator/accumulator.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/codec/fixed_point.h"
#include "common/codec/update.h"

namespace tributary::coordinator {

namespace {

void check_room(std::uint64_t updates, std::uint64_t more) {
  if (more <= codec::kMaxContributions - updates) return;
  fail(Error::Kind::Overloaded, "a round can sum " + std::to_string(codec::kMaxContributions) + " updates, not " +
                                    std::to_string(updates + more) + "; lower round.cohort");
}

}  // namespace

Accumulator::Accumulator(model::LayoutPtr layout, std::uint64_t max_examples)
    : layout_(std::move(layout)), max_examples_(max_examples), sum_(layout_->size()) {
  TRIBUTARY_CHECK(max_examples_ > 0);
}

void Accumulator::add(ByteSpan blob, std::uint64_t examples, unsigned threads) {
  TRIBUTARY_CHECK(examples > 0);
  check_room(updates_, 1);
  const std::uint64_t counted = std::min(examples, max_examples_);
  const double weight = static_cast<double>(counted) / static_cast<double>(max_examples_);
  codec::fold_update(blob, *layout_, weight, sum_, threads);
  ++updates_;
  examples_ += counted;
}

void Accumulator::merge(const Accumulator& other) {
  TRIBUTARY_CHECK(other.layout_->digest() == layout_->digest() && other.max_examples_ == max_examples_);
  check_room(updates_, other.updates_);
  for (std::size_t i = 0; i < sum_.size(); ++i) sum_[i] += other.sum_[i];
  updates_ += other.updates_;
  examples_ += other.examples_;
}

void Accumulator::mean(std::span<float> out) const {
  TRIBUTARY_CHECK(updates_ > 0 && out.size() == sum_.size());
  const double weight = static_cast<double>(examples_) / static_cast<double>(max_examples_);
  for (std::size_t i = 0; i < sum_.size(); ++i) out[i] = static_cast<float>(codec::from_fixed(sum_[i]) / weight);
}

void Accumulator::clear() {
  std::fill(sum_.begin(), sum_.end(), 0);
  updates_ = 0;
  examples_ = 0;
}

}  // namespace tributary::coordinator
