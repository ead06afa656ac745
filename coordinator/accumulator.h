// coordinator/accumulator.h
//
// The exact sum of a round's updates (common/codec/fixed_point.h): integers, so that any order, number of threads,
// split over relays, and restart give the same bits. Memory: 8 bytes a parameter, whatever the number of updates. One
// thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/codec/update.h"
#include "common/model/parameters.h"

namespace tributary::coordinator {

class Accumulator {
 public:
  // An update of `examples` examples weighs min(examples, max_examples) / max_examples. REQUIRES: max_examples > 0.
  Accumulator(model::LayoutPtr layout, std::uint64_t max_examples);

  // Adds a checked blob (codec::check_update found no fault). REQUIRES: examples > 0. Throws Overloaded after
  // codec::kMaxContributions updates; the sum is unchanged then.
  void add(ByteSpan blob, std::uint64_t examples, unsigned threads = 1);
  // The same for several, in one pass over the sum. `read` as codec::fold_updates has it.
  struct Contribution {
    ByteSpan blob;
    std::uint64_t examples = 0;
    double factor = 1;  // multiplied into its values (codec::UpdateCheck::factor), not into what its examples weigh
  };
  void add(std::span<const Contribution> contributions, unsigned threads, const codec::BytesRead& read = {});
  // Adds the sum of another of the same layout and cap.
  void merge(const Accumulator& other);

  std::uint64_t updates() const { return updates_; }
  std::uint64_t examples() const { return examples_; }  // each update's capped

  // The weighted mean, in layout order. REQUIRES: updates() > 0.
  void mean(std::span<float> out) const;
  // Hands the mean on a few thousand values at a time, use(offset of the first, values), and clears the sum as it goes:
  // one pass. On any of `threads` threads at once. REQUIRES: updates() > 0.
  void take_mean(unsigned threads, const std::function<void(std::uint64_t, std::span<const float>)>& use);
  // Ready for the next round, without new memory.
  void clear();
  // Gives the memory back; nothing can be added any more.
  void release();

 private:
  model::LayoutPtr layout_;
  std::uint64_t max_examples_;
  std::vector<std::int64_t> sum_;
  std::uint64_t updates_ = 0;
  std::uint64_t examples_ = 0;
  bool clear_ = true;  // sum_ is all zero
};

}  // namespace tributary::coordinator
