#include "tests/bench/machine.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "common/learn/kernels.h"

namespace tributary::bench {

namespace {

// Seconds of the fastest of `times` calls.
template <class Call>
double fastest(int times, Call call) {
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

double peak_flops() {
  // A product of one register tile with a long inner dimension: a row of 12 values by 32 columns, 4 KiB in all.
  constexpr std::size_t kRows = 12, kColumns = 32, kSteps = 16, kRepeats = 2000;
  std::vector<float> a(kRows * kSteps, 0.5f), b(kSteps * kColumns, 0.5f), c(kRows * kColumns);
  learn::Outer p;
  p.a = a.data();
  p.a_row = kSteps;
  p.b = b.data();
  p.b_step = kColumns;
  p.c = c.data();
  p.c_row = kColumns;
  p.rows = kRows;
  p.columns = kColumns;
  p.steps = kSteps;
  p.segments = kRepeats;  // the same again: strides of 0
  const double seconds = fastest(200, [&] { learn::best_kernels().outer(p); });
  return 2.0 * kRows * kColumns * kSteps * kRepeats / seconds;
}

double memory_bandwidth() {
  std::vector<float> values(std::size_t{16} << 20, 1.0f);  // 64 MiB
  const double seconds = fastest(10, [&] {
    float* w = values.data();
    for (std::size_t i = 0; i < values.size(); ++i) w[i] = w[i] * 0.5f + 0.25f;
  });
  return 2.0 * static_cast<double>(values.size() * sizeof(float)) / seconds;
}

}  // namespace tributary::bench
