// common/learn/labels.h
//
// What every executor asks of a batch's labels, and how it counts right answers, so that they refuse and count alike.
// No LibTorch.
#pragma once

#include <cstdint>
#include <span>

#include "common/learn/network.h"

namespace tributary::learn {

// Throws Malformed unless the outputs are at least 2 classes and each example has one label, a class index below
// `classes`.
void check_class_labels(const Batch& batch, std::size_t classes);
// Throws Malformed unless each example has `outputs` labels.
void check_label_count(const Batch& batch, std::size_t outputs);
// Throws Malformed unless every label is in [0, 1].
void check_probabilities(const Batch& batch);

// Rows of `scores` (batch.examples x width) whose first largest value stands at the label.
std::uint32_t count_largest(std::span<const float> scores, const Batch& batch);
// Rows in which every (score > 0) equals (label > 0.5).
std::uint32_t count_signs(std::span<const float> scores, const Batch& batch);

}  // namespace tributary::learn
