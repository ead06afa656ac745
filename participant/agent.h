// participant/agent.h
//
// A participant as a library: give it a way to the coordinator and a source of private examples, and run it. It
// connects, takes offers, trains on the edge copy, returns the encoded difference, and reconnects with jittered
// back-off. Examples never leave the process. LibTorch stays out of this header.
//
// Life: construct; run() once (spawn it in a Gate); it ends when the coordinator says that the federation is over, when
// the participant is refused for good, or after stop(). Many agents may share one Runtime: each has its own session and
// source; training runs on the runtime's workers. What an agent learns depends on its name, its examples and what it is
// offered, never on who shares the process with it.
//
// example/own_data.cpp is a whole program: a data source of one's own that joins a federation.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <asio/awaitable.hpp>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/data/dataset.h"
#include "common/net/channel.h"
#include "common/net/pki.h"
#include "common/net/runtime.h"

namespace tributary::participant {

// Where an agent's examples come from. Called on a worker thread, one call at a time for each source.
class ExampleSource {
 public:
  virtual ~ExampleSource() = default;
  // How many there are now, a hint for the coordinator; 0 = unknown.
  virtual std::uint64_t size() const = 0;
  // What to learn from in this round; nullopt or an empty view: nothing, the offer is declined.
  virtual std::optional<data::View> examples(std::uint64_t round) = 0;
  // The update learnt from the examples of `round` was accepted, or was not and will not be.
  virtual void settled(std::uint64_t round, bool accepted) { (void)round, (void)accepted; }
};

// The same examples every round.
std::unique_ptr<ExampleSource> fixed_examples(data::View view);

// Opens a session. `connect_with` makes the TLS one; simulations give a loopback's end.
using Connector = std::function<asio::awaitable<std::unique_ptr<net::Channel>>()>;
// host and port of the bundle unless `server` ("host:port") is given. Throws Malformed for a bad bundle or server.
Connector connect_with(net::Runtime& runtime, const net::Bundle& bundle, const std::string& server = "");

// What the agents of a process share so that a hundred cost little more than one: compiled models (one for each worker
// that trains) and blobs on their way. Give all of them the same; any thread.
class Workshop;
std::shared_ptr<Workshop> make_workshop();

struct AgentOptions {
  std::string name;               // of the participant; keys its random streams
  double retry_seconds = 1;       // first pause after a lost line; doubled each time, jittered down to its half
  double max_retry_seconds = 60;  // longest pause
  std::uint32_t max_retries = 0;  // give up after so many failures in a row; 0 = never
  Path state;                     // folder for what must survive a restart (residuals: a model's size); empty = memory
  std::uint64_t max_model_bytes = std::uint64_t{4} << 30;  // of a model or edge copy offered; more is declined
  std::shared_ptr<Workshop> workshop = nullptr;            // null = one of its own
  // For simulated time, in which work takes none: training takes so long on the runtime's clock as it would at this
  // pace, and is reported so. 0 = what it takes.
  double simulated_examples_per_second = 0;
};

// An edge copy that an agent has received, whole and checked against its digest.
struct ReceivedCopy {
  std::uint64_t made_by = 0;  // the round after which the model stood so; 0 = before the first
  Digest model;
  std::shared_ptr<const Bytes> skeleton;  // the graph without its values (model/skeleton.h)
  Digest digest;
  std::shared_ptr<const Bytes> blob;  // codec/edge_copy.h
};

// What a user may want to see. Called on the network thread.
class AgentObserver {
 public:
  virtual ~AgentObserver() = default;
  virtual void connected(const std::string& federation) { (void)federation; }
  virtual void offered(std::uint64_t round) { (void)round; }
  // Before it is trained from. Keeps its memory for as long as it is held.
  virtual void received(const ReceivedCopy& copy) { (void)copy; }
  struct Trained {
    std::uint64_t round = 0, examples = 0, update_bytes = 0;
    double loss = 0, accuracy = 0, seconds = 0;
  };
  virtual void trained(const Trained& result) { (void)result; }
  virtual void verdict(std::uint64_t round, bool accepted, const std::string& reason) {
    (void)round, (void)accepted, (void)reason;
  }
  virtual void disconnected(const std::string& reason, double retry_seconds) { (void)reason, (void)retry_seconds; }
};

// Why run() ended.
struct AgentEnd {
  bool orderly = false;  // the coordinator said goodbye for good, or stop()
  std::string reason;
  std::uint64_t rounds = 0;  // updates accepted
};

class Agent {
 public:
  // References must outlive the agent; `observer` may be null. Throws Malformed for a name that no certificate has.
  Agent(net::Runtime& runtime, Files& files, Connector connect, std::unique_ptr<ExampleSource> source,
        AgentOptions options, AgentObserver* observer = nullptr);
  ~Agent();

  // Does not throw. Ends in disorder when the participant is refused for good, after options.max_retries failures in a
  // row, or when its own state (options.state) cannot be read or written. REQUIRES: the agent lives until it ends.
  asio::awaitable<AgentEnd> run();
  // Ends run() soon: training stops at its next step, a connection being made is waited for. Idempotent; network
  // thread.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary::participant
