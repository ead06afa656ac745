// participant/session.h
//
// One session with the coordinator, from Hello to the lost line or the goodbye. Three coroutines: the reader, which
// judges and dispatches what arrives; the worker, which takes part in one offer after the other; the outbox, which
// keeps the line alive. A newer offer, RoundClosed or the end of the session stops the work at its next step.
//
// Nothing that the coordinator sends is believed: sizes are compared with the own limits before bytes are accepted,
// blobs with their digests, plans with their ranges. What breaks the protocol ends the session; what merely cannot be
// done is declined.
//
// Life: construct on a channel; run() once. Belongs to the network thread; training goes to the runtime's workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <asio/awaitable.hpp>

#include "common/net/channel.h"
#include "common/net/runtime.h"
#include "common/wire/messages.h"
#include "participant/agent.h"
#include "participant/assignment.h"
#include "participant/download.h"
#include "participant/local_training.h"
#include "participant/outbox.h"
#include "participant/pending_store.h"
#include "participant/residual_store.h"
#include "participant/workshop.h"

namespace tributary::participant {

// What an agent lends to its sessions, one after the other. Everything outlives the session.
struct Belongings {
  net::Runtime& runtime;
  ExampleSource& source;
  ResidualStore& residuals;
  PendingStore& pending;
  Workshop& workshop;
  const AgentOptions& options;
  AgentObserver& observer;
  // The model offered last; no session needs to fetch it again.
  Digest model;
  SharedBlob skeleton;
  // The edge copy of the last update, to which the coordinator may send a difference. None of float32 is kept.
  struct KeptCopy {
    Digest digest;
    SharedBlob blob;
  };
  std::optional<KeptCopy> edge;
  // What a lost line or a closed round left half-way: asked for from there on if it is offered again.
  std::optional<Download> partial;
  // Round of which the source of examples has not heard yet how it ended.
  std::optional<std::uint64_t> unsettled;
};

struct SessionEnd {
  enum class How : std::uint8_t {
    Lost,     // line lost, silence, or a peer that breaks the protocol: connect again
    Goodbye,  // of the coordinator; come back after retry_seconds, 0 = never
    Stopped,  // by stop()
    Broken,   // the participant's own state is damaged or cannot be written: do not go on
  };
  How how = How::Lost;
  std::string reason;
  double retry_seconds = 0;
  std::uint64_t verdicts = 0, accepted = 0;
};

class Session {
 public:
  Session(Belongings& belongings, std::unique_ptr<net::Channel> channel);

  // Does not throw. REQUIRES: the session lives until it ends.
  asio::awaitable<SessionEnd> run();
  // Says goodbye and ends run() soon. Idempotent.
  void stop();

 private:
  // An offer that is being worked on, or is next.
  struct Job {
    explicit Job(wire::Offer the_offer) : offer(std::move(the_offer)) {}
    wire::Offer offer;
    std::atomic<bool> stopped = false;  // also asked by the worker thread
    bool late = false;
    bool sent = false;  // the whole update
    std::unique_ptr<net::Runtime::Timer> deadline;
  };
  // What became of it.
  struct Outcome {
    bool accepted = false;
    std::string decline;  // empty: nothing to say
  };
  // An update on its way to its verdict.
  struct Delivery {
    std::uint64_t round = 0;
    bool awaits = false;  // nothing is sent before the coordinator says from where on
    bool sent = false;    // to its end
    bool closed = false;  // its round is over for us
    std::optional<std::uint64_t> proceed;
    std::optional<wire::Verdict> verdict;
  };

  asio::awaitable<void> greet();
  asio::awaitable<void> listen();
  void take_data(std::uint64_t offset, ByteSpan bytes);
  void take_rest(std::uint64_t offset, ByteSpan bytes);
  void dispatch(wire::Message message);
  void on(wire::Offer offer);
  void on(const wire::RoundClosed& closed);
  void on(const wire::Verdict& verdict);
  void on(const wire::Proceed& proceed);
  void on(const wire::Wait& wait);
  void on(const wire::Goodbye& goodbye);
  void end(SessionEnd::How how, const std::string& reason, double retry_seconds = 0);

  asio::awaitable<void> work();
  asio::awaitable<void> take_part(Job& job);
  asio::awaitable<Outcome> attempt(Job& job, const Assignment& assignment, std::optional<data::View>& view);
  asio::awaitable<Outcome> learn_and_send(Job& job, const Assignment& assignment, const data::View& view);
  asio::awaitable<SharedBlob> fetch(Job& job, BlobName blob);
  asio::awaitable<bool> fetch_model(Job& job, BlobName blob);
  asio::awaitable<SharedBlob> fetch_edge(Job& job, const Assignment& assignment);
  asio::awaitable<SharedBlob> rebuild_edge(const Assignment& assignment, SharedBlob difference);
  asio::awaitable<Learnt> learn(Job& job, const Assignment& assignment, const data::View& view, SharedBlob edge,
                                ResidualKey& key);
  asio::awaitable<void> pretend_to_train(Job& job, double seconds);
  asio::awaitable<void> keep_pending(const Assignment& assignment, const data::View& view, ResidualKey key,
                                     Learnt& learnt);
  asio::awaitable<void> deliver(Job* job, bool awaits);
  bool is_delivering(const Job* job) const;
  asio::awaitable<void> send_from(Job* job, std::uint64_t offset);
  asio::awaitable<void> deliver_pending();
  asio::awaitable<bool> conclude();
  asio::awaitable<void> settle(std::uint64_t round, bool accepted);
  void abandon_download();
  TimePoint now() const { return mine_.runtime.clock().now(); }

  Belongings& mine_;
  std::unique_ptr<net::Channel> channel_;
  Outbox outbox_;
  net::Gate gate_;
  net::Signal changed_;  // the worker has something to look at
  std::string run_;
  std::optional<SessionEnd> end_;
  bool leaving_ = false;  // our goodbye is on its way; the line ends when the coordinator has it
  std::uint64_t verdicts_ = 0, accepted_ = 0;
  std::unique_ptr<Job> current_, next_;
  std::optional<Delivery> delivery_;
  bool downloading_ = false;  // mine_.partial is being filled
  // Rest of a blob given up, which may still be on its way.
  struct Rest {
    std::uint64_t next = 0, end = 0;
  };
  std::optional<Rest> rest_;
};

}  // namespace tributary::participant
