#include "common/http/server.h"

#include <atomic>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/allowance.h"
#include "common/http/parser_rules.h"
#include "common/http/restinio.h"
#include "common/http/tls_identity.h"

namespace tributary::http {

namespace {

using Tcp = asio::ip::tcp;

// After a failed accept (no more files, most likely).
constexpr Duration kAcceptPause = std::chrono::milliseconds(200);
constexpr std::size_t kReadBufferBytes = 16 << 10;
constexpr std::size_t kMaxTargetBytes = 8 << 10, kMaxFieldNameBytes = 256, kMaxFieldBytes = 8 << 10, kMaxFields = 100;
// What an event stream's peer may leave unread before it is given up.
constexpr std::size_t kMaxUnreadEventBytes = 8 << 20;

// Counts as a connection while it lives.
using Place = std::shared_ptr<void>;

class PlainSocket : public Tcp::socket {
 public:
  PlainSocket(Tcp::socket socket, Place place) : Tcp::socket(std::move(socket)), place_(std::move(place)) {}

 private:
  Place place_;
};

class TlsSocket : public restinio::impl::tls_socket_t {
 public:
  TlsSocket(asio::io_context& io, std::shared_ptr<asio::ssl::context> context, Place place)
      : tls_socket_t(io, std::move(context)), place_(std::move(place)) {}

 private:
  Place place_;
};

// Found by RESTinio through its argument: the handshake is done before RESTinio sees the socket.
template <class Connection, class Begin, class Fail>
void prepare_connection_and_start_read(TlsSocket& /*socket*/, Connection& /*connection*/, Begin begin, Fail /*fail*/) {
  begin();
}

restinio::tls_socket_t* make_tls_socket_pointer_for_state_listener(TlsSocket& socket) noexcept {
  return &socket;
}

struct Handling {
  asio::io_context& io;
  std::shared_ptr<const Handler> handler;
  std::shared_ptr<Allowance> allowance;
  restinio::request_handling_status_t operator()(const restinio::request_handle_t& request) const;
};

template <class Socket>
struct TraitsOf : restinio::traits_t<restinio::asio_timer_manager_t, restinio::null_logger_t, Handling,
                                     restinio::default_strand_t, Socket> {};

// ------------------------------------------------------------------------------------------ one request

restinio::http_status_line_t status_line(int status) {
  return {restinio::http_status_code_t{static_cast<std::uint16_t>(status)}, std::string(reason_of(status))};
}

int status_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::Malformed:
      return 400;
    case Error::Kind::Unsupported:
      return 400;
    case Error::Kind::Refused:
      return 403;
    case Error::Kind::Overloaded:
      return 413;
    case Error::Kind::Unavailable:
      return 503;
    default:
      return 500;
  }
}

template <class Builder>
void put_fields(Builder& builder, const Response& response) {
  builder.append_header(restinio::http_field::content_type, response.content_type);
  builder.append_header(restinio::http_field::cache_control, "no-store");
  builder.append_header("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.fields) builder.append_header(name, value);
}

void send(const restinio::request_handle_t& request, Response response) {
  auto builder = request->create_response(status_line(response.status));
  put_fields(builder, response);
  if (response.close) builder.connection_close();
  const bool head_only = request->header().method() == restinio::http_method_head();
  if (!head_only) builder.set_body(std::move(response.body));
  builder.done();
}

class Events final : public EventStream, public std::enable_shared_from_this<Events> {
 public:
  explicit Events(const restinio::request_handle_t& request)
      : builder_(request->create_response<restinio::chunked_output_t>()) {
    Response head;
    head.content_type = "text/event-stream";
    put_fields(builder_, head);
    builder_.connection_close();
    builder_.flush();
  }
  ~Events() override { builder_.done(); }

  bool send(std::string_view event, std::string_view data) override {
    std::string text = "event: " + std::string(event) + "\ndata: " + std::string(data) + "\n\n";
    const std::size_t bytes = text.size();
    if (lost_ || unread_ + bytes > kMaxUnreadEventBytes) return false;
    unread_ += bytes;
    builder_.append_chunk(std::move(text));
    builder_.flush([self = weak_from_this(), bytes](const asio::error_code& error) {
      const auto alive = self.lock();
      if (!alive) return;
      alive->unread_ -= bytes;
      if (error) alive->lost_ = true;
    });
    return true;
  }

 private:
  restinio::response_builder_t<restinio::chunked_output_t> builder_;
  std::atomic<std::size_t> unread_ = 0;
  std::atomic<bool> lost_ = false;
};

// Percent signs decoded; nullopt where they are no proper ones, or stand for a control character.
std::optional<std::string> decode_path(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const auto digit = [&](std::size_t at) {
        const auto found =
            at < text.size() ? std::string_view("0123456789abcdefABCDEF").find(text[at]) : std::string::npos;
        return found == std::string::npos ? -1 : static_cast<int>(found > 15 ? found - 6 : found);
      };
      if (digit(i + 1) < 0 || digit(i + 2) < 0) return std::nullopt;
      c = static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    path += c;
  }
  return path;
}

class RestinioExchange final : public Exchange {
 public:
  explicit RestinioExchange(restinio::request_handle_t request) : handle_(std::move(request)) {
    request_.method = handle_->header().method().c_str();
    request_.body = handle_->body();
    handle_->header().for_each_field(
        [&](const auto& field) { request_.fields.emplace_back(field.name(), field.value()); });
  }
  ~RestinioExchange() override {
    if (handle_) http::send(handle_, error_response(500, "no answer was made"));
  }

  // Whether it is to be handled; otherwise it has been answered.
  bool understand() {
    const std::string& target = handle_->header().request_target();
    if (target.starts_with(kRefused)) return refuse(std::stoi(target.substr(1)));
    const std::string_view whole(target);
    const auto path = decode_path(whole.substr(0, whole.find_first_of("?#")));
    if (!path || !path->starts_with('/')) return refuse(400);
    request_.path = *path;
    if (const auto mark = whole.find('?'); mark != std::string::npos) {
      request_.query = whole.substr(mark + 1, whole.find('#') - mark - 1);
    }
    return true;
  }

  const Request& request() const override { return request_; }
  void answer(Response response) override {
    TRIBUTARY_CHECK(handle_ != nullptr);
    const auto handle = std::exchange(handle_, nullptr);
    http::send(handle, std::move(response));
  }
  std::shared_ptr<EventStream> stream() override {
    TRIBUTARY_CHECK(handle_ != nullptr);
    const auto handle = std::exchange(handle_, nullptr);
    return std::make_shared<Events>(handle);
  }

 private:
  bool refuse(int status) {
    Response response = error_response(status, reason_of(status));
    response.close = true;
    answer(std::move(response));
    return false;
  }

  restinio::request_handle_t handle_;
  Request request_;
};

void turn_away(const restinio::request_handle_t& request) {
  Response response = error_response(429, "too many requests from this address");
  response.fields.emplace_back("Retry-After", "1");
  send(request, std::move(response));
}

void handle(const Handler& handler, std::unique_ptr<Exchange> exchange) {
  try {
    handler(exchange);
  } catch (const Error& e) {
    if (exchange) std::exchange(exchange, nullptr)->answer(error_response(status_of(e.kind()), e.what()));
  } catch (const std::exception& e) {
    log::error("http", std::string("a request failed: ") + e.what());
  }
}

// Not handled here and now: RESTinio 0.6.16 begins to read the next request twice when one is answered before this
// returns, and what has come of that request in between is lost: its rest would be taken for a request.
restinio::request_handling_status_t Handling::operator()(const restinio::request_handle_t& request) const {
  if (!allowance->take(request->remote_endpoint().address(), SystemClock().now())) {
    asio::post(io, [request] { turn_away(request); });
    return restinio::request_accepted();
  }
  auto exchange = std::make_unique<RestinioExchange>(request);
  if (exchange->understand())
    asio::post(
        io, [handler = handler, exchange = std::move(exchange)]() mutable { handle(*handler, std::move(exchange)); });
  return restinio::request_accepted();
}

// ------------------------------------------------------------------------------------------ connections

Tcp::endpoint resolve(asio::io_context& io, const ServerOptions& options) {
  asio::error_code error;
  const auto found =
      Tcp::resolver(io).resolve(options.host, std::to_string(options.port),
                                asio::ip::resolver_base::passive | asio::ip::resolver_base::numeric_service, error);
  if (error || found.empty()) {
    fail(Error::Kind::Unavailable,
         "cannot listen on " + options.host + ": " + error.message() + "; set " + options.name);
  }
  return found.begin()->endpoint();
}

std::string text_of(const Tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

void listen(Tcp::acceptor& acceptor, const Tcp::endpoint& endpoint, const std::string& name) {
  try {
    acceptor.open(endpoint.protocol());
    acceptor.set_option(Tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  } catch (const std::system_error& e) {
    fail(Error::Kind::Unavailable,
         "cannot listen on " + text_of(endpoint) + ": " + e.code().message() + "; set " + name);
  }
}

template <class Socket>
auto make_factory(const Handling& handling, const Limits& limits) {
  using Traits = TraitsOf<Socket>;
  restinio::server_settings_t<Traits> settings;
  settings.request_handler(Handling(handling))
      .buffer_size(kReadBufferBytes)
      .read_next_http_message_timelimit(limits.read)
      .handle_request_timeout(limits.handle)
      .write_http_response_timelimit(limits.write)
      .max_pipelined_requests(1)
      .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t{}
                                    .max_url_size(kMaxTargetBytes)
                                    .max_field_name_size(kMaxFieldNameBytes)
                                    .max_field_value_size(kMaxFieldBytes)
                                    .max_field_count(kMaxFields)
                                    .max_body_size(limits.max_body_bytes));
  const auto timers = settings.timer_factory()->create(handling.io);
  auto shared =
      std::make_shared<restinio::impl::connection_settings_t<Traits>>(settings, strict_parser_settings(), timers);
  return std::make_shared<restinio::impl::connection_factory_t<Traits>>(std::move(shared),
                                                                        settings.socket_options_setter());
}

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(const Handling& handling, const ServerOptions& options)
      : io(handling.io),
        limits(options.limits),
        strand(io.get_executor()),
        acceptor(strand),
        pause(strand),
        plain(make_factory<PlainSocket>(handling, limits)),
        secure(make_factory<TlsSocket>(handling, limits)) {
    if (options.tls) identity = std::make_unique<TlsIdentity>(*options.tls);
    listen(acceptor, resolve(io, options), options.name);
    endpoint = acceptor.local_endpoint();
  }

  void accept_next();
  void accepted(const asio::error_code& error, Tcp::socket socket);
  void shake_hands(Tcp::socket socket, Place place);
  Place take_place();
  template <class Factory, class Socket>
  static void begin(Factory& factory, Socket socket, const Tcp::endpoint& peer);

  asio::io_context& io;
  Limits limits;
  asio::strand<asio::io_context::executor_type> strand;
  Tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::unique_ptr<TlsIdentity> identity;
  Tcp::endpoint endpoint;
  std::shared_ptr<restinio::impl::connection_factory_t<TraitsOf<PlainSocket>>> plain;
  std::shared_ptr<restinio::impl::connection_factory_t<TraitsOf<TlsSocket>>> secure;
  std::atomic<std::size_t> open = 0;
  bool accepting = false;  // an accept is under way; strand
  bool stopped = false;    // strand
};

void Server::State::accept_next() {
  if (accepting || stopped || open >= limits.max_connections) return;
  accepting = true;
  acceptor.async_accept(io, [self = shared_from_this()](const asio::error_code& error, Tcp::socket socket) {
    self->accepting = false;
    self->accepted(error, std::move(socket));
  });
}

void Server::State::accepted(const asio::error_code& error, Tcp::socket socket) {
  if (stopped) return;
  if (error) {
    log::warning("http", "cannot accept: " + error.message());
    pause.expires_after(kAcceptPause);
    pause.async_wait([self = shared_from_this()](const asio::error_code&) { self->accept_next(); });
    return;
  }
  Place place = take_place();
  asio::error_code gone;
  const Tcp::endpoint peer = socket.remote_endpoint(gone);
  socket.set_option(Tcp::no_delay(true), gone);
  if (!gone && identity) {
    shake_hands(std::move(socket), std::move(place));
  } else if (!gone) {
    begin(*plain, PlainSocket(std::move(socket), std::move(place)), peer);
  }
  accept_next();
}

// The next connection is accepted when one ends.
Place Server::State::take_place() {
  ++open;
  const auto leave = [weak = weak_from_this()](void*) {
    const auto self = weak.lock();
    if (!self) return;
    --self->open;
    asio::post(self->strand, [self] { self->accept_next(); });
  };
  return {static_cast<void*>(this), leave};
}

template <class Factory, class Socket>
void Server::State::begin(Factory& factory, Socket socket, const Tcp::endpoint& peer) {
  try {
    const auto executor = socket.get_executor();
    auto connection =
        factory.create_new_connection(std::move(socket), peer, typename Factory::lifetime_monitor_t{nullptr});
    asio::post(executor, [connection] { connection->init(); });
  } catch (const std::exception& e) {
    log::warning("http", std::string("a connection could not be taken: ") + e.what());
  }
}

void Server::State::shake_hands(Tcp::socket socket, Place place) {
  struct Handshake {
    TlsSocket socket;
    asio::steady_timer deadline;
  };
  auto shake = std::make_shared<Handshake>(
      Handshake{TlsSocket(io, identity->context(), std::move(place)), asio::steady_timer(strand)});
  shake->socket.lowest_layer() = std::move(socket);
  shake->deadline.expires_after(limits.handshake);
  shake->deadline.async_wait([weak = std::weak_ptr(shake)](const asio::error_code& cancelled) {
    const auto late = weak.lock();
    asio::error_code ignored;
    if (!cancelled && late) late->socket.lowest_layer().close(ignored);
  });
  shake->socket.async_handshake(
      asio::ssl::stream_base::server,
      asio::bind_executor(strand, [self = shared_from_this(), shake](const asio::error_code& error) {
        shake->deadline.cancel();
        asio::error_code gone;
        const Tcp::endpoint peer = shake->socket.lowest_layer().remote_endpoint(gone);
        if (!error && !gone) begin(*self->secure, std::move(shake->socket), peer);
      }));
}

// ------------------------------------------------------------------------------------------ the server

Server::Server(asio::io_context& io, const ServerOptions& options, Handler handler)
    : state_(std::make_shared<State>(Handling{io, std::make_shared<const Handler>(std::move(handler)),
                                              std::make_shared<Allowance>(options.limits.requests_per_second)},
                                     options)) {
  asio::post(state_->strand, [state = state_] { state->accept_next(); });
}

Server::~Server() {
  stop();
}

std::string Server::address() const {
  return (state_->identity ? "https://" : "http://") + text_of(state_->endpoint);
}

std::uint16_t Server::port() const {
  return state_->endpoint.port();
}

void Server::reload_tls() {
  if (state_->identity) state_->identity->reload();
}

void Server::stop() {
  asio::post(state_->strand, [state = state_] {
    state->stopped = true;
    asio::error_code ignored;
    state->acceptor.close(ignored);
    state->pause.cancel();
  });
}

std::size_t Server::connections() const {
  return state_->open;
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  asio::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  return !error && address.is_loopback();
}

std::pair<std::string, std::uint16_t> parse_address(std::string_view text, std::string_view what) {
  const auto colon = text.rfind(':');
  const std::int64_t port = parse_int(colon == std::string_view::npos ? "" : text.substr(colon + 1)).value_or(-1);
  std::string host(text.substr(0, colon == std::string_view::npos ? 0 : colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (port < 0 || port > 65535) {
    fail(Error::Kind::Malformed,
         std::string(what) + " \"" + std::string(text) + "\": must be HOST:PORT, such as 127.0.0.1:8080");
  }
  return {host.empty() ? "127.0.0.1" : host, static_cast<std::uint16_t>(port)};
}

}  // namespace tributary::http
