// coordinator/session.h
//
// One participant's connection: the greeting, a reader, and an outbox that writes beside it. It knows the protocol, but
// nothing of rounds: what arrives goes to a SessionHost, what the host wants said goes through the methods below. While
// the host judges an update, nothing more is read from that peer: that is its back-pressure.
//
// Life: construct; run() once, which ends with the line. The host hears of it joined() once, and left() once after
// that. Network thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <asio/awaitable.hpp>

#include "common/net/channel.h"
#include "common/net/runtime.h"
#include "coordinator/allowance.h"
#include "coordinator/broadcast.h"
#include "coordinator/limits.h"
#include "coordinator/outbox.h"
#include "coordinator/spool.h"

namespace tributary::coordinator {

class Session;

// How a session came to its end.
enum class Departure : std::uint8_t {
  Lost,      // the line was lost; the participant may be on its way back
  Left,      // the participant said Goodbye
  Expelled,  // it broke the protocol
  SentAway,  // the coordinator said Goodbye
};

class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // It has said Hello and was welcomed.
  virtual void joined(Session& session) = 0;
  // Nothing of it counts from now on.
  virtual void left(Session& session, Departure departure) = 0;
  virtual void declined(Session& session, const wire::Decline& decline) = 0;
  // An update is announced: where its bytes shall go, or nullptr when they are not wanted (the host has said why).
  virtual std::shared_ptr<Upload> announced(Session& session, const wire::Update& update) = 0;
  // Its bytes are complete. The session reads on when this ends.
  virtual asio::awaitable<void> arrived(Session& session, std::shared_ptr<Upload> upload) = 0;
  // It broke the protocol, greeted or not, and has been told to go.
  virtual void broke_protocol(Session& session, const std::string& how) = 0;
  // Its bytes could not be kept; the fault is ours.
  virtual void not_stored(Session& session, const Upload& upload, const std::string& why) = 0;
};

struct SessionTerms {
  std::string federation;  // name, for the participant's log
  std::string run;         // name of this run
  Duration ping{};         // longest silence of a side that is alive; three times that and the line is given up
  Limits limits = {};
};

class Session {
 public:
  // How long a peer may take to greet, and to end its direction after Goodbye.
  static constexpr Duration kGreeting = std::chrono::seconds(10);
  static constexpr Duration kLinger = std::chrono::seconds(5);

  // References must outlive run().
  Session(net::Runtime& runtime, std::unique_ptr<net::Channel> channel, const SessionTerms& terms, SessionHost& host);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Does not throw; why it ended is logged.
  asio::awaitable<void> run();

  const net::PeerIdentity& peer() const { return channel_->peer(); }
  const std::string& name() const { return peer().name; }
  net::Traffic traffic() const { return channel_->traffic(); }
  const wire::Hello& hello() const { return hello_; }
  // Blobs that it says it holds, and can take differences to, newest first.
  const std::vector<Digest>& held() const { return held_; }

  // Offers the difference to the first of held() that the broadcast has one for.
  void offer(const std::shared_ptr<const Broadcast>& broadcast, double deadline_seconds);
  void tell_verdict(const wire::Verdict& verdict);
  // Nothing to do for it now.
  void tell_wait(double seconds, const std::string& reason);
  // The update that arrived last is wanted once more, from its start. REQUIRES: within SessionHost::arrived() of it.
  void restart(std::shared_ptr<Upload> upload);
  // Also ends what is sent for that round, and ignores what is still on its way up.
  void close_round(std::uint64_t round, const std::string& reason);
  // The last words. What the peer sends from now on does not count; the line is cut after `linger` at the latest.
  void say_goodbye(const std::string& reason, double retry_seconds, Duration linger = kLinger);

 private:
  asio::awaitable<bool> greet();
  asio::awaitable<void> converse();
  asio::awaitable<void> drain();
  asio::awaitable<void> write();
  asio::awaitable<void> take_data(const wire::DataView& data);
  void leave(Departure departure);
  void begin_ending(Duration linger);

  // Throws Malformed when the peer has sent too many short messages.
  void count_message();
  asio::awaitable<void> take(const Bytes& payload);
  void on(const wire::Fetch& fetch);
  asio::awaitable<void> on(const wire::Update& update);
  // The announced bytes that are still to come are not wanted (any more).
  void ignore_upload();

  net::Runtime& runtime_;
  std::unique_ptr<net::Channel> channel_;
  const SessionTerms& terms_;
  SessionHost& host_;
  Outbox outbox_;
  Allowance allowance_;
  wire::Hello hello_;

  std::weak_ptr<const Broadcast> broadcast_;
  Digest model_, edge_;  // of the last offer
  std::optional<Digest> delta_;
  std::set<Digest> previous_;  // edge copy and difference of the one before: a Fetch may have crossed with RoundClosed
  std::vector<Digest> held_;

  std::shared_ptr<Upload> upload_;
  std::uint64_t missing_bytes_ = 0;    // of it
  std::uint64_t ignorable_bytes_ = 0;  // of an update that is not wanted (any more)

  bool present_ = false;  // joined, and not left
  bool ending_ = false;   // Goodbye was said, by either side
  std::unique_ptr<net::Runtime::Timer> linger_;
  std::string why_;
};

}  // namespace tributary::coordinator
