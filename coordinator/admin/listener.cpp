#include "coordinator/admin/listener.h"

#include <algorithm>
#include <list>
#include <map>
#include <thread>
#include <tuple>
#include <utility>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/server.h"
#include "coordinator/admin/page.h"
#include "coordinator/admin/views.h"

namespace tributary::coordinator {

namespace {

using http::Exchange;
using http::Request;
using http::Response;

constexpr Duration kRefresh = std::chrono::milliseconds(250);
constexpr Duration kHeartbeat = std::chrono::seconds(10);
constexpr std::size_t kMaxStreams = 64;
constexpr std::size_t kMinTokenBytes = 16;
constexpr int kNiceness = 19;
// Between two turns of the thread: what keeps a flood from waking it for every request, and what an answer waits for at
// most while nobody floods.
constexpr Duration kRest = std::chrono::milliseconds(5);
// The thread takes at most this part of one processor, whatever is asked: it rests the longer the more it has done.
constexpr int kShare = 16;
constexpr Duration kLongestRest = std::chrono::seconds(1);
constexpr std::string_view kCookie = "tributary_token=";

std::string read_token(const Path& file) {
  if (file.empty()) return {};
  std::string token(trim(read_text_file(file, 4096)));
  if (token.size() < kMinTokenBytes || token.find_first_of(" \t\r\n;,\"\\") != std::string::npos)
    fail(Error::Kind::Malformed, "admin.token_file = " + file.string() + ": holds no token of " +
                                     std::to_string(kMinTokenBytes) + " characters or more on one line");
  return token;
}

Response made(std::string body, std::string type) {
  Response response;
  response.content_type = std::move(type);
  response.body = std::move(body);
  return response;
}

Response json(std::string body) {
  return made(std::move(body) + "\n", "application/json");
}

// For documents of our own: nothing from elsewhere is loaded, nobody frames them.
Response document(std::string_view body, std::string type) {
  Response response = made(std::string(body), std::move(type));
  response.fields = {{"Content-Security-Policy",
                      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                      "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
                     {"Referrer-Policy", "no-referrer"}};
  return response;
}

// Of this thread.
Duration processor_time() {
  timespec taken{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &taken);
  return std::chrono::seconds(taken.tv_sec) + std::chrono::nanoseconds(taken.tv_nsec);
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view host_of(std::string_view field) {
  const auto colon = field.rfind(':');
  const auto bracket = field.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket))
    field = field.substr(0, colon);
  if (field.size() > 2 && field.front() == '[' && field.back() == ']') field = field.substr(1, field.size() - 2);
  return field;
}

std::uint64_t since_of(const std::string& query) {
  for (const auto part : split(query, '&'))
    if (part.starts_with("since="))
      return static_cast<std::uint64_t>(std::max<std::int64_t>(parse_int(part.substr(6)).value_or(0), 0));
  return 0;
}

}  // namespace

void bind(options::Keys& keys, AdminSettings& settings) {
  keys.text("admin.listen", settings.listen,
            "HOST:PORT of dashboard, metrics and commands; empty = none; not loopback only with TLS and a token");
  keys.path("admin.token_file", settings.token_file, "file whose one line a client must show to see or do anything");
  keys.path("admin.certificate", settings.certificate, "PEM file of the admin listener's certificate; turns TLS on");
  keys.path("admin.key", settings.key, "PEM file of that certificate's key");
  keys.count("admin.requests_per_second", settings.requests_per_second, {0, 1'000'000},
             "requests that one client's address may make in a second; more hear 429; 0 = any number");
}

void check(const AdminSettings& settings) {
  if (settings.certificate.empty() != settings.key.empty())
    fail(Error::Kind::Malformed, "admin.certificate and admin.key go together: give both or none");
  const std::string token = read_token(settings.token_file);
  if (settings.listen.empty()) return;
  const auto [host, port] = http::parse_address(settings.listen, "admin.listen");
  if (!http::is_loopback(host) && (settings.certificate.empty() || token.empty()))
    fail(Error::Kind::Refused, "admin.listen = " + settings.listen +
                                   " is not loopback: set admin.certificate, admin.key and admin.token_file");
}

struct AdminListener::State {
  State(const AdminSettings& settings, const Watch& a_watch, Controls some_controls)
      : watch(a_watch),
        controls(std::move(some_controls)),
        token(read_token(settings.token_file)),
        work(io.get_executor()),
        timer(io) {
    check(settings);
    http::ServerOptions options;
    std::tie(options.host, options.port) = http::parse_address(settings.listen, "admin.listen");
    options.name = "admin.listen";
    options.limits.max_body_bytes = 4096;
    options.limits.max_connections = 256;
    options.limits.requests_per_second = settings.requests_per_second;
    local = http::is_loopback(options.host);
    if (!settings.certificate.empty())
      options.tls = std::make_unique<http::TlsFiles>(http::TlsFiles{settings.certificate, settings.key});
    server =
        std::make_unique<http::Server>(io, options, [this](std::unique_ptr<Exchange>& exchange) { handle(exchange); });
    refresh();
    thread = std::thread([this] { run(); });
  }
  ~State() {
    server->stop();
    work.reset();
    io.stop();
    thread.join();
  }

  void run();
  void handle(std::unique_ptr<Exchange>& exchange);
  std::optional<Response> objection(const Request& request) const;
  bool knows_token(const Request& request) const;
  Response answer(const Request& request);
  Response act(const Request& request);
  Response log_in(const Request& request) const;
  void open_stream(std::unique_ptr<Exchange>& exchange);

  void update();
  void refresh();
  void tell_streams();

  const Watch& watch;
  Controls controls;
  const std::string token;
  bool local = true;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  asio::steady_timer timer;

  // The snapshot that answers are made of, and answers that are made. The listener's thread only.
  std::uint64_t version = 0;
  TimePoint taken{};
  Snapshot snapshot;
  std::map<std::string, std::string> made_of_it;

  struct Stream {
    std::shared_ptr<http::EventStream> events;
    std::uint64_t told_version = 0, told_round = 0;
    TimePoint told_at{};
  };
  std::list<Stream> streams;

  std::unique_ptr<http::Server> server;
  std::thread thread;
};

// Whatever waits is done in one turn; as a batch thread it takes a processor that is free, and wins none from the
// rounds' threads by waking up.
void AdminListener::State::run() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNiceness);
  const sched_param none{};
  ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &none);
  Duration begun = processor_time();
  while (io.run_one() > 0) {
    io.poll();
    const Duration done = processor_time();
    std::this_thread::sleep_for(std::clamp((kShare - 1) * (done - begun), kRest, kLongestRest));
    begun = done;
  }
}

bool AdminListener::State::knows_token(const Request& request) const {
  if (token.empty()) return true;
  if (const auto* field = http::find_field(request.fields, "authorization"))
    return field->starts_with("Bearer ") && same_secret(std::string_view(*field).substr(7), token);
  if (const auto* cookies = http::find_field(request.fields, "cookie")) {
    for (const auto part : split(*cookies, ';')) {
      const auto cookie = trim(part);
      if (cookie.starts_with(kCookie) && same_secret(cookie.substr(kCookie.size()), token)) return true;
    }
  }
  return false;
}

// Why the request is not looked at, or nullopt.
std::optional<Response> AdminListener::State::objection(const Request& request) const {
  const auto* host = http::find_field(request.fields, "host");
  if (local && (host == nullptr || !http::is_loopback(host_of(*host))))
    return http::error_response(421, "this listener answers to 127.0.0.1 and localhost only");
  const bool post = request.method == "POST";
  if (!post && request.method != "GET" && request.method != "HEAD") return http::error_response(405, "GET or POST");
  if (post && http::find_field(request.fields, "x-tributary") == nullptr)
    return http::error_response(403, "a POST needs the field X-Tributary");
  const bool guarded =
      request.path == "/metrics" || (request.path.starts_with("/api/") && request.path != "/api/login");
  if (guarded && !knows_token(request)) {
    Response response = http::error_response(401, "the token is missing or wrong");
    response.fields.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  return std::nullopt;
}

void AdminListener::State::handle(std::unique_ptr<Exchange>& exchange) {
  const Request& request = exchange->request();
  if (auto refused = objection(request)) return exchange->answer(std::move(*refused));
  if (request.path == "/api/events" && request.method == "GET") return open_stream(exchange);
  exchange->answer(request.method == "POST" ? act(request) : answer(request));
}

Response AdminListener::State::answer(const Request& request) {
  if (request.path == "/") return document(page::html(), "text/html; charset=utf-8");
  if (request.path == "/dashboard.css") return document(page::css(), "text/css; charset=utf-8");
  if (request.path == "/dashboard.js") return document(page::script(), "text/javascript; charset=utf-8");
  if (request.path == "/chart.js") return document(page::chart_library(), "text/javascript; charset=utf-8");
  if (request.path == "/healthz") return made("ok\n", "text/plain");
  using View = std::string (*)(const Snapshot&);
  static const std::map<std::string, View> views = {
      {"/metrics", metrics_text}, {"/api/status", status_json}, {"/api/participants", participants_json}};
  const auto view = views.find(request.path);
  const bool rounds = request.path == "/api/rounds";
  if (view == views.end() && !rounds) return http::error_response(404, "nothing here; see /");
  update();
  const std::uint64_t since = rounds ? since_of(request.query) : 0;
  if (since > 0) return json(rounds_json(snapshot, since));
  std::string& text = made_of_it[request.path];
  if (text.empty()) text = rounds ? rounds_json(snapshot, 0) : view->second(snapshot);
  return request.path == "/metrics" ? made(text, "text/plain; version=0.0.4; charset=utf-8") : json(text);
}

Response AdminListener::State::act(const Request& request) {
  if (request.path == "/api/login") return log_in(request);
  if (request.path == "/api/pause" || request.path == "/api/resume") {
    controls.pause(request.path == "/api/pause");
    return json(R"({"done":true})");
  }
  if (request.path == "/api/checkpoint") {
    controls.checkpoint();
    return json(R"({"done":true})");
  }
  return http::error_response(404, "no such command");
}

Response AdminListener::State::log_in(const Request& request) const {
  if (!token.empty() && !same_secret(trim(request.body), token)) return http::error_response(401, "the token is wrong");
  Response response = json(R"({"done":true})");
  response.fields.emplace_back("Set-Cookie", std::string(kCookie) + token + "; HttpOnly; SameSite=Strict; Path=/" +
                                                 (server->address().starts_with("https") ? "; Secure" : ""));
  return response;
}

void AdminListener::State::open_stream(std::unique_ptr<Exchange>& exchange) {
  if (streams.size() >= kMaxStreams) return exchange->answer(http::error_response(503, "too many watch already"));
  streams.push_back({exchange->stream()});
  update();
  tell_streams();
}

// Takes a new snapshot where there is one, at most every kRefresh.
void AdminListener::State::update() {
  const TimePoint now = SystemClock().now();
  if (version != 0 && now - taken < kRefresh) return;
  taken = now;
  const std::uint64_t newest = watch.version();
  made_of_it.erase("/metrics");  // its memory figures change without a version
  made_of_it.erase("/api/status");
  if (newest == version) return;
  version = newest;
  snapshot = watch.snapshot();
  made_of_it.clear();
}

void AdminListener::State::refresh() {
  timer.expires_after(kRefresh);
  timer.async_wait([this](const asio::error_code& error) {
    if (error) return;
    if (!streams.empty()) {
      update();
      tell_streams();
    }
    refresh();
  });
}

void AdminListener::State::tell_streams() {
  if (streams.empty()) return;
  const TimePoint now = SystemClock().now();
  std::string status, participants;  // made once for all
  const std::uint64_t newest = snapshot.rounds.empty() ? 0 : snapshot.rounds.back()->round;
  const auto tell = [&](Stream& stream) {
    const bool changed = stream.told_version != version;
    if (!changed && now - stream.told_at < kHeartbeat) return true;
    if (status.empty()) status = status_json(snapshot);
    if (!stream.events->send("status", status)) return false;
    stream.told_at = now;
    if (!changed) return true;
    if (participants.empty()) participants = participants_json(snapshot);
    if (!stream.events->send("participants", participants)) return false;
    const bool anew = stream.told_version == 0;
    if ((anew || newest > stream.told_round) &&
        !stream.events->send("rounds", rounds_json(snapshot, anew ? 0 : stream.told_round)))
      return false;
    stream.told_version = version;
    stream.told_round = newest;
    return true;
  };
  streams.remove_if([&](Stream& stream) { return !tell(stream); });
}

AdminListener::AdminListener(const AdminSettings& settings, const Watch& watch, Controls controls)
    : state_(std::make_unique<State>(settings, watch, std::move(controls))) {}

AdminListener::~AdminListener() = default;

std::string AdminListener::address() const {
  return state_->server->address();
}

void AdminListener::reload_tls() {
  state_->server->reload_tls();
}

}  // namespace tributary::coordinator
