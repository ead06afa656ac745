// tests/http/harness.h
//
// A server on threads of its own, and a raw line to it on which a test says exactly the bytes that it means.
#pragma once

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/http/client.h"
#include "common/http/server.h"

namespace tributary::http::testing {

class RunningServer {
 public:
  explicit RunningServer(Handler handler, const ServerOptions& options = {}, unsigned threads = 1)
      : work_(io_.get_executor()), server_(io_, options, std::move(handler)) {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~RunningServer() {
    server_.stop();
    io_.stop();
    for (auto& thread : threads_) thread.join();
  }
  Server& server() { return server_; }
  asio::io_context& io() { return io_; }
  Address address(bool tls = false) const { return {"127.0.0.1", server_.port(), tls, {}}; }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  Server server_;
  std::vector<std::thread> threads_;
};

class RawLine {
 public:
  explicit RawLine(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawLine() { ::close(socket_); }
  RawLine(const RawLine&) = delete;
  RawLine& operator=(const RawLine&) = delete;

  bool connected() const { return connected_; }
  // False when the peer has closed.
  bool say(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // All that comes until the peer closes; "(no end)" at its end when it has not within 20 s.
  std::string hear_all() {
    std::string heard;
    char buffer[4096];
    while (true) {
      const auto n = ::recv(socket_, buffer, sizeof buffer, 0);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return heard + "(no end)";
      if (n <= 0) return heard;
      heard.append(buffer, static_cast<std::size_t>(n));
    }
  }
  // What comes until `end` has been heard.
  std::string hear_until(std::string_view end) {
    std::string heard;
    char c = 0;
    while (heard.find(end) == std::string::npos && ::recv(socket_, &c, 1, 0) == 1) heard += c;
    return heard;
  }

 private:
  int socket_;
  bool connected_ = false;
};

}  // namespace tributary::http::testing
