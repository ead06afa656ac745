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

// Of the peer, without its port: it has many of those.
std::string address_of(const asio::ip::tcp::socket& socket) {
  asio::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? "an unknown address" : endpoint.address().to_string();
}

// What is counted and logged together.
std::string kind_of(const Error& error) {
  switch (error.kind()) {
    case Error::Kind::Refused:
      return "not let in";
    case Error::Kind::Malformed:
      return "no handshake";
    default:
      return "unfinished handshake";
  }
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
    asio::error_code error;
    asio::ip::tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (stopped_) break;
    if (error) {
      if (!std::exchange(complained, true)) log::warning("listener", "cannot accept: " + error.message());
      if (error == asio::error::no_descriptors) end_oldest_handshake();
      co_await pause(kAcceptPause);
      continue;
    }
    complained = false;
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    if (make_room(socket)) gate_.spawn("connection", greet(std::move(socket)));
  }
}

bool Listener::make_room(asio::ip::tcp::socket& socket) {
  const bool full = handshakes_.size() + served_ >= options_.limits.connections;
  if (full && handshakes_.empty()) {
    server_.note_refusal("too many connections", address_of(socket),
                         "all " + std::to_string(served_) + " are in use; see limits.connections");
    return false;
  }
  if (full || handshakes_.size() >= options_.limits.unauthenticated) end_oldest_handshake();
  return true;
}

// Its coroutine hears of it when its turn comes, so it is not looked at again.
void Listener::end_oldest_handshake() {
  for (const net::Interruption& handshake : handshakes_) {
    if (handshake.interrupt("others want its place")) return;
  }
}

asio::awaitable<void> Listener::greet(asio::ip::tcp::socket socket) {
  std::unique_ptr<net::Channel> channel = co_await shake_hands(std::move(socket));
  // Asked again: the list may have changed since the handshake looked.
  if (!channel || stopped_ || !enrollment_.admit(channel->peer()).empty()) co_return;
  ++served_;
  co_await server_.serve(std::move(channel));
  --served_;
}

asio::awaitable<std::unique_ptr<net::Channel>> Listener::shake_hands(asio::ip::tcp::socket socket) {
  const std::string address = address_of(socket);
  const auto place = handshakes_.emplace(handshakes_.end());
  net::ChannelLimits limits;
  limits.max_key_updates = options_.limits.key_updates;
  std::unique_ptr<net::Channel> channel;
  try {
    channel = co_await net::accept(
        runtime_, std::move(socket), credentials_,
        [this](const net::PeerIdentity& peer) { return enrollment_.admit(peer); }, limits,
        runtime_.clock().now() + from_seconds(options_.limits.handshake_seconds), &*place);
  } catch (const Error& e) {
    server_.note_refusal(kind_of(e), address, e.what());
  }
  handshakes_.erase(place);
  co_return channel;
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
