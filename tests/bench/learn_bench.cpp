// A training step (gradient and plain SGD) of the planned executor against the eager one, and evaluation. One thread.
// Run with OPENBLAS_NUM_THREADS=1. Steps over MNIST-like rows: four fifths of the values are zero, in a frame around
// the middle, unless the name says dense. With MNIST's folder in the variable MNIST also whole epochs of ten
// participants, one after the other: 600 examples each in batches of 10, shuffled, each from the same parameters.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "common/base/random.h"
#include "common/data/partition.h"
#include "common/data/source.h"
#include "common/learn/eager.h"
#include "common/learn/eager_exits.h"
#include "common/learn/planned.h"
#include "common/learn/planned_exits.h"
#include "common/learn/sgd.h"
#include "common/learn/training.h"
#include "common/model/zoo.h"
#include "tests/bench/machine.h"

namespace tributary::bench {
namespace {

constexpr std::size_t kSide = 28, kFeatures = kSide * kSide;

struct Examples {
  std::vector<float> features, labels;
  learn::Batch batch() const { return {features, labels, labels.size()}; }
};

// Rows and columns 6 to 21 are inked, half of them: 16 x 16 / 2 / 784 = 16 % of the values.
Examples make_examples(std::size_t count, bool dense) {
  RandomStream random(1, "benchmark");
  Examples examples;
  for (std::size_t e = 0; e < count; ++e) {
    for (std::size_t i = 0; i < kFeatures; ++i) {
      const std::size_t y = i / kSide, x = i % kSide;
      const bool inked = y >= 6 && y < 22 && x >= 6 && x < 22 && random.uniform() < 0.5;
      examples.features.push_back(dense || inked ? static_cast<float>(random.uniform()) : 0.0f);
    }
    examples.labels.push_back(static_cast<float>(e % 10));
  }
  return examples;
}

std::unique_ptr<learn::Network> compile(const model::Graph& graph, bool planned) {
  return planned ? learn::compile_planned(graph) : learn::compile_eager(graph);
}

void train(benchmark::State& state, const std::string& model, bool planned, bool dense) {
  const auto graph = model::make_zoo_model(model, 1);
  const auto network = compile(graph, planned);
  auto parameters = graph.parameters();
  const auto examples = make_examples(static_cast<std::size_t>(state.range(0)), dense);
  std::vector<float> gradient(parameters.layout().size());
  constexpr float kRate = 1e-3f;
  learn::Sgd sgd(parameters, {.learning_rate = kRate});
  RandomStream random(1, "dropout");
  for (auto _ : state) {
    if (network->sgd_step(parameters, examples.batch(), learn::Loss::CrossEntropy, kRate)) continue;
    network->gradient(parameters, examples.batch(), learn::Loss::CrossEntropy, random, gradient);
    sgd.step(parameters.values(), gradient);
  }
}

// A step of hedge backpropagation: every exit of the network in one forward and one backward pass.
void train_exits(benchmark::State& state, const std::string& model, bool planned) {
  const auto graph = model::make_zoo_model(model, 1);
  const auto network = planned ? learn::compile_planned_exits(graph) : learn::compile_eager_exits(graph);
  auto parameters = graph.parameters();
  const auto examples = make_examples(static_cast<std::size_t>(state.range(0)), false);
  const std::vector<double> weights(network->exits(), 1.0 / static_cast<double>(network->exits()));
  RandomStream random(1, "dropout");
  learn::ExitAnswers answers;
  for (auto _ : state)
    network->sgd_step(parameters, examples.batch(), learn::Loss::CrossEntropy, weights, 1e-3f, random, answers);
}

void evaluate(benchmark::State& state, const std::string& model, bool planned) {
  const auto graph = model::make_zoo_model(model, 1);
  const auto network = compile(graph, planned);
  const auto parameters = graph.parameters();
  const auto examples = make_examples(static_cast<std::size_t>(state.range(0)), false);
  for (auto _ : state)
    benchmark::DoNotOptimize(network->evaluate(parameters, examples.batch(), learn::Loss::CrossEntropy).loss);
}

// The training loops of a round, and nothing else of it.
void train_ten(benchmark::State& state, const std::string& model, bool planned, const data::DatasetPtr& examples) {
  const auto graph = model::make_zoo_model(model, 1);
  const auto network = compile(graph, planned);
  const auto parts = data::partition(*examples, "iid", static_cast<std::uint32_t>(examples->size() / 600), 1);
  const auto received = graph.parameters();
  auto trained = received;
  const SystemClock clock;
  std::size_t next = 0;
  for (auto _ : state) {
    for (int participant = 0; participant < 10; ++participant, next = (next + 1) % parts.size()) {
      trained = received;
      RandomStream random(next, "shuffle");
      learn::train(*network, trained, {examples, parts[next]}, {.learning_rate = 0.1}, 1, random, clock);
    }
  }
}

void add_epochs(const Path& mnist) {
  data::DataSource source;
  source.images = mnist / "train-images-idx3-ubyte.gz";
  source.labels = mnist / "train-labels-idx1-ubyte.gz";
  const data::DatasetPtr examples = data::load(source);
  for (const bool planned : {false, true}) {
    const std::string name = std::string("ten_epochs/2nn/") + (planned ? "planned" : "eager");
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      train_ten(state, "2nn", planned, examples);
    })->Unit(benchmark::kMicrosecond);
  }
}

void add_benchmarks() {
  for (const bool planned : {false, true}) {
    const std::string who = planned ? "planned" : "eager";
    benchmark::RegisterBenchmark(("hedge_step/odl_100x20/" + who).c_str(),
                                 [=](benchmark::State& state) { train_exits(state, "odl:784-100x20-10", planned); })
        ->Unit(benchmark::kMicrosecond)
        ->Arg(1);
    for (const std::string model : {"2nn", "cnn"}) {
      const auto add = [&](const std::string& name, auto run) {
        return benchmark::RegisterBenchmark((name + "/" + model + "/" + who).c_str(), run)
            ->Unit(benchmark::kMicrosecond);
      };
      add("step", [=](benchmark::State& state) { train(state, model, planned, false); })->Arg(1)->Arg(10)->Arg(32);
      add("step_dense", [=](benchmark::State& state) { train(state, model, planned, true); })->Arg(10);
      add("evaluate", [=](benchmark::State& state) { evaluate(state, model, planned); })->Arg(256);
    }
  }
}

}  // namespace
}  // namespace tributary::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::printf("kernels %s, peak %.0f GFLOP/s, memory %.1f GB/s, one thread\n", tributary::learn::best_kernels().name,
              tributary::bench::peak_flops() / 1e9, tributary::bench::memory_bandwidth() / 1e9);
  tributary::bench::add_benchmarks();
  if (const char* mnist = std::getenv("MNIST")) tributary::bench::add_epochs(mnist);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
