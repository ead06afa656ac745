// What the coordinator's sum takes of memory, by counting what is allocated. A program of its own, because it replaces
// operator new.
#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>
#include <malloc.h>

#include "common/codec/update.h"
#include "coordinator/accumulator.h"

namespace {

std::atomic<std::int64_t> live_bytes{0};
std::atomic<std::int64_t> peak_bytes{0};

void* counted(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  const auto live = live_bytes += static_cast<std::int64_t>(malloc_usable_size(memory));
  std::int64_t peak = peak_bytes;
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live)) {
  }
  return memory;
}

void release(void* memory) {
  live_bytes -= static_cast<std::int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}

namespace tributary::coordinator {
namespace {

// Peak of a round of `updates` updates beyond what was there before, in bytes a parameter.
double bytes_a_parameter(int updates) {
  constexpr std::int64_t kParameters = 1'000'000;
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{{"w", {1000, kParameters / 1000}, model::Role::Weight, 0, 0, 1000, 1000}});
  const std::vector<float> delta(layout->size(), 0.01F);
  const Bytes blob = encode_update(*layout, delta, {}, codec::UpdateEncoding{}, RandomStream(1, "rounding"));
  std::vector<float> mean(layout->size());

  const std::int64_t before = live_bytes;
  peak_bytes = before;
  Accumulator accumulator(layout, 600);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < updates; ++i) accumulator.add(blob, 100, 2);
    accumulator.mean(mean);
    accumulator.clear();
  }
  return static_cast<double>(peak_bytes - before) / static_cast<double>(kParameters);
}

TEST(AccumulatorMemory, IsEightBytesAParameterWhateverTheNumberOfUpdates) {
  const double one = bytes_a_parameter(1);
  EXPECT_GE(one, 8.0);
  EXPECT_LT(one, 8.2);
  EXPECT_NEAR(bytes_a_parameter(100), one, 0.01);
}

}  // namespace
}  // namespace tributary::coordinator
