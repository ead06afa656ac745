#include "common/edge/calibration.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/learn/trace.h"

namespace tributary::edge {

namespace {

void add(Histogram& histogram, const learn::TracedValue& value) {
  try {
    histogram.add(value.values);
  } catch (const Error& e) {
    fail(e.kind(), "value '" + value.name + "' cannot be calibrated: " + e.what());
  }
}

}  // namespace

std::map<std::string, Range> calibrate(const model::Graph& graph, const data::View& examples,
                                       const std::vector<std::string>& values, const CalibrationPlan& plan) {
  if (examples.size() == 0)
    fail(Error::Kind::Malformed, "calibration needs examples, as many as show what the activations can be");
  if (!(plan.kept > 0.5 && plan.kept <= 1) || plan.batch_size == 0)
    fail(Error::Kind::Malformed, "calibration keeps a share of the values above 0.5 and at most 1");
  std::map<std::string, Histogram> seen;
  for (const auto& value : values) seen[value];
  const auto trace = learn::Trace::compile(graph);
  const data::Dataset& dataset = *examples.dataset;
  const std::size_t count = plan.examples == 0 ? examples.size() : std::min(examples.size(), plan.examples);
  std::vector<float> features, labels;
  for (std::size_t at = 0; at < count; at += plan.batch_size) {
    const auto batch = std::span(examples.indices).subspan(at, std::min<std::size_t>(plan.batch_size, count - at));
    features.resize(batch.size() * dataset.feature_size());
    labels.resize(batch.size() * dataset.label_size());
    dataset.read(batch, features, labels);
    trace->run(
        features, batch.size(), [&](const std::string& name) { return seen.contains(name); },
        [&](const learn::TracedValue& value) { add(seen.at(value.name), value); });
  }
  std::map<std::string, Range> ranges;
  for (const auto& [name, histogram] : seen)
    if (histogram.seen() > 0) ranges.emplace(name, histogram.range(plan.method, plan.kept));
  return ranges;
}

}  // namespace tributary::edge
