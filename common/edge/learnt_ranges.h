// common/edge/learnt_ranges.h
//
// Ranges of activations that are learnt together with the weights (Esser et al. 2020, "Learned step size
// quantization"): the step between two levels is a parameter, the zero point stays. For aware_training.h; private to
// the room. Functions of any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/edge/ranges.h"
#include "common/learn/network.h"
#include "common/model/graph.h"

namespace tributary::edge {

struct LearntRanges {
  // The graph given, with every value of quantized_values() going through
  //   Div by its step -> QuantizeLinear and DequantizeLinear of scale 1 -> Mul by its step.
  // Rounding passes its gradient straight through and clipping has none, so that the step's derivative is Esser's:
  // round(v) - v where v = x / step is within the levels, the outermost level where it is not.
  model::Graph graph;
  std::string steps;                // the parameter that holds all steps: a vector, behind those of the graph given
  std::vector<std::string> values;  // whose steps they are, in order; two at least (the last may have no value)
  std::vector<std::uint8_t> zeros;
  std::vector<float> first;  // the steps to begin with
  std::vector<float> share;  // of a step's derivative that is taken: 1 / sqrt(255 x elements of the value)
};

// Throws Malformed when a value's range is missing, and what layers_of() throws.
LearntRanges learn_ranges(const model::Graph& graph, const std::map<std::string, Range>& ranges);

// `network`, compiled from learnt.graph, that takes its share of each step's derivative, and keeps the steps at a
// sixteenth of the first ones at least: gradient() raises those that fell below.
std::unique_ptr<learn::Network> step_network(std::unique_ptr<learn::Network> network, LearntRanges learnt);

// What the steps stand for. REQUIRES: parameters in the layout of learnt.graph.
std::map<std::string, Range> ranges_of(const LearntRanges& learnt, const model::ParameterSet& parameters);

}  // namespace tributary::edge
