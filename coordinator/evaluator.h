// coordinator/evaluator.h
//
// Central evaluation on held-out data, as the round path sees it: without LibTorch. coordinator/held_out.h makes the
// real one.
#pragma once

#include "common/model/parameters.h"
#include "coordinator/round_record.h"

namespace tributary::coordinator {

class Evaluator {
 public:
  virtual ~Evaluator() = default;
  // On a worker thread, one call at a time.
  virtual Quality evaluate(const model::ParameterSet& parameters) = 0;
};

}  // namespace tributary::coordinator
