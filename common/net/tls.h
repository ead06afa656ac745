// common/net/tls.h
//
// Mutually authenticated TLS 1.3 (ECDSA P-256, ALPN "tributary/1", no tickets, no early data, no renegotiation).
// connect() and accept() are the only ways to a TLS Channel and both verify the other side; nothing turns that off.
// OpenSSL is driven directly on the non-blocking socket under Asio's readiness: no buffering stream in between.
// Everything here belongs to the network thread, except that credentials are immutable and may be shared.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/base/files.h"
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

 protected:
  Credentials() = default;
};

// Asked with the verified certificate's name and serial before the handshake counts as done. Returns an empty text to let
// the peer in, or the reason ("revoked", "not enrolled") that both sides then see.
using Admission = std::function<std::string(const PeerIdentity&)>;

// Client side: connects to host:port and verifies that the server's certificate was issued by the authority, has the
// server role and the name `expected`. Throws Disconnected (no connection, deadline), Refused (either side refused the other,
// with why: expired, wrong authority, wrong role, wrong name, revoked or not enrolled as told by the server's alert).
asio::awaitable<std::unique_ptr<Channel>> connect(Runtime& runtime, std::string host, std::uint16_t port,
                                                  std::shared_ptr<const Credentials> credentials, std::string expected,
                                                  ChannelLimits limits, TimePoint deadline);

// Server side: completes the handshake on an accepted socket: certificate issued by the authority, participant role,
// admitted. Throws as connect(); a participant that is not admitted gets a TLS alert (certificate_revoked, access_denied).
asio::awaitable<std::unique_ptr<Channel>> accept(Runtime& runtime, asio::ip::tcp::socket socket,
                                                 std::shared_ptr<const Credentials> credentials, Admission admission,
                                                 ChannelLimits limits, TimePoint deadline);

}  // namespace tributary::net
