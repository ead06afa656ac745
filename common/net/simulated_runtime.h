// common/net/simulated_runtime.h
//
// A Runtime in simulated time: handlers run until none is ready and no work is pending, then the clock jumps to the
// next timer. Work takes no simulated time. It runs in place, or on a pool of real threads; then who waits for it
// resumes in the order in which the work was handed over, whichever ends first. So everything on the calling thread
// happens in an order that depends on nothing outside, and a federation over loopback channels replays exactly with any
// number of workers. Sockets do not belong here: their readiness comes from outside.
//
// Work beside everything else takes the simulated time that was said beforehand, and real time while simulated time
// goes on; who waits for it resumes when both have passed.
//
// Life: make it, spawn coroutines (Gate), run() or run_until(); again as often as wanted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "common/net/runtime.h"

namespace tributary::net {

class SimulatedRuntime final : public Runtime {
 public:
  // The clock is moved by this object only, never while work is under way, and outlives it. `workers` threads run the
  // work; 0 = in place. `beside`: what on_worker_beside() takes.
  explicit SimulatedRuntime(ManualClock& clock, unsigned workers = 0, Duration beside = Duration::zero());
  // Waits for the work that is being done and drops what waits.
  ~SimulatedRuntime() override;

  asio::io_context& io() override { return *io_; }
  const Clock& clock() const override { return clock_; }
  asio::awaitable<void> sleep_until(TimePoint t) override;
  asio::awaitable<void> on_worker(std::function<void()> work) override;
  asio::awaitable<Duration> on_worker_beside(std::function<void()> work) override;
  // Timers of the same instant fire in the order in which they were set, each after the handlers that the one before
  // made ready.
  std::unique_ptr<Timer> at(TimePoint t, std::function<void()> action) override;

  // Runs until no handler is ready and no timer is set: nothing can happen any more.
  void run();
  // Runs until `done` is true, asked whenever no handler is ready. Returns false when nothing can happen any more and
  // it is still false. No work is under way when it returns, so that what the work refers to may go.
  bool run_until(const std::function<bool()>& done);
  // Runs everything that happens up to and including `t`, then sets the clock to `t`.
  void run_to(TimePoint t);

  std::size_t timers() const { return timers_->size(); }

 private:
  using Timers = std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>>;
  class Handle;

  class Pool;

  void settle();
  void fire_next();

  ManualClock& clock_;
  Duration beside_;
  std::shared_ptr<Timers> timers_;  // handles may outlive the runtime
  std::uint64_t next_id_ = 0;
  std::unique_ptr<asio::io_context> io_;
  std::unique_ptr<Pool> pool_;  // null = in place
};

}  // namespace tributary::net
