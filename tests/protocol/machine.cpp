#include "machine.h"

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

namespace tributary::protocol {

class Machine::Handle final : public net::Runtime::Timer {
 public:
  Handle(std::weak_ptr<Timers> timers, Timers::key_type key) : timers_(std::move(timers)), key_(key) {}
  ~Handle() override {
    if (const auto timers = timers_.lock()) timers->erase(key_);
  }

 private:
  std::weak_ptr<Timers> timers_;
  Timers::key_type key_;
};

Machine::Machine(net::SimulatedRuntime& world, Duration most_work, std::uint64_t seed, const std::string& name)
    : world_(world), clock_(world.clock()), most_work_(most_work), random_(StreamName{seed, "machine", 0, name}) {}

asio::awaitable<void> Machine::sleep_until(TimePoint t) {
  net::Signal wake(io());
  const auto timer = at(t, [&] { wake.notify(); });
  co_await wake.wait();
}

asio::awaitable<void> Machine::take_time() {
  if (most_work_ <= Duration::zero()) {
    co_await asio::post(io(), asio::use_awaitable);
    co_return;
  }
  const auto most = static_cast<std::uint64_t>(most_work_.count());
  co_await world_.sleep_until(world_.clock().now() + Duration(static_cast<std::int64_t>(random_.below(most + 1))));
}

asio::awaitable<void> Machine::on_worker(std::function<void()> work) {
  co_await take_time();
  work();
}

asio::awaitable<Duration> Machine::on_worker_beside(std::function<void()> work) {
  const TimePoint begun = clock_.now();
  co_await take_time();
  work();
  co_return clock_.now() - begun;
}

std::unique_ptr<net::Runtime::Timer> Machine::at(TimePoint t, std::function<void()> action) {
  if (t == TimePoint::max()) return std::make_unique<Timer>();
  const Timers::key_type key{t, next_id_++};
  timers_->emplace(key, std::move(action));
  if (t < armed_) arm();
  return std::make_unique<Handle>(timers_, key);
}

void Machine::jump(Duration ahead) {
  clock_.ahead += ahead;
  arm();
}

void Machine::arm() {
  alarm_.reset();
  armed_ = TimePoint::max();
  if (timers_->empty()) return;
  armed_ = timers_->begin()->first.first;
  alarm_ = world_.at(armed_ - clock_.ahead, [this] { fire(); });
}

// One timer at a time, so that what it makes ready comes before the next.
void Machine::fire() {
  armed_ = TimePoint::max();
  if (!timers_->empty() && timers_->begin()->first.first <= clock_.now()) {
    const auto action = std::move(timers_->begin()->second);
    timers_->erase(timers_->begin());
    action();
  }
  arm();
}

}  // namespace tributary::protocol
