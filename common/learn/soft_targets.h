// common/learn/soft_targets.h
//
// Learning from another model's answers instead of labels (Hinton et al. 2015, "Distilling the knowledge in a neural
// network"): rows of scores (what a softmax takes), softened by a temperature. Functions of any thread.
#pragma once

#include <cstddef>
#include <span>

namespace tributary::learn {

// softmax(row / temperature) of each row of `width` scores. REQUIRES: temperature > 0; `targets` of the same size.
void soften(std::span<const float> scores, std::size_t width, double temperature, std::span<float> targets);

// Mean over the rows of temperature^2 KL(target || softmax(row / temperature)); its derivatives with respect to the
// scores are written to `slopes`. REQUIRES: three spans of one size, whole rows.
double soft_loss(std::span<const float> scores, std::span<const float> targets, std::size_t width, double temperature,
                 std::span<float> slopes);

}  // namespace tributary::learn
