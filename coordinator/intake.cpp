#include "coordinator/intake.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "common/base/error.h"

namespace tributary::coordinator {

namespace {
// Updates folded in one pass over the sum: more save little, and take memory (a window into each one's file).
constexpr std::size_t kTogether = 8;
}  // namespace

Intake::Intake(net::Runtime& runtime, model::LayoutPtr layout, std::uint64_t max_examples,
               const codec::UpdateLimits& limits, unsigned threads)
    : runtime_(runtime),
      layout_(std::move(layout)),
      limits_(limits),
      threads_(threads),
      sum_(layout_, max_examples),
      folding_(runtime.io()) {}

void Intake::watch(Upload& upload) const {
  if (upload.spool.arrived_bytes() == 0) upload.checker.emplace(*layout_);
}

asio::awaitable<std::string> Intake::find_fault(Upload& upload) {
  std::optional<codec::UpdateCheck> check;
  if (upload.checker) check = upload.checker->finish(limits_);
  if (!check) {
    double took = 0;
    co_await runtime_.on_worker([&] {
      const TimePoint begun = runtime_.clock().now();
      const auto file = upload.spool.map();
      check = codec::check_update(file->bytes(), *layout_, limits_, [&](ByteSpan read) { file->forget(read); });
      took = seconds(runtime_.clock().now() - begun);
    });
    seconds_ += took;
  }
  upload.factor = check->factor;
  co_return check->fault == codec::UpdateFault::None ? "" : std::string(codec::name_of(check->fault));
}

void Intake::fold(std::shared_ptr<Upload> upload, std::function<void()> added) {
  waiting_.push_back({std::move(upload), std::move(added)});
  start();
}

bool Intake::due() const {
  return waiting_.size() >= kTogether || (hurry_ && !waiting_.empty());
}

// Folds now, or in a while.
void Intake::start() {
  if (busy_ || waiting_.empty()) return;
  if (due()) {
    busy_ = true;
    folding_.spawn("fold", fold_waiting());
  } else if (!patience_) {
    patience_ = runtime_.at(runtime_.clock().now() + kPatience, [this] {
      hurry_ = true;
      start();
    });
  }
}

asio::awaitable<void> Intake::fold_waiting() {
  while (due()) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kTogether));
    const std::vector<Waiting> next(std::make_move_iterator(waiting_.begin()),
                                    std::make_move_iterator(waiting_.begin() + count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    try {
      double took = 0;
      co_await runtime_.on_worker([&] {
        const TimePoint begun = runtime_.clock().now();
        add(next);
        took = seconds(runtime_.clock().now() - begun);
      });
      seconds_ += took;
      for (const Waiting& each : next) each.added();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  busy_ = hurry_ = false;
  patience_.reset();
  start();
}

// On a worker.
void Intake::add(const std::vector<Waiting>& updates) {
  std::vector<std::unique_ptr<MappedFile>> files;
  std::vector<Accumulator::Contribution> contributions;
  for (const Waiting& each : updates) {
    files.push_back(each.upload->spool.map());
    contributions.push_back({files.back()->bytes(), each.upload->announced.examples, each.upload->factor});
  }
  sum_.add(contributions, threads_, [&](ByteSpan read) { files.front()->forget(read); });
}

asio::awaitable<void> Intake::settled() {
  hurry_ = true;
  start();
  co_await folding_.close();
  hurry_ = false;
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

double Intake::take_seconds() {
  return std::exchange(seconds_, 0.0);
}

}  // namespace tributary::coordinator
