#include "coordinator/evaluation.h"

#include <utility>

namespace tributary::coordinator {

Evaluation::Evaluation(net::Runtime& runtime, const GlobalModel& models, Evaluator* evaluator,
                       std::function<void(const RoundRecord&)> finished)
    : runtime_(runtime),
      models_(models),
      evaluator_(evaluator),
      finished_(std::move(finished)),
      under_way_(runtime.io()) {}

void Evaluation::begin(RoundRecord record) {
  under_way_.spawn("evaluation", evaluate(std::move(record)));
}

asio::awaitable<void> Evaluation::evaluate(RoundRecord record) {
  try {
    const Duration took = co_await runtime_.on_worker_beside([&] {
      record.global = evaluator_->evaluate(models_.global());
      record.edge = evaluator_->evaluate(models_.edge().values);
    });
    record.seconds.evaluate = seconds(took);
    finished_(record);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

asio::awaitable<void> Evaluation::settled() {
  co_await under_way_.close();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace tributary::coordinator
