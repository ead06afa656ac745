// common/codec/edge_rounding.h
//
// Rounds weights as the edge copy that follows on one will hold them, without making it: for training that goes through
// the rounding ("straight through", Bengio et al. 2013), step after step. With weights that are the copy's own it gives
// the copy's values. Of 2 bits the copy that follows has its zeros by rank and its scales by means: there it rounds to
// the nearest of the copy's values, -scale, 0 and scale.
//
// One object serves one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/codec/edge_copy.h"
#include "common/model/parameters.h"

namespace tributary::codec {

// What of an edge copy's plan the rounding follows from; bits, levels and block as EdgePlan has them, bits not 32.
struct RoundingPlan {
  unsigned bits = 8;
  unsigned levels = 0;
  unsigned block = 0;
  // Weights that are zero in the copy were pruned, and count as zero whatever they become. Not of 2 bits, of which zero
  // is one of three values.
  bool pruned = false;
};

// Throws Malformed naming what is out of range.
void check(const RoundingPlan& plan);

class EdgeRounding {
 public:
  // `copy` has values and integers. Throws Malformed as check() does; and when the plan is not the copy's: it has no
  // integers, larger ones, or other blocks.
  EdgeRounding(const RoundingPlan& plan, const EdgeCopy& copy);
  ~EdgeRounding();

  // Both in layout order and of its size; `out` gets weights rounded, all else as it is. REQUIRES: finite values.
  void round(std::span<const float> values, std::span<float> out) const;

  // How far apart two neighbouring values of a weight are in the copy: a row of the layout's size, 0 where no rounding
  // takes place and where the weight counts as zero.
  std::vector<float> steps() const;

 private:
  struct Tensor;
  RoundingPlan plan_;
  unsigned levels_;
  model::LayoutPtr layout_;
  std::vector<Tensor> tensors_;
};

}  // namespace tributary::codec
