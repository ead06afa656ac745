#include "common/net/runtime.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include <asio/any_io_executor.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/redirect_error.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>

#include "common/base/error.h"
#include "common/base/log.h"

namespace tributary::net {

namespace {

// A wait that has already completed is not undone by cancelling it, so `alive` decides whether the action still counts.
class RealTimer final : public Runtime::Timer {
 public:
  RealTimer(asio::io_context& io, TimePoint t, std::function<void()> action) : timer_(io, t) {
    timer_.async_wait([alive = std::weak_ptr<bool>(alive_), action = std::move(action)](const asio::error_code& error) {
      if (!error && !alive.expired()) action();
    });
  }

 private:
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  asio::steady_timer timer_;
};

class RealRuntime final : public Runtime {
 public:
  RealRuntime(const Clock& clock, unsigned workers) : clock_(clock), pool_(std::max(workers, 1u)) {}
  ~RealRuntime() override {
    pool_.stop();
    pool_.join();
  }

  asio::io_context& io() override { return io_; }
  const Clock& clock() const override { return clock_; }

  asio::awaitable<void> sleep_until(TimePoint t) override {
    asio::steady_timer timer(io_, t);
    asio::error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) fail(Error::Kind::Disconnected, "stopped while waiting");
  }

  asio::awaitable<void> on_worker(std::function<void()> work) override {
    std::exception_ptr failure;
    const auto start = [this, &work, &failure](auto handler) {
      // Keeps io().run() from returning while the work is elsewhere.
      auto home = asio::prefer(io_.get_executor(), asio::execution::outstanding_work.tracked);
      asio::post(pool_, [&work, &failure, home, handler = std::move(handler)]() mutable {
        try {
          work();
        } catch (...) {
          failure = std::current_exception();
        }
        asio::post(home, [handler = std::move(handler)]() mutable { std::move(handler)(); });
      });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
    if (failure) std::rethrow_exception(failure);
  }

  asio::awaitable<Duration> on_worker_beside(std::function<void()> work) override {
    Duration took{};
    co_await on_worker([&] {
      const TimePoint begun = clock_.now();
      work();
      took = clock_.now() - begun;
    });
    co_return took;
  }

  std::unique_ptr<Timer> at(TimePoint t, std::function<void()> action) override {
    if (t == TimePoint::max()) return std::make_unique<Timer>();
    return std::make_unique<RealTimer>(io_, t, std::move(action));
  }

 private:
  const Clock& clock_;
  asio::io_context io_{1};
  asio::thread_pool pool_;
};

}  // namespace

std::unique_ptr<Runtime> make_runtime(const Clock& clock, unsigned workers) {
  return std::make_unique<RealRuntime>(clock, workers);
}

asio::awaitable<void> Signal::wait() {
  asio::error_code cancelled;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

void Gate::spawn(std::string_view name, asio::awaitable<void> coroutine) {
  ++running_;
  asio::co_spawn(io_, std::move(coroutine), [this, name = std::string(name)](const std::exception_ptr& leak) {
    if (leak) {
      ++leaked_;
      try {
        std::rethrow_exception(leak);
      } catch (const std::exception& e) {
        log::error("gate", name + " ended by an exception that it should have handled: " + e.what());
      } catch (...) {
        log::error("gate", name + " ended by an unknown exception that it should have handled");
      }
    }
    if (--running_ == 0) drained_.notify();
  });
}

asio::awaitable<void> Gate::close() {
  while (running_ != 0) co_await drained_.wait();
}

}  // namespace tributary::net
