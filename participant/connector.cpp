#include <limits>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/net/tls.h"
#include "participant/agent.h"

namespace tributary::participant {

namespace {

constexpr auto kConnectWithin = std::chrono::seconds(10);

struct Server {
  std::string host;
  std::uint16_t port = 0;
};

// "host:port", "[address]:port".
Server server_from(const std::string& text) {
  const auto colon = text.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_int(std::string_view(text).substr(colon + 1));
  if (!port || *port < 1 || *port > std::numeric_limits<std::uint16_t>::max())
    fail(Error::Kind::Malformed, "server '" + text + "': expected HOST:PORT, for example 127.0.0.1:7143");
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  net::check_host(host, "server");
  return {host, static_cast<std::uint16_t>(*port)};
}

asio::awaitable<std::unique_ptr<net::Channel>> connect(net::Runtime& runtime, Server server,
                                                       std::shared_ptr<const net::Credentials> credentials,
                                                       std::string coordinator) {
  co_return co_await net::connect(runtime, server.host, server.port, credentials, coordinator, {},
                                  runtime.clock().now() + kConnectWithin);
}

}  // namespace

Connector connect_with(net::Runtime& runtime, const net::Bundle& bundle, const std::string& server) {
  const Server at = server.empty() ? Server{bundle.host, bundle.port} : server_from(server);
  auto credentials = net::Credentials::from_pem(bundle.key, bundle.certificate, bundle.authority,
                                                "bundle of " + bundle.name, runtime.clock());
  return [&runtime, at, credentials = std::move(credentials), coordinator = bundle.coordinator] {
    return connect(runtime, at, credentials, coordinator);
  };
}

}  // namespace tributary::participant
