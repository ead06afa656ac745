// common/net/tls_session.h
//
// One TLS connection on one socket: OpenSSL reads from a buffer of ours and writes into another, which are filled from
// the socket and go to it in large pieces; this class waits for readiness when it must. Private to the room; network
// thread.
//
// Buffers exist only while bytes are in flight, so an idle session holds OpenSSL's own state and nothing else. A
// session that moves much yields to the others of its io_context every quarter of a MiB.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "common/base/error.h"
#include "common/net/channel.h"
#include "common/net/framing.h"
#include "common/net/tls_context.h"

namespace tributary::net {

// Bytes between OpenSSL and the socket: appended at the end, taken from the front. Memory is made when first needed and
// given back by release().
class TransferBuffer {
 public:
  ByteSpan pending() const { return {memory_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  // Free space behind the bytes that wait, after making the whole at least `capacity` long.
  std::span<std::byte> space(std::size_t capacity);
  void filled(std::size_t count) { end_ += count; }
  void append(ByteSpan bytes);
  void consume(std::size_t count);
  void release();

 private:
  void grow(std::size_t capacity);

  std::unique_ptr<std::byte[]> memory_;
  std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

class TlsSession : public std::enable_shared_from_this<TlsSession> {
 public:
  TlsSession(Runtime& runtime, asio::ip::tcp::socket socket, std::shared_ptr<const TlsCredentials> credentials,
             PeerCheck check, ChannelLimits limits);
  ~TlsSession();

  // Verifies the peer; peer() is valid afterwards. Errors as connect() and accept().
  asio::awaitable<void> handshake(TimePoint deadline);

  // As Channel. Until admitted() an alert of the peer is Refused, afterwards Disconnected.
  asio::awaitable<void> send(std::vector<ByteSpan> parts, TimePoint deadline);
  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline);
  asio::awaitable<void> finish(TimePoint deadline);
  void admitted(ChannelLimits limits);

  // Ends the line. `orderly`: with a close_notify if nothing is half sent.
  void end(const std::string& why, bool orderly);

  const PeerIdentity& peer() const { return peer_; }
  const Traffic& traffic() const { return traffic_; }
  bool closed() const { return closed_; }
  // "alice at 127.0.0.1:40112", or as much of it as is known.
  std::string who() const;

 private:
  struct Bio;
  enum class Read { Bytes, Blocked, End };

  // One operation's deadline: a timer that is set only when the operation has to wait.
  struct Deadline {
    TimePoint at;
    const char* what;
    std::unique_ptr<Runtime::Timer> timer;
  };

  void start_tls();
  std::size_t pull(std::span<std::byte> space);
  bool fill();
  // Whether pull() came to an end of what there is: the socket's, the stream's.
  bool has_drained() const { return drained_ || input_ended_; }
  void require_input();
  bool flush();
  Read read_record();
  asio::awaitable<void> wait(asio::ip::tcp::socket::wait_type readiness, Deadline& deadline);
  asio::awaitable<void> flush_all(Deadline& deadline);
  asio::awaitable<void> await_input(Deadline& deadline);
  asio::awaitable<void> drain(Deadline& deadline);
  asio::awaitable<void> give_turn();
  void identify_peer();
  void require_open() const;
  Error explain_failure();
  [[noreturn]] void end_and_throw(const Error& error);
  static void on_tls_message(int written, int version, int type, const void* data, std::size_t length, SSL* ssl,
                             void* session);

  Runtime& runtime_;
  asio::ip::tcp::socket socket_;
  std::shared_ptr<const TlsCredentials> credentials_;
  PeerCheck check_;
  ChannelLimits limits_;
  PeerIdentity peer_;
  FrameAssembler assembler_;
  TransferBuffer in_, out_;
  SslPtr ssl_;
  Traffic traffic_;
  std::size_t turn_bytes_ = 0;            // moved since others last had their turn
  std::uint32_t handshake_messages_ = 0;  // from the peer, after the handshake
  bool established_ = false, admitted_ = false;
  bool sending_ = false, closed_ = false, input_ended_ = false;
  bool drained_ = false;  // the socket had no more, and was not waited for since
  int input_error_ = 0;
  std::string why_;  // closed
};

}  // namespace tributary::net
