#include "common/edge/assessment.h"

#include <algorithm>
#include <charconv>

#include "common/base/error.h"
#include "common/learn/training.h"

namespace tributary::edge {

namespace {

std::uint32_t answer_of(std::span<const float> row) {
  return static_cast<std::uint32_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

// Calls visit(indices, rows, width) for the outputs of batch after batch.
template <class Visit>
void for_each_batch(learn::Network& network, const model::ParameterSet& parameters, const data::View& examples,
                    std::uint32_t batch_size, Visit visit) {
  const data::Dataset& dataset = *examples.dataset;
  const std::span indices(examples.indices);
  std::vector<float> features, labels;
  for (std::size_t at = 0; at < indices.size(); at += batch_size) {
    const auto batch = indices.subspan(at, std::min<std::size_t>(batch_size, indices.size() - at));
    features.resize(batch.size() * dataset.feature_size());
    labels.resize(batch.size() * dataset.label_size());
    dataset.read(batch, features, labels);
    const auto output = network.predict(parameters, features, batch.size());
    visit(batch, std::span<const float>(output.values), output.values.size() / batch.size());
  }
}

void require_examples(const model::Graph& graph, const data::View& examples) {
  if (examples.size() == 0) fail(Error::Kind::Malformed, "there are no examples for model '" + graph.name + "'");
}

void count_answers(learn::Network& network, const model::ParameterSet& parameters, const data::View& examples,
                   std::uint32_t batch_size, Assessment& made) {
  made.classes = examples.dataset->classes();
  for_each_batch(network, parameters, examples, batch_size,
                 [&](std::span<const std::uint32_t> indices, std::span<const float> rows, std::size_t width) {
                   if (made.confusion.empty()) {
                     made.answers = static_cast<std::uint32_t>(width);
                     made.confusion.assign(std::size_t{made.classes} * width, 0);
                   }
                   for (std::size_t i = 0; i < indices.size(); ++i) {
                     const std::size_t row = examples.dataset->label_of(indices[i]);
                     ++made.confusion[row * width + answer_of(rows.subspan(i * width, width))];
                   }
                 });
}

}  // namespace

double Assessment::recall(std::uint32_t r) const {
  std::uint64_t all = 0;
  for (std::uint32_t c = 0; c < answers; ++c) all += confusion[std::size_t{r} * answers + c];
  return all == 0 || r >= answers
             ? 0
             : static_cast<double>(confusion[std::size_t{r} * answers + r]) / static_cast<double>(all);
}

Assessment assess(const model::Graph& graph, const data::View& examples, learn::Loss loss, const Clock& clock,
                  std::uint32_t batch_size) {
  require_examples(graph, examples);
  const auto network = learn::Network::compile(graph);
  const model::ParameterSet parameters = graph.parameters();
  const learn::Evaluation found = learn::evaluate(*network, parameters, examples, loss, clock, batch_size);
  Assessment made;
  made.loss = found.loss;
  made.accuracy = found.accuracy;
  made.examples = found.examples;
  made.seconds = found.seconds;
  if (loss == learn::Loss::CrossEntropy && examples.dataset->classes() > 0)
    count_answers(*network, parameters, examples, batch_size, made);
  return made;
}

Predictions predict(const model::Graph& graph, const data::View& examples, std::uint32_t batch_size) {
  require_examples(graph, examples);
  const auto network = learn::Network::compile(graph);
  Predictions made;
  for_each_batch(*network, graph.parameters(), examples, batch_size,
                 [&](std::span<const std::uint32_t>, std::span<const float> rows, std::size_t width) {
                   made.width = width;
                   made.values.insert(made.values.end(), rows.begin(), rows.end());
                 });
  return made;
}

std::string as_csv(const Predictions& predictions, const data::View& examples) {
  std::string text = "example,answer";
  for (std::size_t i = 0; i < predictions.width; ++i) text += ",out" + std::to_string(i);
  text += "\n";
  const std::span values(predictions.values);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto row = values.subspan(i * predictions.width, predictions.width);
    text += std::to_string(examples.indices[i]) + "," + std::to_string(answer_of(row));
    for (const float value : row) {
      char digits[32];
      const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
      text.append(",").append(digits, end);
    }
    text += "\n";
  }
  return text;
}

}  // namespace tributary::edge
