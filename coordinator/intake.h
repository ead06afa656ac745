// coordinator/intake.h
//
// Judges updates and adds them up, on the workers: any number are checked at a time. Those that are to be added wait a
// moment for others: the sum is larger than most updates, so that each pass over it should add several.
// Network thread; lives as long as the run.
#pragma once

#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>

#include "common/codec/update.h"
#include "common/net/runtime.h"
#include "coordinator/accumulator.h"
#include "coordinator/spool.h"

namespace tributary::coordinator {

class Intake {
 public:
  // `threads` fold one update together. `runtime` must outlive the intake.
  Intake(net::Runtime& runtime, model::LayoutPtr layout, std::uint64_t max_examples, const codec::UpdateLimits& limits,
         unsigned threads);

  // Judges the upload's bytes as they arrive, where its encoding allows. REQUIRES: the intake outlives the upload.
  void watch(Upload& upload) const;

  // Whether the complete upload is an update of this model. The fault in words, or empty; then upload.factor is set.
  // Throws Unavailable when its file cannot be read.
  asio::awaitable<std::string> find_fault(Upload& upload);

  // The longest that an update waits for others.
  static constexpr Duration kPatience = std::chrono::milliseconds(200);

  // Adds an update that has no fault; then calls `added`.
  void fold(std::shared_ptr<Upload> upload, std::function<void()> added);
  // Folds what waits, without waiting for more; completes when it is done. Throws what a fold threw.
  asio::awaitable<void> settled();

  // REQUIRES: settled.
  Accumulator& sum() { return sum_; }
  // What folds, and checks of whole uploads, took since the last call, in seconds of one worker.
  double take_seconds();

 private:
  struct Waiting {
    std::shared_ptr<Upload> upload;
    std::function<void()> added;
  };
  bool due() const;
  void start();
  asio::awaitable<void> fold_waiting();
  void add(const std::vector<Waiting>& updates);

  net::Runtime& runtime_;
  model::LayoutPtr layout_;
  codec::UpdateLimits limits_;
  unsigned threads_;
  Accumulator sum_;
  std::deque<Waiting> waiting_;
  net::Gate folding_;
  bool busy_ = false;   // a coroutine takes from waiting_
  bool hurry_ = false;  // what waits shall be folded now, however little it is
  std::unique_ptr<net::Runtime::Timer> patience_;
  std::exception_ptr failure_;
  double seconds_ = 0;
};

}  // namespace tributary::coordinator
