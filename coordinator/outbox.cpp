#include "coordinator/outbox.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/error.h"

namespace tributary::coordinator {

namespace {

// Of a blob in one send(): large enough for the line, small enough that messages get their turn and that a slow peer
// meets the deadline.
constexpr std::uint64_t kBytesPerSend = 1u << 20;

// The frame from `offset` to the end of its chunk, for a peer that asks from within a chunk.
Bytes rest_of_chunk(const wire::FramedBlob& blob, std::uint64_t offset) {
  const std::uint64_t rest = std::min(blob.chunk_bytes() - offset % blob.chunk_bytes(), blob.blob_bytes() - offset);
  return wire::data_frame(offset, ByteSpan(blob.blob()).subspan(offset, rest));
}

}  // namespace

Outbox::Outbox(net::Runtime& runtime, net::Channel& channel, Duration ping)
    : runtime_(runtime), channel_(channel), ping_(ping), changed_(runtime.io()), spoke_(runtime.clock().now()) {}

void Outbox::put(const wire::Message& message) {
  if (finishing_ || stopped_) return;
  if (waiting_.size() >= kMaxWaiting) {
    complaint_ = "it does not read: " + std::to_string(waiting_.size()) + " messages wait for it";
    stop();
    channel_.close();
    return;
  }
  waiting_.push_back(wire::to_frame(message));
  changed_.notify();
}

void Outbox::send_blob(std::shared_ptr<const wire::FramedBlob> blob, std::uint64_t offset) {
  TRIBUTARY_CHECK(offset < blob->blob_bytes());
  blob_ = std::move(blob);
  offset_ = offset;
  changed_.notify();
}

void Outbox::drop_blob() {
  blob_.reset();
}

void Outbox::finish() {
  finishing_ = true;
  drop_blob();
  changed_.notify();
}

void Outbox::stop() {
  stopped_ = true;
  drop_blob();
  changed_.notify();
}

asio::awaitable<void> Outbox::write() {
  while (!stopped_) {
    if (!waiting_.empty()) {
      const Bytes frame = std::move(waiting_.front());
      waiting_.pop_front();
      co_await send(frame);
    } else if (blob_) {
      co_await send_next_chunks();
    } else if (finishing_) {
      co_return;
    } else if (runtime_.clock().now() >= spoke_ + ping_) {
      put(wire::Ping{++pings_});
    } else {
      co_await wait_for_work();
    }
  }
}

asio::awaitable<void> Outbox::send(ByteSpan frame) {
  co_await channel_.send(frame, runtime_.clock().now() + 3 * ping_);
  spoke_ = runtime_.clock().now();
}

asio::awaitable<void> Outbox::send_next_chunks() {
  const auto blob = blob_;  // may be replaced while it is being sent
  const std::uint64_t chunk_bytes = blob->chunk_bytes();
  const auto chunk = static_cast<std::size_t>(offset_ / chunk_bytes);
  const std::uint64_t from = offset_;
  std::size_t count = 1;
  if (from % chunk_bytes == 0) {
    count = std::clamp<std::size_t>(kBytesPerSend / chunk_bytes, 1, blob->chunks() - chunk);
  }
  offset_ = std::min(blob->blob_bytes(), (chunk + count) * chunk_bytes);
  if (offset_ == blob->blob_bytes()) drop_blob();
  if (from % chunk_bytes == 0) {
    std::vector<ByteSpan> parts;
    for (std::size_t i = chunk; i < chunk + count; ++i) {
      for (const ByteSpan part : blob->frame(i)) parts.push_back(part);
    }
    co_await channel_.send_parts(std::move(parts), runtime_.clock().now() + 3 * ping_);
    spoke_ = runtime_.clock().now();
  } else {
    const Bytes frame = rest_of_chunk(*blob, from);
    co_await send(frame);
  }
}

asio::awaitable<void> Outbox::wait_for_work() {
  const auto timer = runtime_.at(spoke_ + ping_, [this] { changed_.notify(); });
  co_await changed_.wait();
}

}  // namespace tributary::coordinator
