#include "common/learn/labels.h"

#include <algorithm>
#include <string>

#include "common/base/error.h"

namespace tributary::learn {

void check_class_labels(const Batch& batch, std::size_t classes) {
  if (classes < 2)
    fail(Error::Kind::Malformed, "cross_entropy needs a model with outputs [examples, classes], at least 2 classes");
  if (batch.labels.size() != batch.examples)
    fail(Error::Kind::Malformed,
         "cross_entropy takes one label an example, not " + std::to_string(batch.labels.size() / batch.examples));
  for (const float label : batch.labels) {
    if (!(label >= 0.0f && label < static_cast<float>(classes)) ||
        label != static_cast<float>(static_cast<std::int64_t>(label)))
      fail(Error::Kind::Malformed, "label " + std::to_string(label) + " is not a class of a model with " +
                                       std::to_string(classes) + " outputs");
  }
}

void check_label_count(const Batch& batch, std::size_t outputs) {
  if (outputs * batch.examples != batch.labels.size())
    fail(Error::Kind::Malformed, "the model has " + std::to_string(outputs) + " outputs, an example " +
                                     std::to_string(batch.labels.size() / batch.examples) + " labels");
}

void check_probabilities(const Batch& batch) {
  for (const float label : batch.labels)
    if (!(label >= 0.0f && label <= 1.0f))
      fail(Error::Kind::Malformed,
           "label " + std::to_string(label) + " is not in [0, 1], as binary_cross_entropy needs");
}

std::uint32_t count_largest(std::span<const float> scores, const Batch& batch) {
  const std::size_t width = scores.size() / batch.examples;
  std::uint32_t correct = 0;
  for (std::size_t i = 0; i < batch.examples; ++i) {
    const float* row = scores.data() + i * width;
    correct += std::max_element(row, row + width) - row == static_cast<std::ptrdiff_t>(batch.labels[i]);
  }
  return correct;
}

std::uint32_t count_signs(std::span<const float> scores, const Batch& batch) {
  const std::size_t width = scores.size() / batch.examples;
  std::uint32_t correct = 0;
  for (std::size_t i = 0; i < batch.examples; ++i) {
    bool all = true;
    for (std::size_t j = i * width; j < (i + 1) * width; ++j) all = all && (scores[j] > 0) == (batch.labels[j] > 0.5f);
    correct += all;
  }
  return correct;
}

}  // namespace tributary::learn
