// common/net/tls.h
//
// Mutually authenticated TLS 1.3 (ECDSA P-256, ALPN "tributary/1", no tickets, no early data, no renegotiation).
// connect() and accept() are the only ways to a TLS Channel and both verify the other side; nothing turns that off.
// OpenSSL is driven directly on the non-blocking socket under Asio's readiness: no buffering stream in between.
// Everything here belongs to the network thread, except that credentials are immutable and may be shared.
//
// In TLS 1.3 a client has finished its handshake before the server has seen its certificate. So the server answers the
// handshake with one frame, the admission: a byte 0 (come in), or a byte 1 and the reason why not. connect() returns
// only after the byte 0; whatever the server has against the participant is thrown by connect(), in words.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "common/net/channel.h"
#include "common/net/runtime.h"

namespace tributary::net {

// What one side shows and whom it believes: own key and certificate, and the federation's authority. Immutable.
class Credentials {
 public:
  // PEM texts. Throws Malformed (not PEM, key does not match the certificate, not P-256), Refused (expired or not yet
  // valid, not issued by the authority), naming `source`.
  static std::shared_ptr<const Credentials> from_pem(std::string_view key, std::string_view certificate,
                                                     std::string_view authority, std::string_view source,
                                                     const Clock& clock);
  virtual ~Credentials() = default;
  // Name in the certificate (subject CN = DNS SAN).
  virtual const std::string& name() const = 0;
  // Serial number of the certificate, hexadecimal.
  virtual const std::string& serial() const = 0;

 protected:
  Credentials() = default;
};

// Asked with the verified certificate's name and serial before the handshake counts as done. Returns an empty text to
// let the peer in, or the reason ("revoked", "not enrolled") that both sides then see.
using Admission = std::function<std::string(const PeerIdentity&)>;

// Client side: connects to host:port and verifies that the server's certificate was issued by the authority, has the
// server role and the name `expected`. Throws Disconnected (no connection, deadline; a name that the resolver is still
// looking up can outlast the deadline), Refused (either side refused the other, with why: expired, wrong authority,
// wrong role, wrong name, revoked or not enrolled as told by the server), Malformed (what answers there is not a
// coordinator).
asio::awaitable<std::unique_ptr<Channel>> connect(Runtime& runtime, std::string host, std::uint16_t port,
                                                  std::shared_ptr<const Credentials> credentials, std::string expected,
                                                  ChannelLimits limits, TimePoint deadline);

// Lets who accepts end a handshake before its deadline. One thread, as the handshake.
class Interruption {
 public:
  // Ends what accept() was given this object for: that throws Disconnected with `why`. False when it is over, or is
  // about to throw already.
  bool interrupt(const std::string& why) const;

 private:
  friend asio::awaitable<std::unique_ptr<Channel>> accept(Runtime&, asio::ip::tcp::socket,
                                                          std::shared_ptr<const Credentials>, Admission, ChannelLimits,
                                                          TimePoint, Interruption*);
  std::weak_ptr<class TlsSession> session_;
};

// Server side: completes the handshake on an accepted socket: certificate issued by the authority, participant role,
// admitted. Throws as connect(). A certificate that fails gets a TLS alert, a participant that is not admitted the
// reason; both are given up to a second to take it before the line is cut and the error thrown. Until the first byte
// arrives a connection costs no TLS memory. `interruption`, when there is one, must outlive the call.
asio::awaitable<std::unique_ptr<Channel>> accept(Runtime& runtime, asio::ip::tcp::socket socket,
                                                 std::shared_ptr<const Credentials> credentials, Admission admission,
                                                 ChannelLimits limits, TimePoint deadline,
                                                 Interruption* interruption = nullptr);

}  // namespace tributary::net
