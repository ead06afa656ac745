// participant/predictor/predictor.h
//
// Models over HTTP, by the Open Inference Protocol, version 2:
//   GET  /v2  /v2/health/live  /v2/health/ready  /v2/models/NAME  /v2/models/NAME/ready  /metrics
//   POST /v2/models/NAME/infer
// and the same under /v2/models/NAME/versions/VERSION, for the version in force. An answer names the version that gave
// it. Beyond the queue's bound a request is answered by 429 with Retry-After.
//
// Life: construct; declare() each model; install() their deployments, any time and again; the Handler of a Server.
// Any thread. The models must have been declared before the server runs.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include "common/http/server.h"
#include "participant/predictor/lane.h"

namespace tributary::predictor {

class Predictor {
 public:
  Predictor(asio::io_context& io, const LaneOptions& options, std::size_t max_examples)
      : io_(io), options_(options), max_examples_(max_examples) {}

  // Ready once it has a deployment. Throws Malformed for a name that is there already.
  void declare(const std::string& name);
  // REQUIRES: declared.
  void install(const std::string& name, DeploymentPtr deployment);
  DeploymentPtr current(const std::string& name) const;
  bool ready() const;
  // Threads that io needs.
  unsigned threads() const { return static_cast<unsigned>(lanes_.size()) * options_.slots + 1; }
  const LaneOptions& options() const { return options_; }

  void handle(std::unique_ptr<http::Exchange>& exchange);

 private:
  using Lanes = std::map<std::string, std::shared_ptr<Lane>, std::less<>>;
  http::Response look(const http::Request& request) const;
  http::Response describe(const std::string& name, const Deployment& deployment) const;
  void infer(std::unique_ptr<http::Exchange>& exchange, const std::string& name, Lane& lane,
             const DeploymentPtr& deployment) const;
  std::string metrics() const;

  asio::io_context& io_;
  LaneOptions options_;
  std::size_t max_examples_;
  Lanes lanes_;
};

}  // namespace tributary::predictor
