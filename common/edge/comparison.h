// common/edge/comparison.h
//
// Models side by side on the same examples: size, quality, speed and memory. What `tributary-model compare` shows.
// Functions of one thread; every model is measured on one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/data/dataset.h"
#include "common/learn/network.h"
#include "common/model/graph.h"

namespace tributary::edge {

struct Latency {
  double median = 0, p99 = 0;  // seconds of one call
};

struct ComparisonPlan {
  learn::Loss loss = learn::Loss::CrossEntropy;
  double seconds = 1.0;                          // of measuring for each model and batch size
  std::vector<std::uint32_t> batches = {1, 32};  // examples in a call
};

struct Contender {
  std::string name;
  std::uint64_t file_bytes = 0;
  std::uint64_t parameters = 0;
  double sparsity = 0;  // of the weights
  double accuracy = 0, loss = 0;
  std::vector<Latency> latency;    // one for each batch size of the plan
  double examples_per_second = 0;  // of the largest batch
  std::uint64_t peak_memory = 0;   // bytes, beyond what the program held before it loaded the model; 0 where unknown
};

struct Comparison {
  ComparisonPlan plan;
  std::uint64_t examples = 0;
  std::vector<Contender> contenders;
};

// Loads and measures one model after the other. The latencies are taken in turn, a call of each model after the other,
// so that what else the machine does meets them alike. Throws what Graph::load() and learn::evaluate() throw, beginning
// with the file.
Comparison compare(const std::vector<Path>& files, const data::View& examples, const ComparisonPlan& plan,
                   const Clock& clock);

std::string as_table(const Comparison& comparison);
std::string as_json(const Comparison& comparison);
// One self-contained page.
std::string as_html(const Comparison& comparison);

}  // namespace tributary::edge
