// common/base/parallel.h
//
// Splits an index range over threads. The split never changes a result: callers write disjoint ranges or sum integers.
#pragma once

#include <cstddef>
#include <functional>

namespace tributary {

// Calls body(begin, end) on disjoint ranges that cover [0, count), each a multiple of `grain` long except the last, on
// at most `threads` threads (1 = this thread only). Returns when all are done; rethrows the first exception.
void parallel_ranges(std::size_t count, std::size_t grain, unsigned threads,
                     const std::function<void(std::size_t begin, std::size_t end)>& body);

// The processors that this process may use; at least 1.
unsigned usable_cores();

}  // namespace tributary
