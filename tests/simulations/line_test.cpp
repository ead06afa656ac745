#include "simulations/line.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/net/simulated_runtime.h"
#include "common/wire/frame.h"

namespace tributary::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

constexpr std::size_t kChunk = 1000;

class LineTest : public testing::Test {
 protected:
  // A frame a second over the bandwidth, a second of latency.
  void open(TimePoint until = TimePoint::max()) {
    Habits habits;
    habits.latency = seconds(1);
    habits.bytes_per_second = static_cast<double>(frame_.size());
    auto [mine, theirs] = net::loopback(runtime_, {"anna", "1", "here"}, {"coordinator", "2", "there"});
    mine_ = slow_line(runtime_, std::move(mine), habits, until);
    theirs_ = std::move(theirs);
  }
  void run(asio::awaitable<void> body) { gate_.spawn("test", std::move(body)); }

  asio::awaitable<void> send(net::Channel& channel, int frames) {
    try {
      for (int i = 0; i < frames; ++i) co_await channel.send(frame_, deadline_);
    } catch (const Error& e) {
      faults_.push_back(e.kind());
    }
  }
  asio::awaitable<void> receive(net::Channel& channel, int frames) {
    try {
      for (int i = 0; i < frames; ++i) {
        if (!co_await channel.receive(deadline_)) co_return;
        arrivals_.push_back(tributary::seconds(clock_.now().time_since_epoch()));
      }
    } catch (const Error& e) {
      faults_.push_back(e.kind());
    }
  }

  ManualClock clock_;
  net::SimulatedRuntime runtime_{clock_};
  net::Gate gate_{runtime_.io()};
  const Bytes frame_ = wire::data_frame(0, Bytes(kChunk));
  TimePoint deadline_ = TimePoint{} + seconds(3600);
  std::unique_ptr<net::Channel> mine_, theirs_;
  std::vector<double> arrivals_;
  std::vector<Error::Kind> faults_;
};

TEST_F(LineTest, WhatDelaysNothingIsTheChannelItself) {
  auto [mine, theirs] = net::loopback(runtime_, {"anna", "1", "here"}, {"coordinator", "2", "there"});
  const net::Channel* within = mine.get();
  mine = slow_line(runtime_, std::move(mine), {}, TimePoint::max());
  EXPECT_EQ(mine.get(), within);
  mine = slow_line(runtime_, std::move(mine), {}, clock_.now() + seconds(1));
  EXPECT_NE(mine.get(), within);
}

TEST_F(LineTest, FramesThatFollowOneAnotherPayTheLatencyOnce) {
  open();
  run(send(*mine_, 3));
  run(receive(*theirs_, 3));
  runtime_.run();
  EXPECT_THAT(arrivals_, ElementsAre(2, 3, 4));
}

TEST_F(LineTest, DownTheLineItIsTheSame) {
  open();
  run(send(*theirs_, 2));
  run(receive(*mine_, 2));
  runtime_.run();
  EXPECT_THAT(arrivals_, ElementsAre(2, 3));
}

TEST_F(LineTest, ALineThatWasIdlePaysAgain) {
  open();
  run(send(*mine_, 1));
  run(receive(*theirs_, 2));
  runtime_.run_to(TimePoint{} + seconds(10));
  run(send(*mine_, 1));
  runtime_.run();
  EXPECT_THAT(arrivals_, ElementsAre(2, 12));
}

TEST_F(LineTest, WhoLeavesBreaksItInTheMiddleOfAFrame) {
  open(TimePoint{} + milliseconds(2500));
  run(send(*mine_, 3));
  run(receive(*theirs_, 3));
  runtime_.run();
  EXPECT_THAT(arrivals_, ElementsAre(2));
  EXPECT_EQ(clock_.now(), TimePoint{} + milliseconds(2500));
  EXPECT_THAT(faults_, testing::Contains(Error::Kind::Disconnected));
}

TEST_F(LineTest, ADeadlineHoldsForAFrameOnItsWay) {
  open();
  deadline_ = TimePoint{} + milliseconds(1500);
  run(send(*mine_, 1));
  runtime_.run();
  EXPECT_THAT(faults_, ElementsAre(Error::Kind::Disconnected));
  EXPECT_EQ(clock_.now(), deadline_);
}

TEST_F(LineTest, APendingReceiveOutlivesItsChannel) {
  open();
  run(receive(*mine_, 1));
  run(send(*theirs_, 1));
  runtime_.run_to(TimePoint{} + milliseconds(500));
  mine_.reset();
  runtime_.run();
  EXPECT_THAT(arrivals_, testing::IsEmpty());
  EXPECT_THAT(faults_, ElementsAre(Error::Kind::Disconnected));
}

}  // namespace
}  // namespace tributary::simulation
