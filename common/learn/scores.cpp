#include "common/learn/scores.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/base/error.h"
#include "common/learn/labels.h"

namespace tributary::learn {

namespace {

// log(sum of exp) of a row, the largest taken out so that nothing overflows; nan when one is nan.
float log_sum(const float* row, std::size_t width) {
  const float largest = *std::max_element(row, row + width);
  float sum = 0;
  for (std::size_t i = 0; i < width; ++i) sum += std::exp(row[i] - largest);
  return largest + std::log(sum);
}

// Not by log_sum(), whose rounding would show where a probability is close to 1.
void softmax(float* row, std::size_t width) {
  const float largest = *std::max_element(row, row + width);
  float sum = 0;
  for (std::size_t i = 0; i < width; ++i) sum += row[i] = std::exp(row[i] - largest);
  for (std::size_t i = 0; i < width; ++i) row[i] /= sum;
}

void log_softmax(float* row, std::size_t width) {
  const float log_of_sum = log_sum(row, width);
  for (std::size_t i = 0; i < width; ++i) row[i] -= log_of_sum;
}

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

BatchResult cross_entropy(std::span<const float> scores, const Batch& batch, std::span<float> slopes) {
  const std::size_t width = scores.size() / batch.examples;
  check_class_labels(batch, width);
  const float share = 1.0f / static_cast<float>(batch.examples);
  double loss = 0;
  for (std::size_t e = 0; e < batch.examples; ++e) {
    const float* row = scores.data() + e * width;
    const auto label = static_cast<std::size_t>(batch.labels[e]);
    const float log_of_sum = log_sum(row, width);
    loss += double{log_of_sum} - double{row[label]};
    if (slopes.empty()) continue;
    for (std::size_t i = 0; i < width; ++i) slopes[e * width + i] = std::exp(row[i] - log_of_sum) * share;
    slopes[e * width + label] -= share;
  }
  return {loss / static_cast<double>(batch.examples), count_largest(scores, batch)};
}

BatchResult binary_cross_entropy(std::span<const float> scores, const Batch& batch, std::span<float> slopes) {
  check_label_count(batch, scores.size() / batch.examples);
  check_probabilities(batch);
  const float share = 1.0f / static_cast<float>(scores.size());
  double loss = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const float x = scores[i], label = batch.labels[i];
    loss += double{std::max(x, 0.0f) - x * label + std::log1p(std::exp(-std::abs(x)))};
    if (!slopes.empty()) slopes[i] = (sigmoid(x) - label) * share;
  }
  return {loss / static_cast<double>(scores.size()), count_signs(scores, batch)};
}

// Slopes with respect to what the head gave become those with respect to what it took.
void differentiate_row(Head head, const float* given, float* slopes, std::size_t width) {
  float sum = 0;
  if (head == Head::Softmax)
    for (std::size_t i = 0; i < width; ++i) sum += slopes[i] * given[i];
  if (head == Head::LogSoftmax)
    for (std::size_t i = 0; i < width; ++i) sum += slopes[i];
  for (std::size_t i = 0; i < width; ++i) {
    if (head == Head::Softmax) slopes[i] = given[i] * (slopes[i] - sum);
    if (head == Head::LogSoftmax) slopes[i] -= std::exp(given[i]) * sum;
    if (head == Head::Sigmoid) slopes[i] *= given[i] * (1.0f - given[i]);
  }
}

BatchResult mean_squared_error(Head head, std::span<const float> scores, const Batch& batch, std::span<float> slopes) {
  const std::size_t width = scores.size() / batch.examples;
  check_label_count(batch, width);
  const float share = 2.0f / static_cast<float>(scores.size());
  thread_local std::vector<float> row;
  double loss = 0;
  for (std::size_t begin = 0; begin < scores.size(); begin += width) {
    row.assign(scores.begin() + static_cast<std::ptrdiff_t>(begin),
               scores.begin() + static_cast<std::ptrdiff_t>(begin + width));
    apply(head, row, width);
    for (std::size_t i = 0; i < width; ++i) {
      const float difference = row[i] - batch.labels[begin + i];
      loss += double{difference} * double{difference};
      if (!slopes.empty()) slopes[begin + i] = share * difference;
    }
    if (!slopes.empty()) differentiate_row(head, row.data(), slopes.data() + begin, width);
  }
  return {loss / static_cast<double>(scores.size()), 0};
}

}  // namespace

void apply(Head head, std::span<float> rows, std::size_t width) {
  if (head == Head::Sigmoid) std::transform(rows.begin(), rows.end(), rows.begin(), sigmoid);
  for (std::size_t begin = 0; begin < rows.size(); begin += width) {
    if (head == Head::Softmax) softmax(rows.data() + begin, width);
    if (head == Head::LogSoftmax) log_softmax(rows.data() + begin, width);
  }
}

void answer(Loss loss, Head head, std::span<float> rows, std::size_t width) {
  if (loss == Loss::CrossEntropy) head = Head::Softmax;
  if (loss == Loss::BinaryCrossEntropy) head = Head::Sigmoid;
  apply(head, rows, width);
}

BatchResult score(Loss loss, Head head, std::span<const float> scores, const Batch& batch, std::span<float> slopes) {
  takes_logits(loss, head);  // refuses what does not fit
  switch (loss) {
    case Loss::CrossEntropy:
      return cross_entropy(scores, batch, slopes);
    case Loss::BinaryCrossEntropy:
      return binary_cross_entropy(scores, batch, slopes);
    case Loss::MeanSquaredError:
      return mean_squared_error(head, scores, batch, slopes);
  }
  fail(Error::Kind::Internal, "unknown loss");
}

}  // namespace tributary::learn
