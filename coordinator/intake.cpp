#include "coordinator/intake.h"

#include <utility>

#include "common/base/error.h"

namespace tributary::coordinator {

Intake::Intake(net::Runtime& runtime, model::LayoutPtr layout, std::uint64_t max_examples,
               const codec::UpdateLimits& limits, unsigned threads)
    : runtime_(runtime),
      layout_(std::move(layout)),
      limits_(limits),
      threads_(threads),
      sum_(layout_, max_examples),
      folding_(runtime.io()) {}

asio::awaitable<std::string> Intake::find_fault(Upload& upload) {
  codec::UpdateCheck check;
  bool right_bytes = false;
  double took = 0;
  co_await runtime_.on_worker([&] {
    const TimePoint begun = runtime_.clock().now();
    right_bytes = upload.spool.digest() == upload.announced.blob;
    if (right_bytes) check = codec::check_update(upload.spool.bytes(), *layout_, limits_);
    took = seconds(runtime_.clock().now() - begun);
  });
  seconds_ += took;
  if (!right_bytes) co_return "wrong digest";
  co_return check.fault == codec::UpdateFault::None ? "" : std::string(codec::name_of(check.fault));
}

void Intake::fold(std::shared_ptr<Upload> upload, std::function<void()> added) {
  waiting_.push_back({std::move(upload), std::move(added)});
  if (!std::exchange(busy_, true)) folding_.spawn("fold", fold_waiting());
}

asio::awaitable<void> Intake::fold_waiting() {
  while (!waiting_.empty()) {
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    try {
      double took = 0;
      co_await runtime_.on_worker([&] {
        const TimePoint begun = runtime_.clock().now();
        sum_.add(next.upload->spool.bytes(), next.upload->announced.examples, threads_);
        took = seconds(runtime_.clock().now() - begun);
      });
      seconds_ += took;
      next.added();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  busy_ = false;
}

asio::awaitable<void> Intake::settled() {
  co_await folding_.close();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

double Intake::take_seconds() {
  return std::exchange(seconds_, 0.0);
}

}  // namespace tributary::coordinator
