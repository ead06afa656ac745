#include "participant/outbox.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/wire/frame.h"

namespace tributary::participant {

namespace {

constexpr auto kLeaveWithin = std::chrono::seconds(2);

}  // namespace

Outbox::Outbox(net::Runtime& runtime, net::Channel& channel)
    : runtime_(runtime),
      channel_(channel),
      last_sent_(runtime.clock().now()),
      free_(runtime.io()),
      due_(runtime.io()) {}

asio::awaitable<void> Outbox::send(const wire::Message& message) {
  return send_frame(wire::to_frame(message));
}

asio::awaitable<void> Outbox::send_data(std::uint64_t offset, ByteSpan bytes) {
  return send_frame(wire::data_frame(offset, bytes));
}

asio::awaitable<void> Outbox::send_frame(Bytes frame) {
  while (busy_ && !closed_) co_await free_.wait();
  if (closed_) fail(Error::Kind::Disconnected, "the session is over");
  busy_ = true;
  struct Turn {
    Outbox& outbox;
    ~Turn() {
      outbox.busy_ = false;
      outbox.free_.notify();
    }
  } const turn{*this};
  co_await channel_.send(frame, runtime_.clock().now() + patience());
  last_sent_ = runtime_.clock().now();
}

void Outbox::answer(std::uint64_t ping) {
  pong_ = ping;
  due_.notify();
}

void Outbox::leave(const std::string& reason) {
  if (goodbye_) return;
  goodbye_ = reason;
  due_.notify();
  leaving_ = runtime_.at(runtime_.clock().now() + kLeaveWithin, [this] { channel_.close(); });
}

void Outbox::close() {
  closed_ = true;
  leaving_.reset();
  due_.notify();
  free_.notify();
}

asio::awaitable<void> Outbox::keep_alive() {
  try {
    co_await keep();
  } catch (const Error& e) {
    log::debug("session", e.what());  // the channel is closed now, which whoever receives will see
  }
}

asio::awaitable<void> Outbox::keep() {
  while (!closed_) {
    const TimePoint quiet_until = last_sent_ + ping_;
    if (goodbye_) {
      const wire::Goodbye goodbye{*goodbye_, 0};
      co_await send(goodbye);
      channel_.close();
      co_return;
    }
    if (pong_) {
      co_await send(wire::Pong{*std::exchange(pong_, std::nullopt)});
    } else if (runtime_.clock().now() >= quiet_until && !busy_) {
      co_await send(wire::Ping{++pings_});
    } else {
      // A frame under way is no silence: look again after another interval.
      const TimePoint next = busy_ ? runtime_.clock().now() + ping_ : quiet_until;
      const auto timer = runtime_.at(next, [this] { due_.notify(); });
      co_await due_.wait();
    }
  }
}

}  // namespace tributary::participant
