#include "coordinator/listener.h"

#include <system_error>
#include <utility>

#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "common/base/error.h"
#include "common/base/log.h"

namespace tributary::coordinator {

namespace {

// After a failed accept (no more files, most likely).
constexpr Duration kAcceptPause = std::chrono::milliseconds(200);

asio::ip::tcp::endpoint resolve(asio::io_context& io, const std::string& host, std::uint16_t port) {
  asio::error_code error;
  const auto found = asio::ip::tcp::resolver(io).resolve(
      host, std::to_string(port), asio::ip::resolver_base::passive | asio::ip::resolver_base::numeric_service, error);
  if (error || found.empty()) {
    fail(Error::Kind::Unavailable, "cannot listen on " + host + ": " + error.message() + "; set listen.host");
  }
  return found.begin()->endpoint();
}

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

void listen(asio::ip::tcp::acceptor& acceptor, const asio::ip::tcp::endpoint& endpoint) {
  try {
    acceptor.open(endpoint.protocol());
    acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  } catch (const std::system_error& e) {
    fail(Error::Kind::Unavailable,
         "cannot listen on " + text_of(endpoint) + ": " + e.code().message() + "; set listen.host and listen.port");
  }
}

}  // namespace

Listener::Listener(net::Runtime& runtime, Server& server, std::shared_ptr<const net::Credentials> credentials,
                   Enrollment& enrollment, const ListenOptions& options)
    : runtime_(runtime),
      server_(server),
      credentials_(std::move(credentials)),
      enrollment_(enrollment),
      options_(options),
      acceptor_(runtime.io()),
      gate_(runtime.io()),
      changed_(runtime.io()) {
  listen(acceptor_, resolve(runtime.io(), options_.host, options_.port));
}

std::string Listener::address() const {
  return text_of(acceptor_.local_endpoint());
}

asio::awaitable<void> Listener::run() {
  gate_.spawn("enrolment", watch_enrollment());
  co_await accept_connections();
  co_await gate_.close();
}

void Listener::stop() {
  stopped_ = true;
  asio::error_code ignored;
  acceptor_.close(ignored);
  changed_.notify();
}

asio::awaitable<void> Listener::accept_connections() {
  bool complained = false;
  while (!stopped_) {
    if (handshakes_ >= options_.max_handshakes) {
      co_await changed_.wait();
      continue;
    }
    asio::error_code error;
    asio::ip::tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (stopped_) break;
    if (error) {
      if (!std::exchange(complained, true)) log::warning("listener", "cannot accept: " + error.message());
      co_await pause(kAcceptPause);
      continue;
    }
    complained = false;
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    ++handshakes_;
    gate_.spawn("connection", greet(std::move(socket)));
  }
}

asio::awaitable<void> Listener::greet(asio::ip::tcp::socket socket) {
  std::unique_ptr<net::Channel> channel = co_await shake_hands(std::move(socket));
  --handshakes_;
  changed_.notify();
  // Asked again: the list may have changed since the handshake looked.
  if (channel && !stopped_ && enrollment_.admit(channel->peer()).empty()) co_await server_.serve(std::move(channel));
}

asio::awaitable<std::unique_ptr<net::Channel>> Listener::shake_hands(asio::ip::tcp::socket socket) {
  try {
    co_return co_await net::accept(
        runtime_, std::move(socket), credentials_,
        [this](const net::PeerIdentity& peer) { return enrollment_.admit(peer); }, net::ChannelLimits{},
        runtime_.clock().now() + options_.handshake_deadline);
  } catch (const Error& e) {
    log::info("listener", std::string("turned away: ") + e.what());
  }
  co_return nullptr;
}

asio::awaitable<void> Listener::watch_enrollment() {
  bool complained = false;
  while (!stopped_) {
    co_await pause(options_.refresh);
    try {
      if (enrollment_.refresh()) {
        log::info("listener", std::to_string(enrollment_.size()) + " participants are enrolled now");
        server_.drop_sessions([this](const net::PeerIdentity& peer) { return enrollment_.admit(peer); });
      }
      complained = false;
    } catch (const Error& e) {
      if (!std::exchange(complained, true)) log::error("listener", std::string(e.what()) + "; the list before holds");
    }
  }
}

asio::awaitable<void> Listener::pause(Duration duration) {
  const TimePoint end = runtime_.clock().now() + duration;
  const auto timer = runtime_.at(end, [this] { changed_.notify(); });
  while (!stopped_ && runtime_.clock().now() < end) co_await changed_.wait();
}

}  // namespace tributary::coordinator
