#include "common/http/client.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/text.h"

namespace tributary::http {

namespace {

constexpr std::size_t kMaxHeadBytes = 64 << 10;

std::string name_of(const Address& server) {
  return server.host + ":" + std::to_string(server.port);
}

timeval time_value(Duration d) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  return {us / 1'000'000, us % 1'000'000};
}

// A connected socket, plain or under TLS.
class Line {
 public:
  Line(const Address& server, Duration patience) : server_(server) {
    connect(patience);
    if (server.tls) secure();
  }
  ~Line() {
    ssl_.reset();
    ::close(socket_);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n =
          ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 20)))
               : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) lost();
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // Appends what comes next; false at the end.
  bool read(std::string& to) {
    char buffer[16 << 10];
    const auto n = ssl_ ? SSL_read(ssl_.get(), buffer, sizeof buffer) : ::recv(socket_, buffer, sizeof buffer, 0);
    if (n > 0) to.append(buffer, static_cast<std::size_t>(n));
    if (n < 0) lost();
    return n > 0;
  }

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };

  void connect(Duration patience) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    const int error = ::getaddrinfo(server_.host.c_str(), std::to_string(server_.port).c_str(), &hints, &found);
    if (error != 0) fail(Error::Kind::Unavailable, "cannot find " + server_.host + ": " + ::gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    const timeval limit = time_value(patience);
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
      socket_ = ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
      if (socket_ < 0) continue;
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      if (::connect(socket_, at->ai_addr, at->ai_addrlen) == 0) return;
      ::close(socket_);
    }
    fail(Error::Kind::Unavailable, "nobody answers at " + name_of(server_));
  }

  void secure() {
    const std::unique_ptr<SSL_CTX, FreeSsl> context(SSL_CTX_new(TLS_client_method()));
    TRIBUTARY_CHECK(context != nullptr);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    const std::string authority = server_.authority.string();
    const bool known = authority.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                         : SSL_CTX_load_verify_file(context.get(), authority.c_str()) == 1;
    if (!known) refuse(authority + ": holds no PEM certificate");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    // An authority that is given may be the server's own certificate.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
    ssl_.reset(SSL_new(context.get()));
    TRIBUTARY_CHECK(ssl_ != nullptr);
    X509_VERIFY_PARAM* const demands = SSL_get0_param(ssl_.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(demands, server_.host.c_str()) != 1) {
      ERR_clear_error();
      X509_VERIFY_PARAM_set1_host(demands, server_.host.c_str(), 0);
      SSL_set_tlsext_host_name(ssl_.get(), server_.host.c_str());
    }
    SSL_set_fd(ssl_.get(), socket_);
    if (SSL_connect(ssl_.get()) == 1) return;
    const long verdict = SSL_get_verify_result(ssl_.get());
    ERR_clear_error();
    if (verdict != X509_V_OK) refuse(name_of(server_) + ": " + X509_verify_cert_error_string(verdict));
    fail(Error::Kind::Disconnected, name_of(server_) + " does not complete a TLS handshake");
  }

  [[noreturn]] void refuse(const std::string& why) {
    ERR_clear_error();
    ssl_.reset();
    ::close(socket_);
    fail(Error::Kind::Refused, why);
  }
  [[noreturn]] void lost() const {
    ERR_clear_error();
    fail(Error::Kind::Disconnected, name_of(server_) + " has gone or does not answer in time");
  }

  const Address& server_;
  int socket_ = -1;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

[[noreturn]] void no_http(const Address& server) {
  fail(Error::Kind::Malformed, "what answers at " + name_of(server) + " does not speak HTTP");
}

// The head up to its empty line.
Response parse_head(std::string_view head, const Address& server) {
  Response answer;
  bool first = true;
  for (std::string_view line : split(head, '\n')) {
    line = trim(line);
    if (std::exchange(first, false)) {
      const auto status =
          line.starts_with("HTTP/1.") && line.size() >= 12 ? parse_int(line.substr(9, 3)) : std::nullopt;
      if (!status) no_http(server);
      answer.status = static_cast<int>(*status);
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    answer.fields.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  if (const auto* type = find_field(answer.fields, "content-type")) answer.content_type = *type;
  return answer;
}

// nullopt: not there completely yet.
std::optional<std::string> unchunk(std::string_view rest, const Address& server) {
  std::string body;
  while (true) {
    const auto end = rest.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    std::size_t size = 0;
    for (const char c : rest.substr(0, std::min(end, rest.find(';')))) {
      const auto digit = std::string_view("0123456789abcdef").find(static_cast<char>(std::tolower(c)));
      if (digit == std::string_view::npos || size > (std::size_t{1} << 40)) no_http(server);
      size = size * 16 + digit;
    }
    rest.remove_prefix(end + 2);
    if (size == 0) return body;
    if (rest.size() < size + 2) return std::nullopt;
    body += rest.substr(0, size);
    rest.remove_prefix(size + 2);
  }
}

}  // namespace

Address parse_url(std::string_view url, std::string_view what) {
  Address address;
  std::string_view rest = url;
  address.tls = rest.starts_with("https://");
  if (!address.tls && !rest.starts_with("http://")) rest = {};
  rest.remove_prefix(std::min(rest.size(), rest.find("//") + 2));
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto colon = rest.rfind(':');
  const std::int64_t port = parse_int(colon == std::string_view::npos ? "" : rest.substr(colon + 1)).value_or(0);
  if (port < 1 || port > 65535 || colon == 0) {
    fail(Error::Kind::Malformed,
         std::string(what) + " \"" + std::string(url) + "\": must be http://HOST:PORT or https://HOST:PORT");
  }
  address.host = std::string(rest.substr(0, colon));
  if (address.host.front() == '[' && address.host.back() == ']')
    address.host = address.host.substr(1, address.host.size() - 2);
  address.port = static_cast<std::uint16_t>(port);
  return address;
}

Response call(const Address& server, const Call& call) {
  Line line(server, call.patience);
  std::string request =
      call.method + " " + call.target + " HTTP/1.1\r\nHost: " + name_of(server) + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : call.fields) request += name + ": " + value + "\r\n";
  if (!call.body.empty() || call.method != "GET")
    request += "Content-Length: " + std::to_string(call.body.size()) + "\r\n";
  line.write(request + "\r\n" + call.body);
  std::string bytes;
  std::size_t head = std::string::npos;
  while (head == std::string::npos) {
    if (!line.read(bytes) || bytes.size() > kMaxHeadBytes + call.max_answer_bytes) no_http(server);
    head = bytes.find("\r\n\r\n");
  }
  Response answer = parse_head(std::string_view(bytes).substr(0, head), server);
  const auto* length = find_field(answer.fields, "content-length");
  const auto* encoding = find_field(answer.fields, "transfer-encoding");
  const std::int64_t wanted = length != nullptr ? parse_int(*length).value_or(0) : 0;
  while (true) {
    const std::string_view rest = std::string_view(bytes).substr(head + 4);
    if (rest.size() > call.max_answer_bytes) {
      fail(Error::Kind::Overloaded,
           name_of(server) + " answers with more than " + std::to_string(call.max_answer_bytes) + " bytes");
    }
    if (encoding != nullptr) {
      if (auto body = unchunk(rest, server)) {
        answer.body = std::move(*body);
        return answer;
      }
    } else if (length != nullptr && static_cast<std::int64_t>(rest.size()) >= wanted) {
      answer.body = std::string(rest.substr(0, static_cast<std::size_t>(wanted)));
      return answer;
    }
    if (line.read(bytes)) continue;
    if (length != nullptr || encoding != nullptr)
      fail(Error::Kind::Disconnected, name_of(server) + " broke off its answer");
    answer.body = bytes.substr(head + 4);
    return answer;
  }
}

}  // namespace tributary::http
