// common/net/channel.h
//
// A Channel carries whole frames between two authenticated peers. It exists only after the handshake has verified the
// peer (tls.h), so whoever holds a Channel may trust peer(). One Channel belongs to one thread (its io_context's).
//
// Life: connect() or accept() -> any number of send() and receive() -> finish() or close(), or destruction, which cuts
// the line. A pending operation survives the destruction of its Channel: it ends with Disconnected.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/net/runtime.h"

namespace tributary::net {

struct PeerIdentity {
  std::string name;     // from the certificate, never from a message
  std::string serial;   // of the certificate, hexadecimal
  std::string address;  // "127.0.0.1:40112", for the log
};

struct ChannelLimits {
  // Largest frame payload accepted from the peer, in bytes. A peer that announces more is disconnected before anything
  // is allocated; memory grows with the bytes that arrive, not with the length announced.
  std::uint32_t max_payload_bytes = (1u << 20) + 4096;
  // KeyUpdate and other handshake messages accepted after the handshake, over the life of a TLS channel.
  std::uint32_t max_key_updates = 16;
};

struct Traffic {
  std::uint64_t bytes_in = 0, bytes_out = 0;  // on the wire: TLS records included, TCP/IP headers not
};

class Channel {
 public:
  virtual ~Channel() = default;

  // Identity proven by the peer's certificate. Constant for the life of the channel.
  virtual const PeerIdentity& peer() const = 0;
  virtual Traffic traffic() const = 0;

  // Sends a whole frame (length included, wire::to_frame). The bytes must stay valid until the call ends; they are not
  // copied. Waits while the peer does not read: this is the back-pressure. Sends are not queued:
  // REQUIRES: no other send() is pending. Throws Error Disconnected (line lost, deadline passed, closed). After a throw
  // the channel is closed.
  virtual asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) = 0;

  // The same for whole frames that lie in parts here and there (wire::FramedBlob): as if they were one span. By default
  // they are copied into one.
  virtual asio::awaitable<void> send_parts(std::vector<ByteSpan> parts, TimePoint deadline);

  // Returns the next frame's payload (8-byte aligned), or nullopt when the peer closed in order.
  // Throws Error: Disconnected (line lost or deadline passed), Malformed (limits or framing violated). After a throw
  // the channel is closed. REQUIRES: no other receive() is pending.
  virtual asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) = 0;

  // Ends the line at once; pending operations throw Disconnected. Idempotent. When no send() was under way the peer
  // sees an orderly end after the frames sent before, unless it was still sending itself: then those frames may be
  // lost.
  virtual void close() = 0;

  // The patient close(), for after a Goodbye: ends the own direction, throws away what still arrives until the peer
  // ends its direction too or the deadline passes, then closes. So the last frame reaches even a peer that is in the
  // middle of an upload. Does not throw. REQUIRES: no send() or receive() is pending.
  virtual asio::awaitable<void> finish(TimePoint deadline);
};

// Two connected ends in memory, on one io_context, with the same contract; for simulations and tests. first and second
// are who the ends *are*: the first end's peer() is `second`. Each direction holds at most 256 KiB on its way.
std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> loopback(Runtime& runtime, PeerIdentity first,
                                                                       PeerIdentity second, ChannelLimits limits = {});

}  // namespace tributary::net
