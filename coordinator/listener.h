// coordinator/listener.h
//
// The daemon's door: accepts connections, completes their TLS handshakes, lets in who is enrolled, and serves them
// until they end. Who says nothing, or half of a handshake, costs its own place only: where all are taken, the oldest
// of those that have not proved who they are goes. The list of who is enrolled is looked at every second; who is
// revoked meanwhile is sent away.
//
// Life: construct (listens from then on); run() once, which ends after stop() and the last session. Network thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include "common/net/runtime.h"
#include "common/net/tls.h"
#include "coordinator/limits.h"
#include "coordinator/pki.h"
#include "coordinator/server.h"

namespace tributary::coordinator {

struct ListenOptions {
  std::string host;                                   // name or address to listen on
  std::uint16_t port = 0;                             // 0 = any free one
  Limits limits;                                      // of connections, handshakes and key updates
  Duration refresh = std::chrono::milliseconds(500);  // of the list of who is enrolled
};

class Listener {
 public:
  // References must outlive the listener. Throws Unavailable, naming listen.host and listen.port, when it cannot listen
  // there.
  Listener(net::Runtime& runtime, Server& server, std::shared_ptr<const net::Credentials> credentials,
           Enrollment& enrollment, const ListenOptions& options);

  asio::awaitable<void> run();
  // No further connections. Handshakes under way end by their deadline, sessions when the server says goodbye.
  // Idempotent.
  void stop();

  // What is shown to connections from now on.
  void show(std::shared_ptr<const net::Credentials> credentials) { credentials_ = std::move(credentials); }

  // "127.0.0.1:7143".
  std::string address() const;

 private:
  asio::awaitable<void> accept_connections();
  // Makes room for one more connection, or closes that one.
  bool make_room(asio::ip::tcp::socket& socket);
  void end_oldest_handshake();
  asio::awaitable<void> greet(asio::ip::tcp::socket socket);
  asio::awaitable<std::unique_ptr<net::Channel>> shake_hands(asio::ip::tcp::socket socket);
  asio::awaitable<void> watch_enrollment();
  asio::awaitable<void> pause(Duration duration);

  net::Runtime& runtime_;
  Server& server_;
  std::shared_ptr<const net::Credentials> credentials_;
  Enrollment& enrollment_;
  ListenOptions options_;
  asio::ip::tcp::acceptor acceptor_;
  net::Gate gate_;
  net::Signal changed_;
  std::list<net::Interruption> handshakes_;  // under way, oldest first
  std::size_t served_ = 0;                   // connections that are let in
  bool stopped_ = false;
};

}  // namespace tributary::coordinator
