// coordinator/evaluation.h
//
// The evaluation of a round's models, beside the next round: at most one under way. Network thread.
#pragma once

#include <exception>
#include <functional>

#include <asio/awaitable.hpp>

#include "common/net/runtime.h"
#include "coordinator/evaluator.h"
#include "coordinator/global_model.h"
#include "coordinator/round_record.h"

namespace tributary::coordinator {

class Evaluation {
 public:
  // References must outlive it; `finished` gets every record, with or without qualities.
  Evaluation(net::Runtime& runtime, const GlobalModel& models, Evaluator* evaluator,
             std::function<void(const RoundRecord&)> finished);

  // Fills in the qualities of the models that the record tells of, which must not change until settled(), and hands it
  // on. REQUIRES: settled.
  void begin(RoundRecord record);
  // Completes when the record begun last is handed on. Throws what the evaluator threw.
  asio::awaitable<void> settled();

 private:
  asio::awaitable<void> evaluate(RoundRecord record);

  net::Runtime& runtime_;
  const GlobalModel& models_;
  Evaluator* evaluator_;
  std::function<void(const RoundRecord&)> finished_;
  net::Gate under_way_;
  std::exception_ptr failure_;
};

}  // namespace tributary::coordinator
