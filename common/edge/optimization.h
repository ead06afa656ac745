// common/edge/optimization.h
//
// A search for the smallest model that is good enough, or the best one that is small enough: what `tributary-model
// optimize` does. Every share of the channels that may stay (shrinking.h, retrained) is written in every form
// (quantization.h, of the folded graph), and measured on held-out examples.
//
// What cannot be chosen is not trained: with a limit of bytes, shares whose smallest form is too large, or far smaller
// than asked; with a limit of accuracy, shares below the first whose every form loses too much. Zeros make no ONNX file
// smaller, so sparsity is not searched.
// Functions of one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/edge/calibration.h"
#include "common/edge/central_training.h"
#include "common/edge/shrinking.h"

namespace tributary::edge {

enum class Form : std::uint8_t {
  Float32,
  Weights,  // quantize_weights(), int8
  Dynamic,  // quantize_dynamic()
  Static,   // quantize_static()
  Aware,    // train_aware(): trains once more for each share
};
// "float32", "weights", "dynamic", "static", "aware". Throws Malformed with the nearest name.
Form form_from(std::string_view name);
std::string_view name_of(Form form);

struct OptimizationPlan {
  // Exactly one of the two.
  std::optional<std::uint64_t> target_bytes;                    // of the file
  std::optional<double> max_accuracy_drop;                      // in points, against the model as it was given
  std::vector<double> keeps = {1, 0.8, 0.65, 0.5, 0.35, 0.25};  // shares of each layer's channels, above 0, at most 1
  std::vector<Form> forms = {Form::Float32, Form::Weights, Form::Dynamic, Form::Static};
  ShrinkPlan::Score score = ShrinkPlan::Score::L1;
  CentralPlan training;  // of a model that has lost channels; Aware takes a tenth of its learning rate
  CalibrationPlan calibration;
};

// Throws Malformed naming what is out of range.
void check(const OptimizationPlan& plan);

struct Candidate {
  double keep = 1;
  Form form = Form::Float32;
  std::uint64_t bytes = 0;  // of the file
  double accuracy = 0;      // on the held-out examples
  bool on_front = false;    // no other is smaller and as good, or as small and better
};

struct Optimization {
  std::uint64_t bytes = 0;  // of the model as it was given
  double accuracy = 0;
  std::vector<Candidate> candidates;  // in the order in which they were found
  std::optional<std::size_t> chosen;  // of them; none is within the limit otherwise
  model::Graph graph;                 // the chosen one
};

struct OptimizationWatch {
  std::function<void(const Candidate&)> found = {};
  std::function<void(double share)> step = {};  // the share of the search that is done at least, 0 to 1
};

// Shares of the plan, largest first, that are worth training for `graph` by their size, with the one that just fits
// a limit of bytes among them.
std::vector<double> keeps_worth_trying(const model::Graph& graph, const OptimizationPlan& plan);

// Throws Malformed for a plan out of range, a loss without accuracy, training that diverges; what shrink(), calibrate()
// and Graph::serialize() throw; Unsupported below opset 13 for the forms that quantise activations.
Optimization optimize(const model::Graph& graph, const data::View& examples, const data::View& held_out,
                      const OptimizationPlan& plan, const Clock& clock, const OptimizationWatch& watch = {});

// The front, for people; all candidates for scripts; a page with a plot of size and accuracy.
std::string as_table(const Optimization& optimization);
std::string as_json(const Optimization& optimization);
std::string as_html(const Optimization& optimization, const OptimizationPlan& plan, const std::string& model);

}  // namespace tributary::edge
