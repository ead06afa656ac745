// common/learn/losses.h
//
// Loss functions on LibTorch tensors. Private to the room.
#pragma once

#include <cstdint>
#include <span>

#include "common/learn/head.h"
#include "common/learn/network.h"
#include "common/learn/torch.h"

namespace tributary::learn {

struct LossValue {
  at::Tensor loss;  // scalar, differentiable
  std::uint32_t correct = 0;
};

// Mean loss over `batch.examples` rows of `scores`, as takes_logits() chose them, and right answers.
// Throws Malformed when scores and labels do not fit or a label is out of range.
LossValue loss_of(Loss loss, const at::Tensor& scores, const Batch& batch);

}  // namespace tributary::learn
