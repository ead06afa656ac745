#include "common/learn/losses.h"

#include "common/learn/labels.h"

namespace tributary::learn {

namespace {

// Class indices of the batch, each below `classes`.
at::Tensor class_labels(const Batch& batch, std::int64_t classes) {
  check_class_labels(batch, static_cast<std::size_t>(classes));
  at::Tensor result = at::empty({static_cast<std::int64_t>(batch.examples)}, at::kLong);
  auto* out = result.data_ptr<std::int64_t>();
  for (const float label : batch.labels) *out++ = static_cast<std::int64_t>(label);
  return result;
}

template <class Count>
std::uint32_t count(const at::Tensor& scores, const Batch& batch, Count counting) {
  const at::Tensor rows = scores.detach().to(at::kFloat).contiguous();
  return counting({rows.data_ptr<float>(), static_cast<std::size_t>(rows.numel())}, batch);
}

LossValue cross_entropy(const at::Tensor& scores, const Batch& batch) {
  const at::Tensor logits = scores.flatten(1);
  if (logits.size(1) != scores.size(1) || logits.size(1) < 2)
    fail(Error::Kind::Malformed, "cross_entropy needs a model with outputs [examples, classes], at least 2 classes");
  const at::Tensor labels = class_labels(batch, logits.size(1));
  return {at::cross_entropy_loss(logits, labels), count(logits, batch, count_largest)};
}

// Labels in the shape of the scores [examples, k].
at::Tensor targets(const at::Tensor& scores, const Batch& batch) {
  check_label_count(batch, static_cast<std::size_t>(scores.numel()) / batch.examples);
  return at::from_blob(const_cast<float*>(batch.labels.data()), scores.sizes()).to(scores.scalar_type());
}

LossValue binary_cross_entropy(const at::Tensor& scores, const Batch& batch) {
  const at::Tensor logits = scores.reshape({static_cast<std::int64_t>(batch.examples), -1});
  const at::Tensor labels = targets(logits, batch);
  check_probabilities(batch);
  return {at::binary_cross_entropy_with_logits(logits, labels), count(logits, batch, count_signs)};
}

LossValue mean_squared_error(const at::Tensor& scores, const Batch& batch) {
  const at::Tensor rows = scores.reshape({static_cast<std::int64_t>(batch.examples), -1});
  return {at::mse_loss(rows, targets(rows, batch)), 0};
}

}  // namespace

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
