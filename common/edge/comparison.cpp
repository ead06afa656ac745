#include "common/edge/comparison.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>

#include <malloc.h>

#include "common/base/error.h"
#include "common/edge/inspection.h"
#include "common/learn/training.h"

namespace tributary::edge {

namespace {

// A line of /proc/self/status in bytes; 0 where there is none.
std::uint64_t memory_of(std::string_view key) {
  std::ifstream file("/proc/self/status");  // its size is 0 to who asks: it is read to the end
  std::string word;
  std::uint64_t kilobytes = 0;
  while (file >> word)
    if (word == std::string(key) + ":") return file >> kilobytes ? kilobytes << 10 : 0;
  return 0;
}

// The peak counts from now on; false where the system does not let us.
bool forget_peak() {
  malloc_trim(0);
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

// A model, loaded and ready, with features to feed it.
struct Ready {
  model::Graph graph;
  model::ParameterSet parameters;
  std::unique_ptr<learn::Network> network;
};

struct Features {
  std::vector<float> values;
  std::uint32_t examples = 0;
};

Features features_of(const data::View& examples, std::uint32_t count) {
  std::vector<std::uint32_t> indices(count);
  for (std::uint32_t i = 0; i < count; ++i) indices[i] = examples.indices[i % examples.size()];
  const data::Dataset& dataset = *examples.dataset;
  Features made{std::vector<float>(count * dataset.feature_size()), count};
  std::vector<float> labels(count * dataset.label_size());
  dataset.read(indices, made.values, labels);
  return made;
}

double time_once(Ready& ready, const Features& features, const Clock& clock) {
  const TimePoint begun = clock.now();
  ready.network->predict(ready.parameters, features.values, features.examples);
  return seconds(clock.now() - begun);
}

Latency latency_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(std::ceil(share * static_cast<double>(times.size()))) - 1];
  };
  return {at(0.5), at(0.99)};
}

// In turn, a call of each model, until each has had its time.
void measure(std::vector<Ready>& models, const data::View& examples, std::uint32_t batch, const ComparisonPlan& plan,
             const Clock& clock, Comparison& made) {
  constexpr std::size_t kFewest = 10;
  const Features features = features_of(examples, batch);
  for (Ready& ready : models)
    for (int i = 0; i < 3; ++i) time_once(ready, features, clock);
  std::vector<std::vector<double>> times(models.size());
  const TimePoint begun = clock.now();
  const double long_enough = plan.seconds * static_cast<double>(models.size());
  while (times.front().size() < kFewest || seconds(clock.now() - begun) < long_enough)
    for (std::size_t i = 0; i < models.size(); ++i) times[i].push_back(time_once(models[i], features, clock));
  for (std::size_t i = 0; i < models.size(); ++i) {
    made.contenders[i].latency.push_back(latency_of(times[i]));
    made.contenders[i].examples_per_second =
        std::max(made.contenders[i].examples_per_second, batch / made.contenders[i].latency.back().median);
  }
}

Contender assess_file(const Path& file, const data::View& examples, const ComparisonPlan& plan, const Clock& clock,
                      Ready& ready) {
  Contender made;
  made.name = file.filename().string();
  const Inspection found = inspect_file(file);
  made.file_bytes = found.file_bytes;
  made.parameters = found.parameters;
  made.sparsity = found.sparsity();
  const bool counts = forget_peak();
  const std::uint64_t before = memory_of("VmRSS");
  ready.graph = model::Graph::load(file);
  ready.parameters = ready.graph.parameters();
  ready.network = learn::Network::compile(ready.graph);
  const auto quality = learn::evaluate(*ready.network, ready.parameters, examples, plan.loss, clock, 32);
  made.accuracy = quality.accuracy;
  made.loss = quality.loss;
  const std::uint64_t peak = memory_of("VmHWM");
  made.peak_memory = counts && peak > before ? peak - before : 0;
  return made;
}

}  // namespace

Comparison compare(const std::vector<Path>& files, const data::View& examples, const ComparisonPlan& plan,
                   const Clock& clock) {
  if (examples.size() == 0) fail(Error::Kind::Malformed, "there are no examples to compare models on");
  if (files.empty()) fail(Error::Kind::Malformed, "there are no models to compare");
  Comparison made{plan, examples.size(), {}};
  std::vector<Ready> models(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    try {
      made.contenders.push_back(assess_file(files[i], examples, plan, clock, models[i]));
    } catch (const Error& e) {
      const std::string what = e.what();
      fail(e.kind(), what.starts_with(files[i].string()) ? what : files[i].string() + ": " + what);
    }
  }
  for (const std::uint32_t batch : plan.batches) measure(models, examples, batch, plan, clock, made);
  return made;
}

}  // namespace tributary::edge
