#include "common/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace tributary {

void parallel_ranges(std::size_t count, std::size_t grain, unsigned threads,
                     const std::function<void(std::size_t, std::size_t)>& body) {
  if (count == 0) return;
  grain = std::max<std::size_t>(grain, 1);
  const std::size_t grains = (count + grain - 1) / grain;
  const std::size_t parts = std::min<std::size_t>(std::max(1u, threads), grains);
  const std::size_t step = (grains + parts - 1) / parts * grain;

  std::exception_ptr first_failure;
  std::mutex mutex;
  const auto run = [&](std::size_t begin) {
    try {
      body(begin, std::min(count, begin + step));
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first_failure) first_failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t begin = step; begin < count; begin += step) workers.emplace_back(run, begin);
    run(0);
  }
  if (first_failure) std::rethrow_exception(first_failure);
}

unsigned usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1u, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace tributary
