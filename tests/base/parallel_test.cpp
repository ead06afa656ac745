#include "common/base/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace tributary {
namespace {

TEST(Parallel, EveryIndexIsVisitedOnceForAnyNumberOfThreads) {
  for (const unsigned threads : {1U, 2U, 3U, 8U}) {
    std::vector<int> visits(1003);
    parallel_ranges(visits.size(), 10, threads, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) ++visits[i];
    });
    EXPECT_EQ(std::accumulate(visits.begin(), visits.end(), 0), 1003);
    EXPECT_EQ(*std::max_element(visits.begin(), visits.end()), 1);
  }
}

TEST(Parallel, RangesBeginAtMultiplesOfTheGrain) {
  parallel_ranges(1003, 16, 4, [](std::size_t begin, std::size_t) { EXPECT_EQ(begin % 16, 0U); });
}

TEST(Parallel, AnExceptionReachesTheCaller) {
  EXPECT_THROW(parallel_ranges(100, 1, 4,
                               [](std::size_t begin, std::size_t) {
                                 if (begin > 0) throw std::runtime_error("worker");
                               }),
               std::runtime_error);
}

}  // namespace
}  // namespace tributary
