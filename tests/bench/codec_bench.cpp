// How fast the codecs are, on one core: 10 million parameters in four matrices of 2500 x 1000, their differences as
// updates. Bytes per second are of float32 parameters, in or out, unless a counter names something else.
//
// Folds stand beside the plain loop a[i] += b[i] over int64, the cheapest way there is to add 10 million numbers
// exactly. `traffic` counts the bytes that have to move: blob and sum (read and written), or both arrays of the loop.
//
//   tributary-bench --benchmark_filter=Edge --benchmark_repetitions=5
#include <cstring>
#include <memory>
#include <tuple>
#include <vector>

#include <benchmark/benchmark.h>

#include "common/base/random.h"
#include "common/codec/edge_copy.h"
#include "common/codec/update.h"

namespace {

using namespace tributary;

constexpr std::uint64_t kParameters = 10'000'000;

const model::LayoutPtr& layout() {
  static const auto made = [] {
    std::vector<model::TensorSpec> tensors(4);
    for (std::size_t t = 0; t < tensors.size(); ++t) {
      tensors[t] = {.name = "w" + std::to_string(t),
                    .shape = {1000, 2500},
                    .role = model::Role::Weight,
                    .channels = 1000,
                    .channel_stride = 2500};
    }
    return std::make_shared<const model::ParameterLayout>(std::move(tensors));
  }();
  return made;
}

const model::ParameterSet& master() {
  static const auto made = [] {
    model::ParameterSet set(layout());
    RandomStream random(1, "weights");
    for (float& w : set.values()) w = static_cast<float>(0.03 * random.normal());
    return set;
  }();
  return made;
}

void rate(benchmark::State& state, double bytes_each, const char* name) {
  state.counters[name] = benchmark::Counter(bytes_each * static_cast<double>(state.iterations()),
                                            benchmark::Counter::kIsRate, benchmark::Counter::OneK::kIs1000);
}

codec::EdgePlan plan_of(const benchmark::State& state) {
  return {.bits = static_cast<unsigned>(state.range(0)),
          .sparsity = static_cast<double>(state.range(1)) / 100,
          .block = static_cast<unsigned>(state.range(2))};
}

// Arguments: bits, sparsity in percent, weights that share a scale (0: an output channel's).
void EdgeEncode(benchmark::State& state) {
  std::vector<float> residual(kParameters);
  codec::EdgeCopy copy;
  for (auto _ : state) copy = codec::encode_edge_copy(master(), residual, plan_of(state));
  rate(state, 4.0 * kParameters, "float32");
  state.counters["size/float32"] = static_cast<double>(copy.blob.size()) / (4.0 * kParameters);
  state.counters["size/entropy"] = static_cast<double>(copy.blob.size()) * 8 / copy.entropy_bits;
}

void EdgeDecode(benchmark::State& state) {
  const Bytes blob = codec::encode_edge_copy(master(), {}, plan_of(state)).blob;
  for (auto _ : state) benchmark::DoNotOptimize(codec::decode_edge_copy(blob, layout()));
  rate(state, 4.0 * kParameters, "float32");
}

void edge_forms(benchmark::internal::Benchmark* bench) {
  for (const auto& [bits, sparsity, block] : {std::tuple{8, 50, 0},
                                              {8, 90, 0},
                                              {8, 0, 0},
                                              {8, 50, 256},
                                              {4, 50, 0},
                                              {4, 85, 0},
                                              {2, 50, 0},
                                              {2, 50, 256},
                                              {32, 50, 0},
                                              {32, 0, 0}}) {
    bench->Args({bits, sparsity, block});
  }
  bench->Unit(benchmark::kMillisecond);
}

BENCHMARK(EdgeEncode)->Apply(edge_forms);
BENCHMARK(EdgeDecode)->Apply(edge_forms);

Bytes update_blob(const char* encoding) {
  return codec::encode_update(*layout(), master().values(), {}, codec::UpdateEncoding::parse(encoding),
                              RandomStream(1, "rounding"));
}

// Bits a parameter, and the squared error beside the squared norm: the master is normal noise.
void describe(benchmark::State& state, const codec::UpdateEncoding& encoding) {
  const Bytes blob = codec::encode_update(*layout(), master().values(), {}, encoding, RandomStream(1, "rounding"));
  const std::vector<float> values = codec::decode_update(blob, *layout());
  double error = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double exact = static_cast<double>(master().values()[i]);
    error += (static_cast<double>(values[i]) - exact) * (static_cast<double>(values[i]) - exact);
    squares += exact * exact;
  }
  state.counters["bits"] = 8.0 * static_cast<double>(blob.size()) / kParameters;
  state.counters["vnmse"] = error / squares;
}

void UpdateEncode(benchmark::State& state, const char* encoding) {
  std::vector<float> residual(kParameters);
  const auto parsed = codec::UpdateEncoding::parse(encoding);
  const RandomStream random(1, "rounding");
  for (auto _ : state) {
    benchmark::DoNotOptimize(codec::encode_update(*layout(), master().values(), residual, parsed, random));
  }
  rate(state, 4.0 * kParameters, "float32");
  describe(state, parsed);
}

void UpdateCheck(benchmark::State& state, const char* encoding) {
  const Bytes blob = update_blob(encoding);
  for (auto _ : state) benchmark::DoNotOptimize(codec::check_update(blob, *layout()));
  rate(state, 4.0 * kParameters, "float32");
  rate(state, static_cast<double>(blob.size()), "traffic");
}

void UpdateFold(benchmark::State& state, const char* encoding) {
  const Bytes blob = update_blob(encoding);
  std::vector<std::int64_t> sum(kParameters);
  for (auto _ : state) {
    codec::fold_update(blob, *layout(), 0.37, sum);
    benchmark::ClobberMemory();
  }
  rate(state, 4.0 * kParameters, "float32");
  rate(state, static_cast<double>(blob.size()) + 16.0 * kParameters, "traffic");
}

#define FOR_ENCODING(name, text)                                              \
  BENCHMARK_CAPTURE(UpdateEncode, name, text)->Unit(benchmark::kMillisecond); \
  BENCHMARK_CAPTURE(UpdateCheck, name, text)->Unit(benchmark::kMillisecond);  \
  BENCHMARK_CAPTURE(UpdateFold, name, text)->Unit(benchmark::kMillisecond)

FOR_ENCODING(float32, "float32");
FOR_ENCODING(int8, "int8");
FOR_ENCODING(int4, "int4");
FOR_ENCODING(rotated_1, "rotated:1");
FOR_ENCODING(rotated_2, "rotated:2");
FOR_ENCODING(rotated_3, "rotated:3");
FOR_ENCODING(rotated_4, "rotated:4");
FOR_ENCODING(topk_100, "topk:1/100");
FOR_ENCODING(ternary_100, "ternary:1/100");
FOR_ENCODING(ternary_400, "ternary:1/400");

// The yardsticks, in the same run.
void PlainInt64Loop(benchmark::State& state) {
  std::vector<std::int64_t> a(kParameters), b(kParameters, 3);
  for (auto _ : state) {
    std::int64_t* to = a.data();
    const std::int64_t* from = b.data();
    for (std::size_t i = 0; i < kParameters; ++i) to[i] += from[i];
    benchmark::ClobberMemory();
  }
  rate(state, 24.0 * kParameters, "traffic");
}

void MemoryRead(benchmark::State& state) {
  const std::vector<std::int64_t> a(2 * kParameters, 3);
  for (auto _ : state) {
    std::int64_t sum = 0;
    for (const std::int64_t v : a) sum += v;
    benchmark::DoNotOptimize(sum);
  }
  rate(state, 16.0 * kParameters, "traffic");
}

void MemoryCopy(benchmark::State& state) {
  const std::vector<std::int64_t> a(2 * kParameters, 3);
  std::vector<std::int64_t> b(2 * kParameters);
  for (auto _ : state) {
    std::memcpy(b.data(), a.data(), 16 * kParameters);
    benchmark::ClobberMemory();
  }
  rate(state, 32.0 * kParameters, "traffic");
}

BENCHMARK(PlainInt64Loop)->Unit(benchmark::kMillisecond);
BENCHMARK(MemoryRead)->Unit(benchmark::kMillisecond);
BENCHMARK(MemoryCopy)->Unit(benchmark::kMillisecond);

}  // namespace
