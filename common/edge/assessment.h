// common/edge/assessment.h
//
// How good a model is on labelled examples: what `tributary-model evaluate` shows.
// Functions of any thread; each call compiles the graph for itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/data/dataset.h"
#include "common/learn/network.h"
#include "common/model/graph.h"

namespace tributary::edge {

struct Assessment {
  double loss = 0;      // mean
  double accuracy = 0;  // correct / examples; 0 for MeanSquaredError
  std::uint64_t examples = 0;
  double seconds = 0;  // of loss and accuracy
  // How often an example of class r got answer c: confusion[r * answers + c]. Empty where labels are no classes.
  std::uint32_t classes = 0, answers = 0;
  std::vector<std::uint64_t> confusion;

  // Of class r: right answers / examples; 0 without examples.
  double recall(std::uint32_t r) const;
};

// Throws Malformed when there are no examples or they do not fit the model, and what Network::compile() throws.
// `clock` measures.
Assessment assess(const model::Graph& graph, const data::View& examples, learn::Loss loss, const Clock& clock,
                  std::uint32_t batch_size = 256);

// For people: lines, the confusion matrix as a table where there are at most 20 classes. Ends with a line feed.
std::string as_table(const Assessment& assessment);
// For scripts: one JSON object with the fields above; the confusion matrix as a list of rows.
std::string as_json(const Assessment& assessment);

// The model's first output for every example, in order: rows of `width` values.
struct Predictions {
  std::vector<float> values;
  std::size_t width = 0;
};
// Throws as assess() does.
Predictions predict(const model::Graph& graph, const data::View& examples, std::uint32_t batch_size = 256);
// Lines of comma-separated values under a head: "example,answer,out0,out1,..."; `answer` is the place of the largest
// output. Numbers are written so that they read back as the same float32.
std::string as_csv(const Predictions& predictions, const data::View& examples);

}  // namespace tributary::edge
