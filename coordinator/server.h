// coordinator/server.h
//
// The coordinator's daemon without its sockets: sessions with participants, rounds, the global model. Channels come
// from whoever accepts them (listener.h, or a loopback in a simulation), so the same server runs on real and simulated
// time.
//
// Life: construct; serve() every channel (spawn each in a Gate); run() once, which ends when the rounds are over, the
// target is met, or stop() is called; then close the Gate. Everything on the runtime's network thread; checks, folds,
// encoding and evaluation go to its workers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>

#include "common/codec/edge_copy.h"
#include "common/model/graph.h"
#include "common/net/channel.h"
#include "common/net/runtime.h"
#include "coordinator/distiller.h"
#include "coordinator/evaluator.h"
#include "coordinator/round_record.h"
#include "coordinator/settings.h"
#include "coordinator/store/run_store.h"

namespace tributary::coordinator {

// What was made of a participant's update, or of its having sent none.
struct JudgedUpdate {
  std::string participant;
  std::uint64_t round = 0;
  bool accepted = false;
  std::string reason;          // why not
  std::uint64_t examples = 0;  // of an accepted one
};

// What the server tells its surroundings. Called on the network thread but where it says otherwise, in order of rounds.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void round_started(std::uint64_t round, std::size_t selected) { (void)round, (void)selected; }
  virtual void update_arrived(std::uint64_t round, std::size_t accepted, std::size_t goal) {
    (void)round, (void)accepted, (void)goal;
  }
  // Of sessions: `examples` as the participant says, 0 where it does not.
  virtual void participant_joined(const std::string& name, const std::string& address, std::uint64_t examples) {
    (void)name, (void)address, (void)examples;
  }
  virtual void participant_left(const std::string& name) { (void)name; }
  virtual void update_judged(const JudgedUpdate& judged) { (void)judged; }
  // A connection or a participant was refused, `kind` is one of few (limits.h).
  virtual void peer_refused(const std::string& kind) { (void)kind; }
  // The edge copy of every edge.file_every-th round, to be kept as a file. On a worker, beside the next round.
  virtual void edge_published(std::uint64_t round, codec::EdgeCopy edge) { (void)round, (void)edge; }
  // The record is complete, its evaluation included. Rounds of an earlier process are told of once only: the last of
  // them anew when its evaluation had not ended.
  virtual void round_finished(const RoundRecord& record) = 0;
};

// How a run ended, and with what.
struct Ending {
  std::string why;        // "10 rounds", "target reached: edge.accuracy 0.9702 >= 0.97", "interrupted"
  bool complete = false;  // rounds or target are reached; else the store's run can be gone on with
  std::uint64_t round = 0;
  model::ParameterSet global;
  codec::EdgeCopy edge;
};

class Server {
 public:
  // Begins the store's run, or goes on with it. `evaluator` may be null; `distiller` too where settings.distillation
  // asks for nothing. References must outlive the server. Throws
  // what encode_edge_copy throws of the initial model, and what recovery.h says.
  Server(net::Runtime& runtime, store::RunStore& store, const Settings& settings, const model::Graph& graph,
         Evaluator* evaluator, Observer& observer, Distiller* distiller = nullptr);
  ~Server();

  // One participant's session, from Hello to the end. Never throws: what a bad peer does costs only itself.
  asio::awaitable<void> serve(std::unique_ptr<net::Channel> channel);

  // The rounds, from where the store's run stands. The result holds the models of the last published round (of the
  // initial model when there was none). Throws what stopped the run: the store, which then holds all that was
  // acknowledged, or the evaluator.
  asio::awaitable<Ending> run();

  // Ends run() soon, with `why`; sessions get Goodbye when run() ends, and are told to come back after so many seconds
  // (0 = not at all). The store's run can be gone on with. Idempotent.
  void stop(const std::string& why, double retry_seconds = 0);
  // While paused no round begins; the one under way ends as it would. Network thread, as all here.
  void pause(bool paused);
  // Calls `write` with copies of the present models as soon as no round is being settled. On a worker.
  void checkpoint(std::function<void(Ending)> write);
  // Ends the sessions of participants that `keep` gives a reason against ("revoked").
  void drop_sessions(const std::function<std::string(const net::PeerIdentity&)>& keep);

  // Counts and logs that somebody was refused who is not served: `peer` is a name or an address without its port.
  void note_refusal(const std::string& kind, const std::string& peer, const std::string& what);

  std::vector<std::string> connected() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary::coordinator
