// tests/protocol/machine.h
//
// One machine of a simulated federation: a disk, workers that take their time, and a clock of its own that may jump
// ahead, as that of a laptop does which slept. All machines share one SimulatedRuntime and its io_context.
//
// Life: outlives every coroutine that was given it. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/base/random.h"
#include "common/base/simulated_disk.h"
#include "common/net/simulated_runtime.h"

namespace tributary::protocol {

class Machine final : public net::Runtime {
 public:
  // Work takes up to `most_work`, as drawn from the stream that (seed, name) names.
  Machine(net::SimulatedRuntime& world, Duration most_work, std::uint64_t seed, const std::string& name);

  asio::io_context& io() override { return world_.io(); }
  const Clock& clock() const override { return clock_; }
  asio::awaitable<void> sleep_until(TimePoint t) override;
  asio::awaitable<void> on_worker(std::function<void()> work) override;
  asio::awaitable<Duration> on_worker_beside(std::function<void()> work) override;
  std::unique_ptr<Timer> at(TimePoint t, std::function<void()> action) override;

  // So much time has passed here in an instant: what fell due meanwhile happens now, late.
  void jump(Duration ahead);
  // The date, which nothing may rely upon, is another.
  void set_date(std::int64_t unix_seconds) { clock_.date = unix_seconds; }

  SimulatedDisk& disk() { return disk_; }
  net::SimulatedRuntime& world() { return world_; }

 private:
  struct OwnClock final : Clock {
    explicit OwnClock(const Clock& the_world) : world(the_world) {}
    TimePoint now() const override { return world.now() + ahead; }
    std::int64_t unix_seconds() const override { return date + world.unix_seconds(); }
    const Clock& world;
    Duration ahead{};
    std::int64_t date = 1'700'000'000;
  };
  using Timers = std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>>;
  class Handle;

  asio::awaitable<void> take_time();
  void arm();
  void fire();

  net::SimulatedRuntime& world_;
  OwnClock clock_;
  Duration most_work_;
  RandomStream random_;
  SimulatedDisk disk_;
  std::shared_ptr<Timers> timers_ = std::make_shared<Timers>();
  std::uint64_t next_id_ = 0;
  TimePoint armed_ = TimePoint::max();
  std::unique_ptr<Timer> alarm_;
};

}  // namespace tributary::protocol
