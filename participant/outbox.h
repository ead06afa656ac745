// participant/outbox.h
//
// The sending side of a session: frames of several coroutines one after the other, pings when silent for long, and one
// pong for however many pings wait. Belongs to the network thread.
//
// Life: make it; spawn keep_alive(); send(); close() when the session is over, then wait for keep_alive() to end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <asio/awaitable.hpp>

#include "common/net/channel.h"
#include "common/net/runtime.h"
#include "common/wire/messages.h"

namespace tributary::participant {

class Outbox {
 public:
  // Both must outlive the outbox's coroutines.
  Outbox(net::Runtime& runtime, net::Channel& channel);

  // Silence after which a ping goes out; a frame that the peer does not take within three times as long is given up.
  void set_ping(Duration ping) { ping_ = ping; }
  Duration patience() const { return 3 * ping_; }

  // Throws Error Disconnected: line lost, deadline passed, closed. (Give texts in a named message: GCC 12 destroys
  // aggregates written within a co_await twice.)
  asio::awaitable<void> send(const wire::Message& message);
  asio::awaitable<void> send_data(std::uint64_t offset, ByteSpan bytes);

  // A pong goes out as soon as the line is free; of several that wait, the last.
  void answer(std::uint64_t ping);
  // Says goodbye once the line is free, within two seconds, then closes the channel.
  void leave(const std::string& reason);
  // Nothing is sent any more; who waits to send gets Disconnected.
  void close();

  // Sends pings, pongs and the goodbye until close() or a lost line. Does not throw.
  asio::awaitable<void> keep_alive();

 private:
  asio::awaitable<void> send_frame(Bytes frame);
  asio::awaitable<void> keep();

  net::Runtime& runtime_;
  net::Channel& channel_;
  Duration ping_ = std::chrono::seconds(20);
  TimePoint last_sent_;
  bool busy_ = false;
  bool closed_ = false;
  std::optional<std::uint64_t> pong_;
  std::optional<std::string> goodbye_;
  std::uint64_t pings_ = 0;
  net::Signal free_;  // a send has ended
  net::Signal due_;   // keep_alive() has something to do
  std::unique_ptr<net::Runtime::Timer> leaving_;
};

}  // namespace tributary::participant
