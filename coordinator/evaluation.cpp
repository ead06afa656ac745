#include "coordinator/evaluation.h"

#include <utility>

namespace tributary::coordinator {

Evaluation::Evaluation(net::Runtime& runtime, const GlobalModel& models,
                       std::function<void(const RoundRecord&)> finished)
    : runtime_(runtime), models_(models), finished_(std::move(finished)), under_way_(runtime.io()) {}

void Evaluation::begin(RoundRecord record, Work work) {
  under_way_.spawn("evaluation", evaluate(std::move(record), std::move(work)));
}

asio::awaitable<void> Evaluation::evaluate(RoundRecord record, Work work) {
  try {
    const Duration took = co_await runtime_.on_worker_beside([&] {
      if (work.evaluator != nullptr) {
        record.global = work.evaluator->evaluate(models_.global());
        record.edge = work.evaluator->evaluate(models_.edge().values);
      }
      if (work.keep_edge) work.keep_edge(models_.edge());
      if (work.student != nullptr) record.student = work.student->teach_student(models_.global(), record.round);
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
