#include "simulations/line.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace tributary::simulation {

namespace {

constexpr std::size_t kLengthBytes = 4;  // before a payload, on the line

class LineState : public std::enable_shared_from_this<LineState> {
 public:
  LineState(net::Runtime& runtime, std::unique_ptr<net::Channel> channel, const Habits& habits)
      : runtime_(runtime), channel_(std::move(channel)), habits_(habits), closing_(runtime.io()) {}

  net::Channel& channel() { return *channel_; }

  void break_at(TimePoint t) {
    if (t == TimePoint::max()) return;
    leaving_ = runtime_.at(t, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->close();
    });
  }

  asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) {
    const auto self = shared_from_this();
    co_await travel(frame.size(), up_, deadline);
    co_await channel_->send(frame, deadline);
  }

  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) {
    const auto self = shared_from_this();
    auto payload = co_await channel_->receive(deadline);
    if (payload) co_await travel(payload->size() + kLengthBytes, down_, deadline);
    co_return payload;
  }

  asio::awaitable<void> finish(TimePoint deadline) {
    const auto self = shared_from_this();
    co_await channel_->finish(deadline);
  }

  void close() {
    closed_ = true;
    channel_->close();
    closing_.notify();
  }

 private:
  // Waits until so many bytes have arrived. `last`: when those before them did.
  asio::awaitable<void> travel(std::size_t bytes, TimePoint& last, TimePoint deadline) {
    const TimePoint start = runtime_.clock().now();
    TimePoint arrival = start == last ? start : start + habits_.latency;
    if (habits_.bytes_per_second > 0) {
      arrival += from_seconds(static_cast<double>(bytes) / habits_.bytes_per_second);
    }
    last = arrival;
    const TimePoint end = std::min(arrival, deadline);
    const auto timer = runtime_.at(end, [this] { closing_.notify(); });
    while (!closed_ && runtime_.clock().now() < end) co_await closing_.wait();
    if (closed_) lost("closed");
    if (arrival > deadline) {
      close();
      lost("the deadline passed while a frame was on its way");
    }
  }
  [[noreturn]] void lost(const std::string& why) const {
    fail(Error::Kind::Disconnected, "lost " + channel_->peer().name + ": " + why);
  }

  net::Runtime& runtime_;
  std::unique_ptr<net::Channel> channel_;
  Habits habits_;
  net::Signal closing_;  // or an arrival
  TimePoint up_ = TimePoint::min(), down_ = TimePoint::min();
  std::unique_ptr<net::Runtime::Timer> leaving_;
  bool closed_ = false;
};

class Line final : public net::Channel {
 public:
  explicit Line(std::shared_ptr<LineState> state) : state_(std::move(state)) {}
  ~Line() override { state_->close(); }
  const net::PeerIdentity& peer() const override { return state_->channel().peer(); }
  net::Traffic traffic() const override { return state_->channel().traffic(); }
  asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) override { return state_->send(frame, deadline); }
  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) override { return state_->receive(deadline); }
  void close() override { state_->close(); }
  asio::awaitable<void> finish(TimePoint deadline) override { return state_->finish(deadline); }

 private:
  std::shared_ptr<LineState> state_;
};

}  // namespace

std::unique_ptr<net::Channel> slow_line(net::Runtime& runtime, std::unique_ptr<net::Channel> channel,
                                        const Habits& habits, TimePoint until) {
  if (habits.latency <= Duration::zero() && habits.bytes_per_second <= 0 && until == TimePoint::max()) return channel;
  auto state = std::make_shared<LineState>(runtime, std::move(channel), habits);
  state->break_at(until);
  return std::make_unique<Line>(std::move(state));
}

}  // namespace tributary::simulation
