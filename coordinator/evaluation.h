// coordinator/evaluation.h
//
// The evaluation of a round's models, and the lesson of the edge student, beside the next round: at most one under way.
// Network thread.
#pragma once

#include <exception>
#include <functional>

#include <asio/awaitable.hpp>

#include "common/net/runtime.h"
#include "coordinator/distiller.h"
#include "coordinator/evaluator.h"
#include "coordinator/global_model.h"
#include "coordinator/round_record.h"

namespace tributary::coordinator {

class Evaluation {
 public:
  // Who does what of a round; null or empty: nobody.
  struct Work {
    Evaluator* evaluator = nullptr;
    Distiller* student = nullptr;
    std::function<void(codec::EdgeCopy)> keep_edge = {};

    bool any() const { return evaluator != nullptr || student != nullptr || keep_edge; }
  };

  // References must outlive it; `finished` gets every record.
  Evaluation(net::Runtime& runtime, const GlobalModel& models, std::function<void(const RoundRecord&)> finished);

  // Fills in the qualities of the models that the record tells of, which must not change until settled(), and hands it
  // on. REQUIRES: settled.
  void begin(RoundRecord record, Work work);
  // Completes when the record begun last is handed on. Throws what the work threw.
  asio::awaitable<void> settled();

 private:
  asio::awaitable<void> evaluate(RoundRecord record, Work work);

  net::Runtime& runtime_;
  const GlobalModel& models_;
  std::function<void(const RoundRecord&)> finished_;
  net::Gate under_way_;
  std::exception_ptr failure_;
};

}  // namespace tributary::coordinator
