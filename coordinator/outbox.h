// coordinator/outbox.h
//
// The sending half of a session: small messages in a queue, one blob at a time straight from memory that all sessions
// share, and a Ping when nothing else was sent for a while. There is never more than one send() under way.
//
// Life: construct; write() once, beside the reader; put() and the others at any time; write() ends after finish() or
// stop(), or throws. Network thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include <asio/awaitable.hpp>

#include "common/net/channel.h"
#include "common/net/runtime.h"
#include "common/wire/frame.h"

namespace tributary::coordinator {

class Outbox {
 public:
  // References must outlive the outbox. `ping`: the longest silence; a send that takes three times as long has failed.
  Outbox(net::Runtime& runtime, net::Channel& channel, Duration ping);

  // Messages that may wait. A peer that lets more pile up does not read, and its line is closed.
  static constexpr std::size_t kMaxWaiting = 256;

  void put(const wire::Message& message);
  // Sends the blob from `offset` on, between messages, instead of one that is being sent. REQUIRES: offset below its
  // end.
  void send_blob(std::shared_ptr<const wire::FramedBlob> blob, std::uint64_t offset);
  void drop_blob();

  // write() ends when what waits is sent (but for a blob, which is dropped).
  void finish();
  // write() ends as soon as the send under way does.
  void stop();

  // Throws Disconnected.
  asio::awaitable<void> write();

  // Why the outbox closed the line; empty when it did not.
  const std::string& complaint() const { return complaint_; }

 private:
  asio::awaitable<void> send(ByteSpan frame);
  asio::awaitable<void> send_next_chunks();
  asio::awaitable<void> wait_for_work();

  net::Runtime& runtime_;
  net::Channel& channel_;
  Duration ping_;
  net::Signal changed_;
  TimePoint spoke_;
  std::deque<Bytes> waiting_;
  std::shared_ptr<const wire::FramedBlob> blob_;
  std::uint64_t offset_ = 0;
  std::uint64_t pings_ = 0;
  bool finishing_ = false, stopped_ = false;
  std::string complaint_;
};

}  // namespace tributary::coordinator
