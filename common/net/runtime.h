// common/net/runtime.h
//
// What a coroutine needs of its surroundings: the io_context, the clock, timers, and a pool for CPU work. The real
// Runtime runs one network thread and a worker pool; a simulated one (simulated_runtime.h) steps a ManualClock and runs
// work in place.
//
// Life: make it; spawn coroutines through a Gate; io().run(); close the Gate; destroy the Runtime last. Everything here
// belongs to the network thread, the one that runs io().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "common/base/clock.h"

namespace tributary::net {

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual asio::io_context& io() = 0;
  virtual const Clock& clock() const = 0;

  // Waits until `t`. Throws Error Disconnected when the runtime stops.
  virtual asio::awaitable<void> sleep_until(TimePoint t) = 0;

  // Runs `work` on the worker pool and resumes on the network thread. An exception of `work` is thrown to the caller.
  // `work` must not touch what the network thread owns.
  virtual asio::awaitable<void> on_worker(std::function<void()> work) = 0;

  // The same for work beside everything else, an evaluation: others do not wait for it. `work` must not read clock().
  // Returns how long it took.
  virtual asio::awaitable<Duration> on_worker_beside(std::function<void()> work) = 0;

  // Calls `action` on the network thread at `t` unless the handle is destroyed before: for deadlines. The handle
  // belongs to the network thread. TimePoint::max() never comes.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  virtual std::unique_ptr<Timer> at(TimePoint t, std::function<void()> action) = 0;
};

// Real time, `workers` worker threads (at least one); the caller runs io().run(). `clock` gives the date; its now()
// must be that of SystemClock, by which timers run. Destruction waits for the work that is being done and drops what
// waits.
std::unique_ptr<Runtime> make_runtime(const Clock& clock, unsigned workers);

// Lets coroutines of the network thread wait for one another. A notice wakes who waits now and is not kept: check the
// condition, wait, check again.
class Signal {
 public:
  explicit Signal(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}
  asio::awaitable<void> wait();
  void notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

// Owns spawned coroutines: every one ends before close() completes. Lives on the network thread.
class Gate {
 public:
  explicit Gate(asio::io_context& io) : io_(io), drained_(io) {}
  // REQUIRES: none runs, or io is never run again.
  ~Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Starts a coroutine. It must not throw: a leak of an exception is logged with `name` and counted as a bug of ours.
  void spawn(std::string_view name, asio::awaitable<void> coroutine);
  std::size_t running() const { return running_; }
  std::size_t leaked_exceptions() const { return leaked_; }
  // Completes when none runs. Callers first make them end (close channels, cancel timers).
  asio::awaitable<void> close();

 private:
  asio::io_context& io_;
  Signal drained_;
  std::size_t running_ = 0;
  std::size_t leaked_ = 0;
};

}  // namespace tributary::net
