// common/edge/calibration.h
//
// The ranges of a model's activations, from what a representative set of examples makes of them.
// Functions of any thread; each call compiles the graph for itself.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/data/dataset.h"
#include "common/edge/ranges.h"
#include "common/model/graph.h"

namespace tributary::edge {

struct CalibrationPlan {
  Calibration method = Calibration::MinMax;
  double kept = 0.9999;           // share of the values that Calibration::Percentile keeps
  std::uint32_t examples = 1024;  // the first so many; 0 = all
  std::uint32_t batch_size = 64;
};

// A range for each of `values` (quantized_values() says which a quantised model needs). Throws Malformed without
// examples, naming the value that is infinite or not a number; and what learn::Trace throws.
std::map<std::string, Range> calibrate(const model::Graph& graph, const data::View& examples,
                                       const std::vector<std::string>& values, const CalibrationPlan& plan);

}  // namespace tributary::edge
