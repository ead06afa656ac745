#include "common/learn/losses.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/text.h"

namespace tributary::learn {

namespace {

constexpr std::array<std::pair<Loss, std::string_view>, 3> kNames{{{Loss::CrossEntropy, "cross_entropy"},
                                                                   {Loss::BinaryCrossEntropy, "binary_cross_entropy"},
                                                                   {Loss::MeanSquaredError, "mean_squared_error"}}};

// Class indices of the batch, each below `classes`.
at::Tensor class_labels(const Batch& batch, std::int64_t classes) {
  if (batch.labels.size() != batch.examples)
    fail(Error::Kind::Malformed,
         "cross_entropy takes one label an example, not " + std::to_string(batch.labels.size() / batch.examples));
  at::Tensor result = at::empty({static_cast<std::int64_t>(batch.examples)}, at::kLong);
  auto* out = result.data_ptr<std::int64_t>();
  for (const float label : batch.labels) {
    if (!(label >= 0.0f && label < static_cast<float>(classes)) ||
        label != static_cast<float>(static_cast<std::int64_t>(label)))
      fail(Error::Kind::Malformed, "label " + std::to_string(label) + " is not a class of a model with " +
                                       std::to_string(classes) + " outputs");
    *out++ = static_cast<std::int64_t>(label);
  }
  return result;
}

// float32 rows of the scores, for counting.
at::Tensor readable(const at::Tensor& scores) {
  return scores.detach().to(at::kFloat).contiguous();
}

std::uint32_t count_largest(const at::Tensor& scores, const at::Tensor& labels) {
  const at::Tensor rows = readable(scores);
  const auto* row = rows.data_ptr<float>();
  const auto* label = labels.data_ptr<std::int64_t>();
  const auto classes = rows.size(1);
  std::uint32_t correct = 0;
  for (std::int64_t i = 0; i < rows.size(0); ++i, row += classes)
    correct += std::max_element(row, row + classes) - row == label[i];
  return correct;
}

LossValue cross_entropy(const at::Tensor& scores, const Batch& batch) {
  const at::Tensor logits = scores.flatten(1);
  if (logits.size(1) != scores.size(1) || logits.size(1) < 2)
    fail(Error::Kind::Malformed, "cross_entropy needs a model with outputs [examples, classes], at least 2 classes");
  const at::Tensor labels = class_labels(batch, logits.size(1));
  return {at::cross_entropy_loss(logits, labels), count_largest(logits, labels)};
}

// Labels in the shape of the scores [examples, k].
at::Tensor targets(const at::Tensor& scores, const Batch& batch) {
  if (scores.numel() != static_cast<std::int64_t>(batch.labels.size()))
    fail(Error::Kind::Malformed, "the model has " + std::to_string(scores.size(1)) + " outputs, an example " +
                                     std::to_string(batch.labels.size() / batch.examples) + " labels");
  return at::from_blob(const_cast<float*>(batch.labels.data()), scores.sizes()).to(scores.scalar_type());
}

LossValue binary_cross_entropy(const at::Tensor& scores, const Batch& batch) {
  const at::Tensor logits = scores.reshape({static_cast<std::int64_t>(batch.examples), -1});
  const at::Tensor labels = targets(logits, batch);
  for (const float label : batch.labels)
    if (!(label >= 0.0f && label <= 1.0f))
      fail(Error::Kind::Malformed,
           "label " + std::to_string(label) + " is not in [0, 1], as binary_cross_entropy needs");
  const at::Tensor rows = readable(logits);
  const auto* score = rows.data_ptr<float>();
  std::uint32_t correct = 0;
  const auto k = static_cast<std::size_t>(rows.size(1));
  for (std::size_t i = 0; i < batch.examples; ++i) {
    bool all = true;
    for (std::size_t j = i * k; j < (i + 1) * k; ++j) all = all && (score[j] > 0) == (batch.labels[j] > 0.5f);
    correct += all;
  }
  return {at::binary_cross_entropy_with_logits(logits, labels), correct};
}

LossValue mean_squared_error(const at::Tensor& scores, const Batch& batch) {
  const at::Tensor rows = scores.reshape({static_cast<std::int64_t>(batch.examples), -1});
  return {at::mse_loss(rows, targets(rows, batch)), 0};
}

}  // namespace

Loss loss_from(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& [loss, text] : kNames) {
    if (text == name) return loss;
    known.emplace_back(text);
  }
  const auto meant = nearest(name, known);
  fail(Error::Kind::Malformed, "unknown loss '" + std::string(name) + "'" +
                                   (meant ? "; did you mean '" + *meant + "'?"
                                          : "; known: cross_entropy, binary_cross_entropy, mean_squared_error"));
}

std::string_view name_of(Loss loss) {
  for (const auto& [known, text] : kNames)
    if (known == loss) return text;
  fail(Error::Kind::Internal, "unknown loss");
}

bool takes_logits(Loss loss, Head head) {
  const auto refuse = [&](std::string_view ending) {
    fail(Error::Kind::Unsupported,
         "unsupported: loss " + std::string(name_of(loss)) + " of a model that ends in " + std::string(ending));
  };
  if (loss == Loss::CrossEntropy && head == Head::Sigmoid) refuse("Sigmoid; use binary_cross_entropy");
  if (loss == Loss::BinaryCrossEntropy && head == Head::Softmax) refuse("Softmax; use cross_entropy");
  if (loss == Loss::BinaryCrossEntropy && head == Head::LogSoftmax) refuse("LogSoftmax; use cross_entropy");
  return loss != Loss::MeanSquaredError;
}

LossValue loss_of(Loss loss, const at::Tensor& scores, const Batch& batch) {
  if (scores.dim() < 1 || scores.size(0) != static_cast<std::int64_t>(batch.examples))
    fail(Error::Kind::Malformed, "the model's output has no batch axis: one row for each example is needed");
  const at::Tensor rows = scores.dim() == 1 ? scores.unsqueeze(1) : scores;
  switch (loss) {
    case Loss::CrossEntropy:
      return cross_entropy(rows, batch);
    case Loss::BinaryCrossEntropy:
      return binary_cross_entropy(rows, batch);
    case Loss::MeanSquaredError:
      return mean_squared_error(rows, batch);
  }
  fail(Error::Kind::Internal, "unknown loss");
}

}  // namespace tributary::learn
