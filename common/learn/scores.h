// common/learn/scores.h
//
// Losses over plain rows of floats, with their derivatives: the counterpart of losses.h without LibTorch, and equal to
// it up to rounding. Private to the room.
#pragma once

#include <span>

#include "common/learn/head.h"
#include "common/learn/network.h"

namespace tributary::learn {

// Turns rows of what the head takes into what it gives, in place.
void apply(Head head, std::span<float> rows, std::size_t width);

// Turns rows of what the model's head takes into answers, in place: probabilities where the loss is an entropy, what
// the head gives for MeanSquaredError.
void answer(Loss loss, Head head, std::span<float> rows, std::size_t width);

// Mean loss and right answers of a batch, from rows of what the model's head takes (batch.examples x width). When
// `slopes` is not empty, the derivatives of the mean loss with respect to `scores` are written there.
// Throws Unsupported where loss and head do not fit and Malformed where the labels do not fit, as losses.h does.
BatchResult score(Loss loss, Head head, std::span<const float> scores, const Batch& batch, std::span<float> slopes);

}  // namespace tributary::learn
