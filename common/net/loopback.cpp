#include <algorithm>
#include <utility>

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include "common/base/error.h"
#include "common/net/channel.h"
#include "common/net/framing.h"

namespace tributary::net {

namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

// One direction: bytes on their way. Shared by its two ends, so that either may go first.
struct Pipe {
  explicit Pipe(asio::io_context& io) : readable(io), writable(io) {}

  std::size_t room() const { return kBufferBytes - (bytes.size() - read); }
  void put(ByteSpan more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    readable.notify();
  }
  std::size_t get(std::span<std::byte> into) {
    const std::size_t count = std::min(into.size(), bytes.size() - read);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(read), count, into.begin());
    read += count;
    if (read == bytes.size()) {
      bytes.clear();
      read = 0;
    }
    writable.notify();
    return count;
  }

  Bytes bytes;
  std::size_t read = 0;  // of `bytes`, from the front
  bool ended = false;    // by the writer, in order: what is in `bytes` still counts
  bool cut = false;      // by the writer, in the middle
  bool reader_gone = false;
  Signal readable, writable;
};

class LoopbackState : public std::enable_shared_from_this<LoopbackState> {
 public:
  LoopbackState(Runtime& runtime, PeerIdentity peer, ChannelLimits limits, std::shared_ptr<Pipe> in,
                std::shared_ptr<Pipe> out)
      : runtime_(runtime),
        peer_(std::move(peer)),
        assembler_(limits.max_payload_bytes),
        in_(std::move(in)),
        out_(std::move(out)) {}

  const PeerIdentity& peer() const { return peer_; }
  Traffic traffic() const { return traffic_; }

  asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) {
    const auto self = shared_from_this();
    TRIBUTARY_CHECK(!sending_);
    sending_ = true;
    const auto timer = runtime_.at(deadline, [this] { end("the deadline passed while sending", false); });
    while (!frame.empty()) {
      if (!closed_ && out_->reader_gone) end("it closed the line", false);
      if (closed_) break;
      const std::size_t count = std::min(frame.size(), out_->room());
      if (count == 0) {
        co_await out_->writable.wait();
        continue;
      }
      out_->put(frame.first(count));
      traffic_.bytes_out += count;
      frame = frame.subspan(count);
    }
    sending_ = false;
    if (closed_) disconnected();
  }

  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) {
    const auto self = shared_from_this();
    const auto timer = runtime_.at(deadline, [this] { end("the deadline passed while waiting for it", false); });
    while (!assembler_.complete()) {
      if (closed_) disconnected();
      if (!in_->bytes.empty()) {
        const std::size_t count = in_->get(assembler_.space());
        traffic_.bytes_in += count;
        take_in(count);
      } else if (in_->ended && assembler_.at_boundary()) {
        end("it closed the line", true);
        co_return std::nullopt;
      } else if (in_->ended || in_->cut) {
        end("the line was cut", false);
      } else {
        co_await in_->readable.wait();
      }
    }
    co_return assembler_.take();
  }

  asio::awaitable<void> finish(TimePoint deadline) {
    const auto self = shared_from_this();
    const auto timer = runtime_.at(deadline, [this] { end("closed", false); });
    if (!closed_) end_direction(true);
    while (!closed_ && !in_->ended && !in_->cut) {
      std::byte thrown_away[4096];
      while (!in_->bytes.empty()) in_->get(thrown_away);
      co_await in_->readable.wait();
    }
    end("closed", true);
  }

  // Ends both directions; `in_order` lets the peer see an orderly end.
  void end(const std::string& why, bool in_order) {
    if (closed_) return;
    closed_ = true;
    why_ = why;
    end_direction(in_order && !sending_);
    in_->reader_gone = true;
    in_->bytes.clear();
    in_->read = 0;
    in_->readable.notify();
    in_->writable.notify();
  }

 private:
  void take_in(std::size_t count) {
    try {
      assembler_.filled(count);
    } catch (const Error& e) {
      end(e.what(), false);
      fail(Error::Kind::Malformed, peer_.name + " at " + peer_.address + " " + e.what());
    }
  }
  void end_direction(bool in_order) {
    if (!out_->ended && !out_->cut) (in_order ? out_->ended : out_->cut) = true;
    out_->readable.notify();
    out_->writable.notify();
  }
  [[noreturn]] void disconnected() const {
    fail(Error::Kind::Disconnected, "lost " + peer_.name + " at " + peer_.address + ": " + why_);
  }

  Runtime& runtime_;
  PeerIdentity peer_;
  FrameAssembler assembler_;
  std::shared_ptr<Pipe> in_, out_;
  Traffic traffic_;
  bool sending_ = false;
  bool closed_ = false;
  std::string why_;
};

class Loopback final : public Channel {
 public:
  explicit Loopback(std::shared_ptr<LoopbackState> state) : state_(std::move(state)) {}
  ~Loopback() override { state_->end("closed", false); }
  const PeerIdentity& peer() const override { return state_->peer(); }
  Traffic traffic() const override { return state_->traffic(); }
  asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) override { return state_->send(frame, deadline); }
  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) override { return state_->receive(deadline); }
  void close() override { state_->end("closed", true); }
  asio::awaitable<void> finish(TimePoint deadline) override { return state_->finish(deadline); }

 private:
  std::shared_ptr<LoopbackState> state_;
};

}  // namespace

asio::awaitable<void> Channel::send_parts(std::vector<ByteSpan> parts, TimePoint deadline) {
  Bytes joined;
  std::size_t size = 0;
  for (const ByteSpan part : parts) size += part.size();
  joined.reserve(size);
  for (const ByteSpan part : parts) joined.insert(joined.end(), part.begin(), part.end());
  co_await send(joined, deadline);
}

asio::awaitable<void> Channel::finish(TimePoint /*deadline*/) {
  close();
  co_return;
}

std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> loopback(Runtime& runtime, PeerIdentity first,
                                                                       PeerIdentity second, ChannelLimits limits) {
  const auto there = std::make_shared<Pipe>(runtime.io());
  const auto back = std::make_shared<Pipe>(runtime.io());
  return {std::make_unique<Loopback>(std::make_shared<LoopbackState>(runtime, std::move(second), limits, back, there)),
          std::make_unique<Loopback>(std::make_shared<LoopbackState>(runtime, std::move(first), limits, there, back))};
}

}  // namespace tributary::net
