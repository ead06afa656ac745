// participant/predictor/service.h
//
// A predictor behind an HTTP server on threads of its own: `tributary-participant serve`, and beside the agents of
// `run --serve`. Keys are "serve.*".
//
// Life: construct (listens); start(); install as models come; stop() or destruction, which lets requests under way end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include "common/http/server.h"
#include "common/options/keys.h"
#include "participant/predictor/predictor.h"

namespace tributary::predictor {

struct ServeSettings {
  std::string listen = "127.0.0.1:8080";  // serve.listen
  std::string mode = "single";            // serve.mode: "single" or "batch"
  std::uint32_t max_batch = 32;           // serve.max_batch: examples
  double max_delay_seconds = 0.002;       // serve.max_delay_seconds
  std::uint32_t queue = 256;              // serve.queue: requests that may wait for a model
  std::uint32_t workers = 1;              // serve.workers: inferences at a time, of each model
  std::uint32_t max_examples = 1024;      // serve.max_examples: of one request
  std::uint64_t max_body_bytes = 16u << 20;
  std::uint32_t max_connections = 256;
  double request_seconds = 30;
  Path certificate, key;  // PEM; both or none
};

void bind(options::Keys& keys, ServeSettings& settings);
// Throws Malformed: half of a TLS identity; Refused: an address that is not loopback without one.
void check(const ServeSettings& settings);

class Service {
 public:
  // Throws what check() and http::Server throw.
  Service(const ServeSettings& settings, const std::vector<std::string>& models);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void start();
  Predictor& predictor() { return predictor_; }
  unsigned slots() const { return predictor_.options().slots; }
  std::size_t max_batch() const { return predictor_.options().batch ? predictor_.options().max_batch : 1; }
  std::string address() const { return server_->address(); }
  void reload_tls() { server_->reload_tls(); }
  // Idempotent.
  void stop();

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  Predictor predictor_;
  std::unique_ptr<http::Server> server_;
  std::vector<std::thread> threads_;
};

}  // namespace tributary::predictor
