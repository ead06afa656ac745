// Compiled without contraction into fused multiply-add: the same bits on every machine.
#include "coordinator/server_optimizer.h"

#include "common/base/error.h"

namespace tributary::coordinator {

ServerOptimizer::ServerOptimizer(model::LayoutPtr layout, const ServerRule& rule)
    : layout_(std::move(layout)), rule_(rule) {
  if (rule_.momentum != 0) velocity_.resize(layout_->size());
}

void ServerOptimizer::apply(std::span<float> values, std::span<const float> update) {
  TRIBUTARY_CHECK(values.size() == layout_->size() && update.size() == layout_->size());
  const auto rate = static_cast<float>(rule_.learning_rate);
  const auto momentum = static_cast<float>(rule_.momentum);
  for (const model::TensorSpec& tensor : layout_->tensors()) {
    const std::uint64_t end = tensor.offset + tensor.size;
    if (tensor.role == model::Role::State) {
      for (std::uint64_t i = tensor.offset; i < end; ++i) values[i] += update[i];
    } else if (velocity_.empty()) {
      for (std::uint64_t i = tensor.offset; i < end; ++i) values[i] += rate * update[i];
    } else {
      for (std::uint64_t i = tensor.offset; i < end; ++i) {
        velocity_[i] = momentum * velocity_[i] + update[i];
        values[i] += rate * velocity_[i];
      }
    }
  }
}

}  // namespace tributary::coordinator
