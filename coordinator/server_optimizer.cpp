// Compiled without contraction into fused multiply-add: the same bits on every machine.
#include "coordinator/server_optimizer.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace tributary::coordinator {

ServerOptimizer::ServerOptimizer(model::LayoutPtr layout, const ServerRule& rule)
    : layout_(std::move(layout)), rule_(rule) {
  if (rule_.momentum != 0) velocity_.resize(layout_->size());
}

void ServerOptimizer::restore(std::vector<float> velocity) {
  TRIBUTARY_CHECK(velocity.size() == velocity_.size());
  velocity_ = std::move(velocity);
}

void ServerOptimizer::apply(std::span<float> values, std::span<const float> update) {
  TRIBUTARY_CHECK(update.size() == layout_->size());
  apply(values, 0, update);
}

void ServerOptimizer::apply(std::span<float> values, std::uint64_t first, std::span<const float> part) {
  TRIBUTARY_CHECK(values.size() == layout_->size() && part.size() <= values.size() - first);
  const auto rate = static_cast<float>(rule_.learning_rate);
  const auto momentum = static_cast<float>(rule_.momentum);
  for (const model::TensorSpec& tensor : layout_->tensors()) {
    const std::uint64_t begin = std::max(tensor.offset, first);
    const std::uint64_t end = std::min(tensor.offset + tensor.size, first + part.size());
    if (tensor.role == model::Role::State) {
      for (std::uint64_t i = begin; i < end; ++i) values[i] += part[i - first];
    } else if (velocity_.empty()) {
      for (std::uint64_t i = begin; i < end; ++i) values[i] += rate * part[i - first];
    } else {
      for (std::uint64_t i = begin; i < end; ++i) {
        velocity_[i] = momentum * velocity_[i] + part[i - first];
        values[i] += rate * velocity_[i];
      }
    }
  }
}

}  // namespace tributary::coordinator
