#include "common/codec/pruning.h"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <vector>

#include "common/base/error.h"
#include "common/base/parallel.h"

namespace tributary::codec {

namespace {

// The upper 12 of a magnitude's 31 bits: exponent and four bits of the mantissa.
constexpr unsigned kBinShift = 19;
constexpr std::size_t kBins = std::size_t{1} << (31 - kBinShift);
constexpr std::size_t kGrain = std::size_t{1} << 16;

using Histogram = std::array<std::uint64_t, kBins>;

Magnitude magnitude_of(float x) {
  return std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFu;
}

Histogram histogram_of(std::span<const std::span<const float>> parts, unsigned threads) {
  Histogram histogram{};
  std::mutex mutex;
  for (const std::span<const float> part : parts) {
    parallel_ranges(part.size(), kGrain, threads, [&](std::size_t begin, std::size_t end) {
      // Two sets of counters: neighbours often fall in one bin, and an increment has to wait for the one before it.
      std::vector<std::uint32_t> counts(2 * kBins);
      for (; begin < end; begin = std::min(end, begin + (std::size_t{1} << 30))) {
        const std::size_t stop = std::min(end, begin + (std::size_t{1} << 30));
        std::size_t i = begin;
        for (; i + 1 < stop; i += 2) {
          ++counts[magnitude_of(part[i]) >> kBinShift];
          ++counts[kBins + (magnitude_of(part[i + 1]) >> kBinShift)];
        }
        if (i < stop) ++counts[magnitude_of(part[i]) >> kBinShift];
        const std::lock_guard lock(mutex);
        for (std::size_t b = 0; b < kBins; ++b) histogram[b] += std::uint64_t{counts[b]} + counts[kBins + b];
        std::fill(counts.begin(), counts.end(), 0u);
      }
    });
  }
  return histogram;
}

std::vector<Magnitude> members_of(std::span<const std::span<const float>> parts, std::size_t bin, std::uint64_t count,
                                  unsigned threads) {
  std::vector<Magnitude> members;
  members.reserve(count);
  std::mutex mutex;
  for (const std::span<const float> part : parts) {
    parallel_ranges(part.size(), kGrain, threads, [&](std::size_t begin, std::size_t end) {
      constexpr std::size_t kStep = 4096;
      std::array<Magnitude, kStep + kSlack / sizeof(Magnitude)> found;
      for (; begin < end; begin += std::min(kStep, end - begin)) {
        const std::size_t used = kernels().collect(part.data() + begin, std::min(kStep, end - begin), kBinShift,
                                                   static_cast<Magnitude>(bin), found.data());
        const std::lock_guard lock(mutex);
        members.insert(members.end(), found.begin(), found.begin() + static_cast<std::ptrdiff_t>(used));
      }
    });
  }
  return members;
}

// The place behind the `count`-th element of this magnitude.
std::uint64_t place_after(std::span<const std::span<const float>> parts, Magnitude magnitude, std::uint64_t count) {
  std::uint64_t place = 0;
  for (const std::span<const float> part : parts) {
    for (const float x : part) {
      ++place;
      if (magnitude_of(x) == magnitude && --count == 0) return place;
    }
  }
  return place;
}

}  // namespace

Cut magnitude_cut(std::span<const std::span<const float>> parts, std::uint64_t drop, unsigned threads) {
  if (drop == 0) return {};
  const Histogram histogram = histogram_of(parts, threads);
  std::size_t bin = 0;
  std::uint64_t below = 0;
  while (bin < kBins && below + histogram[bin] < drop) below += histogram[bin++];
  TRIBUTARY_CHECK(bin < kBins);

  std::vector<Magnitude> members = members_of(parts, bin, histogram[bin], threads);
  const auto last_dropped = members.begin() + static_cast<std::ptrdiff_t>(drop - below - 1);
  std::nth_element(members.begin(), last_dropped, members.end());
  const Magnitude threshold = *last_dropped;
  const auto smaller = static_cast<std::uint64_t>(
      std::count_if(members.begin(), members.end(), [=](Magnitude m) { return m < threshold; }));
  const auto equal = static_cast<std::uint64_t>(std::count(members.begin(), members.end(), threshold));
  const std::uint64_t dropped_ties = drop - below - smaller;
  if (dropped_ties == equal) return {threshold + 1, 0};
  return {threshold, place_after(parts, threshold, dropped_ties)};
}

}  // namespace tributary::codec
