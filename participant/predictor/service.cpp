#include "participant/predictor/service.h"

#include <utility>

#include "common/base/error.h"

namespace tributary::predictor {

namespace {

LaneOptions lane_options(const ServeSettings& settings) {
  LaneOptions options;
  options.batch = settings.mode == "batch";
  options.max_batch = settings.max_batch;
  options.max_delay = from_seconds(settings.max_delay_seconds);
  options.max_waiting = settings.queue;
  options.slots = settings.workers;
  return options;
}

http::ServerOptions server_options(const ServeSettings& settings) {
  http::ServerOptions options;
  std::tie(options.host, options.port) = http::parse_address(settings.listen, "serve.listen");
  options.name = "serve.listen";
  options.limits.max_body_bytes = settings.max_body_bytes;
  options.limits.max_connections = settings.max_connections;
  options.limits.read = options.limits.write = from_seconds(settings.request_seconds);
  if (!settings.certificate.empty())
    options.tls = std::make_unique<http::TlsFiles>(http::TlsFiles{settings.certificate, settings.key});
  return options;
}

}  // namespace

void bind(options::Keys& keys, ServeSettings& s) {
  keys.text("serve.listen", s.listen, "HOST:PORT to answer at; port 0 = any free one; not loopback only with TLS");
  keys.choice("serve.mode", s.mode, {"single", "batch"},
              "single: each request at once; batch: gathers requests and answers them together");
  keys.count("serve.max_batch", s.max_batch, {1, 4096}, "examples at most that are gathered");
  keys.number("serve.max_delay_seconds", s.max_delay_seconds, {0, 10}, "seconds that a request waits for others");
  keys.count("serve.queue", s.queue, {1, 1e6}, "requests that may wait for a model; more are answered by 429");
  keys.count("serve.workers", s.workers, {1, 256}, "inferences of a model at a time");
  keys.count("serve.max_examples", s.max_examples, {1, 1e6}, "examples at most in one request");
  keys.count("serve.max_body_bytes", s.max_body_bytes, {1024, 1e12}, "bytes of a request at most");
  keys.count("serve.max_connections", s.max_connections, {1, 1e5},
             "connections at a time; they may hold serve.max_body_bytes each");
  keys.number("serve.request_seconds", s.request_seconds, {1, 3600},
              "seconds for a request to arrive, for an answer to be taken, and of silence on a connection");
  keys.path("serve.certificate", s.certificate, "PEM file of the server's certificate, with its chain; turns TLS on");
  keys.path("serve.key", s.key, "PEM file of the certificate's key");
}

void check(const ServeSettings& settings) {
  if (settings.certificate.empty() != settings.key.empty())
    fail(Error::Kind::Malformed, "serve.certificate and serve.key go together: give both or none");
  const auto [host, port] = http::parse_address(settings.listen, "serve.listen");
  if (settings.certificate.empty() && !http::is_loopback(host))
    fail(Error::Kind::Refused, "serve.listen = " + settings.listen +
                                   " is not loopback: set serve.certificate and serve.key, or listen on 127.0.0.1");
}

Service::Service(const ServeSettings& settings, const std::vector<std::string>& models)
    : work_(io_.get_executor()), predictor_(io_, lane_options(settings), settings.max_examples) {
  check(settings);
  for (const std::string& model : models) predictor_.declare(model);
  server_ = std::make_unique<http::Server>(
      io_, server_options(settings),
      [this](std::unique_ptr<http::Exchange>& exchange) { predictor_.handle(exchange); });
}

Service::~Service() {
  stop();
}

void Service::start() {
  for (unsigned i = 0; i < predictor_.threads(); ++i) threads_.emplace_back([this] { io_.run(); });
}

void Service::stop() {
  server_->stop();
  work_.reset();
  io_.stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace tributary::predictor
