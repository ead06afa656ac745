#include "coordinator/accumulator.h"

#include <algorithm>
#include <array>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/codec/fixed_point.h"
#include "common/codec/update.h"

namespace tributary::coordinator {

namespace {

constexpr std::size_t kTile = 4096;  // values worked on while they are in the first-level cache
constexpr std::size_t kGrain = 64 * kTile;

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
  const Contribution only{blob, examples, 1};
  add(std::span(&only, 1), threads);
}

void Accumulator::add(std::span<const Contribution> contributions, unsigned threads, const codec::BytesRead& read) {
  check_room(updates_, contributions.size());
  std::vector<codec::WeightedUpdate> weighted;
  std::uint64_t examples = 0;
  for (const Contribution& each : contributions) {
    TRIBUTARY_CHECK(each.examples > 0);
    const std::uint64_t counted = std::min(each.examples, max_examples_);
    const double weight = static_cast<double>(counted) / static_cast<double>(max_examples_);
    weighted.push_back({each.blob, weight * each.factor});
    examples += counted;
  }
  clear_ = false;
  codec::fold_updates(weighted, *layout_, sum_, threads, read);
  updates_ += contributions.size();
  examples_ += examples;
}

void Accumulator::merge(const Accumulator& other) {
  TRIBUTARY_CHECK(other.layout_->digest() == layout_->digest() && other.max_examples_ == max_examples_);
  check_room(updates_, other.updates_);
  clear_ = false;
  for (std::size_t i = 0; i < sum_.size(); ++i) sum_[i] += other.sum_[i];
  updates_ += other.updates_;
  examples_ += other.examples_;
}

void Accumulator::mean(std::span<float> out) const {
  TRIBUTARY_CHECK(updates_ > 0 && out.size() == sum_.size());
  codec::mean_of(sum_, static_cast<double>(examples_) / static_cast<double>(max_examples_), out);
}

void Accumulator::take_mean(unsigned threads, const std::function<void(std::uint64_t, std::span<const float>)>& use) {
  TRIBUTARY_CHECK(updates_ > 0);
  const double weight = static_cast<double>(examples_) / static_cast<double>(max_examples_);
  parallel_ranges(sum_.size(), kGrain, threads, [&](std::size_t begin, std::size_t end) {
    std::array<float, kTile> values;
    for (std::size_t at = begin; at < end; at += kTile) {
      const auto part = std::span(sum_).subspan(at, std::min(kTile, end - at));
      const auto means = std::span(values).first(part.size());
      codec::mean_of(part, weight, means);
      std::fill(part.begin(), part.end(), 0);
      use(at, means);
    }
  });
  clear_ = true;
  clear();
}

void Accumulator::clear() {
  if (!clear_) std::fill(sum_.begin(), sum_.end(), 0);
  clear_ = true;
  updates_ = 0;
  examples_ = 0;
}

void Accumulator::release() {
  sum_ = std::vector<std::int64_t>();  // not {}: that would keep the memory
  updates_ = 0;
  examples_ = 0;
}

}  // namespace tributary::coordinator
