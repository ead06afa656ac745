#include "common/net/simulated_runtime.h"

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include "common/base/error.h"

namespace tributary::net {

class SimulatedRuntime::Handle final : public Runtime::Timer {
 public:
  Handle(std::weak_ptr<Timers> timers, Timers::key_type key) : timers_(std::move(timers)), key_(key) {}
  ~Handle() override {
    if (const auto timers = timers_.lock()) timers->erase(key_);
  }

 private:
  std::weak_ptr<Timers> timers_;
  Timers::key_type key_;
};

SimulatedRuntime::SimulatedRuntime(ManualClock& clock)
    : clock_(clock), timers_(std::make_shared<Timers>()), io_(std::make_unique<asio::io_context>(1)) {}

SimulatedRuntime::~SimulatedRuntime() = default;

asio::awaitable<void> SimulatedRuntime::sleep_until(TimePoint t) {
  bool woken = false;
  Signal wake(*io_);
  const auto timer = at(t, [&] {
    woken = true;
    wake.notify();
  });
  co_await wake.wait();
  if (!woken) fail(Error::Kind::Disconnected, "stopped while waiting");
}

asio::awaitable<void> SimulatedRuntime::on_worker(std::function<void()> work) {
  co_await asio::post(*io_, asio::use_awaitable);  // others get their turn, as with a real pool
  work();
}

std::unique_ptr<Runtime::Timer> SimulatedRuntime::at(TimePoint t, std::function<void()> action) {
  if (t == TimePoint::max()) return std::make_unique<Timer>();
  const Timers::key_type key{std::max(t, clock_.now()), next_id_++};
  timers_->emplace(key, std::move(action));
  return std::make_unique<Handle>(timers_, key);
}

void SimulatedRuntime::settle() {
  io_->restart();
  while (io_->poll() != 0) {
  }
}

void SimulatedRuntime::fire_next() {
  const auto first = timers_->begin();
  clock_.set(first->first.first);
  const auto action = std::move(first->second);
  timers_->erase(first);
  action();
}

void SimulatedRuntime::run() {
  run_until([] { return false; });
}

bool SimulatedRuntime::run_until(const std::function<bool()>& done) {
  for (;;) {
    settle();
    if (done()) return true;
    if (timers_->empty()) return false;
    fire_next();
  }
}

void SimulatedRuntime::run_to(TimePoint t) {
  for (settle(); !timers_->empty() && timers_->begin()->first.first <= t; settle()) fire_next();
  if (t > clock_.now()) clock_.set(t);
}

}  // namespace tributary::net
