// tributary-bench-serve MODEL.onnx BATCH SECONDS BODY: what the predictor's figures are held against, measured without
// HTTP: the median time of one inference of one example, and the examples a second in batches of BATCH, one thread.
// Also writes a request of one example with a binary tensor to BODY, for a load generator. Prints one JSON object.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/learn/network.h"
#include "common/options/command_line.h"
#include "participant/predictor/served_graph.h"

using namespace tributary;

namespace {

std::vector<float> noise(std::size_t count) {
  RandomStream random(StreamName{1, "bench", 0, {}});
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// The median of as many runs as the time allows, in seconds.
double median_of(const std::function<void()>& run, double limit) {
  const SystemClock clock;
  std::vector<double> times;
  const TimePoint end = clock.now() + from_seconds(limit);
  while (clock.now() < end) {
    const TimePoint begun = clock.now();
    run();
    times.push_back(seconds(clock.now() - begun));
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

int measure(const std::string& file, std::size_t batch, double limit, const std::string& body) {
  const model::Graph graph = predictor::load_served(file).graph;
  const auto network = learn::Network::compile(graph);
  const model::ParameterSet values = graph.parameters();
  std::size_t features = 1;
  std::string shape = "1";
  for (std::size_t d = 1; d < graph.example_input().shape.size(); ++d) {
    features *= static_cast<std::size_t>(graph.example_input().shape[d]);
    shape += "," + std::to_string(graph.example_input().shape[d]);
  }
  const auto examples = noise(features * batch);
  const auto one = std::span(examples).first(features);
  const double single = median_of([&] { (void)network->predict(values, one, 1); }, limit);
  const double batched = median_of([&] { (void)network->predict(values, examples, batch); }, limit);
  const std::string head =
      "{\"inputs\":[{\"name\":\"" + graph.example_input().name + "\",\"shape\":[" + shape +
      "],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":" + std::to_string(features * 4) +
      "}}],\"parameters\":{\"binary_data_output\":true}}";
  std::ofstream out(body, std::ios::binary);
  out << head;
  out.write(reinterpret_cast<const char*>(one.data()), static_cast<std::streamsize>(one.size_bytes()));
  std::printf(
      "{\n  \"single_us\": %.2f,\n  \"batch_us\": %.2f,\n  \"examples_per_second\": %.1f,\n  \"head_bytes\": %zu\n}\n",
      single * 1e6, batched * 1e6, static_cast<double>(batch) / batched, head.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return options::run_main("tributary-bench-serve", [&] {
    const auto batch = argc == 5 ? parse_int(argv[2]) : std::nullopt;
    const auto limit = argc == 5 ? parse_double(argv[3]) : std::nullopt;
    if (!batch || *batch < 1 || !limit)
      fail(Error::Kind::Malformed, "usage: tributary-bench-serve MODEL.onnx BATCH SECONDS BODY");
    return measure(argv[1], static_cast<std::size_t>(*batch), *limit, argv[4]);
  });
}
