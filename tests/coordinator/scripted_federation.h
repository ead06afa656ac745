// tests/coordinator/scripted_federation.h
//
// A coordinator's server in simulated time, and participants that do what a test tells them, over loopback channels:
//
//   start({"alice", "bob"});                    // they join, the run begins
//   const auto offer = alice().expects<wire::Offer>();
//   alice().uploads(update("alice", offer));
//
//   alice().uploads(...); crashes(); open(); alice().joins(); begin_run();
//
// Nothing sleeps; expects() lets simulated time pass, up to kPatience.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/simulated_disk.h"
#include "common/codec/update.h"
#include "common/model/zoo.h"
#include "common/net/channel.h"
#include "common/net/simulated_runtime.h"
#include "common/wire/frame.h"
#include "coordinator/accumulator.h"
#include "coordinator/server.h"
#include "coordinator/server_optimizer.h"

namespace tributary::coordinator {

inline constexpr Duration kPatience = std::chrono::hours(1);

// One connection of a scripted participant.
struct Line {
  explicit Line(net::Runtime& runtime) : queued(runtime.io()), resumed(runtime.io()) {}

  std::unique_ptr<net::Channel> channel;
  std::deque<wire::Message> inbox;
  std::deque<Bytes> outgoing;
  net::Signal queued, resumed;
  bool closed = false;
  bool reads = true;    // false: lets everything pile up
  bool answers = true;  // false: no Pong
};

inline asio::awaitable<void> read_line(std::shared_ptr<Line> line) {
  try {
    for (;;) {
      while (!line->reads && !line->closed) co_await line->resumed.wait();
      const auto payload = co_await line->channel->receive(TimePoint::max());
      if (!payload) break;
      wire::Message message = wire::from_payload(*payload);
      if (const auto* ping = std::get_if<wire::Ping>(&message)) {
        if (line->answers) line->outgoing.push_back(wire::to_frame(wire::Pong{ping->number}));
        line->queued.notify();
        continue;
      }
      const bool last = std::holds_alternative<wire::Goodbye>(message);
      line->inbox.push_back(std::move(message));
      if (last) break;
    }
  } catch (const Error&) {
  }
  line->closed = true;
  line->queued.notify();
  line->channel->close();
}

inline asio::awaitable<void> write_line(std::shared_ptr<Line> line) {
  try {
    while (!line->closed) {
      if (line->outgoing.empty()) {
        co_await line->queued.wait();
        continue;
      }
      const Bytes frame = std::move(line->outgoing.front());
      line->outgoing.pop_front();
      co_await line->channel->send(frame, TimePoint::max());
    }
  } catch (const Error&) {
  }
}

// An update as it goes over the line.
struct ScriptedUpdate {
  wire::Update announcement;
  Bytes blob;
};

class ScriptedFederation;

class ScriptedParticipant {
 public:
  ScriptedParticipant(ScriptedFederation& federation, std::string name)
      : federation_(federation), name_(std::move(name)) {}

  // Opens a line (a further one: the older stays open) and greets.
  void joins();
  // The same, as one that takes differences to `held`.
  void joins_with(const std::vector<Digest>& held);
  void connects();
  void says(const wire::Message& message);
  void sends_raw(Bytes frame);
  // The line goes without a word.
  void loses_its_line();

  // The next message (but Ping), which must be a T.
  template <class T>
  T expects();
  // A Goodbye whose reason holds `words`, and then the end of the line.
  void expects_goodbye(const std::string& words);
  void expects_end_of_line();
  // Nothing was said to it, as far as can be said now.
  void expects_silence();

  // Fetches a blob from `offset` to its end.
  Bytes fetches(const Digest& blob, std::uint64_t bytes, std::uint64_t offset = 0);
  void announces(const ScriptedUpdate& update) { says(update.announcement); }
  // Chunks of 100 bytes.
  void sends_chunks(const ScriptedUpdate& update, std::size_t from = 0, std::size_t to = ~std::size_t{0});
  void uploads(const ScriptedUpdate& update);

  const std::string& name() const { return name_; }
  Line& line() { return *line_; }
  std::shared_ptr<Line> line_in_use() { return line_; }

 private:
  void greets(const wire::Hello& hello);

  ScriptedFederation& federation_;
  std::string name_;
  std::shared_ptr<Line> line_;
};

class ScriptedFederation : public testing::Test {
 protected:
  ScriptedFederation();
  ~ScriptedFederation() override;

  // Makes the server of settings_ (and evaluator_, distiller_), without a run.
  void open();
  // The named ones join, and the run begins.
  void start(const std::vector<std::string>& names);
  void begin_run();
  // The machine of the coordinator loses power; so much of what was not durable is lost. What was opened is gone, and
  // open() starts it again.
  void crashes(SimulatedDisk::Loss loss = SimulatedDisk::Loss::Everything);
  // Nothing that a round which has ended does not need is left.
  void expect_tidy_spool();
  ScriptedParticipant& participant(const std::string& name);

  // What `name` learnt, as asked by the offer: values that depend on the name and the round.
  ScriptedUpdate update(const std::string& name, const wire::Offer& offer, std::uint64_t examples = 10) const;
  // Digest of the model after the mean of these updates was applied to `before`.
  model::ParameterSet moved(const model::ParameterSet& before, const std::vector<ScriptedUpdate>& updates) const;
  Digest reference(const std::vector<ScriptedUpdate>& updates) const;

  // Everything that can happen now, happens; time stands still.
  void settle() { runtime_.run_to(clock_.now()); }
  void pass(double seconds) { runtime_.run_to(clock_.now() + from_seconds(seconds)); }
  // Lets time pass until round `round` has its record.
  RoundRecord record(std::uint64_t round);
  // Lets time pass until run() has ended.
  const Ending& ending();

  struct Observed final : Observer {
    void round_started(std::uint64_t round, std::size_t selected) override { started[round] = selected; }
    void edge_published(std::uint64_t round, codec::EdgeCopy edge) override { edges[round] = std::move(edge); }
    void round_finished(const RoundRecord& record) override { records.push_back(record); }
    std::map<std::uint64_t, codec::EdgeCopy> edges;
    std::map<std::uint64_t, std::size_t> started;
    std::vector<RoundRecord> records;
  };

  friend class ScriptedParticipant;
  asio::awaitable<void> run_server();
  asio::awaitable<void> serve(std::unique_ptr<net::Channel> channel);

  ManualClock clock_;
  net::SimulatedRuntime runtime_{clock_};
  net::Gate gate_{runtime_.io()};
  SimulatedDisk disk_;
  model::Graph graph_ = model::make_zoo_model("mlp:6-5-3", 7);
  Settings settings_;
  store::StoreOptions store_options_;
  Evaluator* evaluator_ = nullptr;
  Distiller* distiller_ = nullptr;
  Observed observed_;
  std::unique_ptr<store::RunStore> store_;
  std::unique_ptr<Server> server_;
  std::map<std::string, ScriptedParticipant> participants_;
  std::optional<Ending> ending_;
  std::string failure_;
};

template <class T>
T ScriptedParticipant::expects() {
  const std::shared_ptr<Line> line = line_;
  const TimePoint limit = federation_.clock_.now() + kPatience;
  federation_.runtime_.run_until(
      [&] { return !line->inbox.empty() || line->closed || federation_.clock_.now() > limit; });
  const std::string wanted(wire::name_of(wire::Message(T{})));
  if (line->inbox.empty()) {
    ADD_FAILURE() << name_ << " expected " << wanted << ", but " << (line->closed ? "the line ended" : "nothing came");
    return T{};
  }
  wire::Message message = std::move(line->inbox.front());
  line->inbox.pop_front();
  if (T* got = std::get_if<T>(&message)) return std::move(*got);
  ADD_FAILURE() << name_ << " expected " << wanted << " and got " << wire::name_of(message);
  return T{};
}

}  // namespace tributary::coordinator
