// One call of the float32 `cnn` on LibTorch and on the planned executor, and of its int8 static form. One thread.
// Run with OPENBLAS_NUM_THREADS=1; median and repetitions by --benchmark_repetitions, interleaved by
// --benchmark_enable_random_interleaving=true.

#include <benchmark/benchmark.h>

#include "common/base/random.h"
#include "common/data/dataset.h"
#include "common/edge/calibration.h"
#include "common/edge/quantization.h"
#include "common/edge/shrinking.h"
#include "common/learn/eager.h"
#include "common/model/zoo.h"

namespace tributary::bench {
namespace {

std::vector<float> pictures(std::size_t count) {
  RandomStream random(1, "benchmark");
  std::vector<float> values(count * 784);
  for (float& value : values) value = random.uniform() < 0.5 ? 0.0F : static_cast<float>(random.uniform());
  return values;
}

model::Graph quantized(const model::Graph& graph) {
  const auto some = data::whole(data::in_memory({1, 28, 28}, pictures(64), std::vector<float>(64), 10));
  return edge::quantize_static(graph, edge::calibrate(graph, some, edge::quantized_values(graph), {}));
}

void infer(benchmark::State& state, const model::Graph& graph, bool libtorch) {
  const auto network = libtorch ? learn::compile_eager(graph) : learn::Network::compile(graph);
  const auto parameters = graph.parameters();
  const auto examples = static_cast<std::size_t>(state.range(0));
  const auto features = pictures(examples);
  for (auto _ : state) benchmark::DoNotOptimize(network->predict(parameters, features, examples).values.data());
}

void add(const std::string& name, const model::Graph& graph, bool libtorch) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { infer(state, graph, libtorch); })
      ->Unit(benchmark::kMicrosecond)
      ->Arg(1)
      ->Arg(16);
}

void add_benchmarks() {
  const auto cnn = model::make_zoo_model("cnn", 1);
  add("infer/libtorch", cnn, true);
  add("infer/planned", cnn, false);
  add("infer/int8", quantized(cnn), false);
  // About half the multiply-adds.
  const auto half = edge::shrink(cnn, {.keep = 0.7});
  add("infer/half_libtorch", half, true);
  add("infer/half_planned", half, false);
}

}  // namespace
}  // namespace tributary::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  tributary::bench::add_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
