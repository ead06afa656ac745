// tests/participant/scripted_coordinator.h
//
// The language of the participant's tests: a federation whose coordinator follows a script, one script for each
// connection, over loopback channels and simulated time. One thread.
#pragma once

#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/codec/edge_copy.h"
#include "common/codec/edge_delta.h"
#include "common/codec/update.h"
#include "common/data/dataset.h"
#include "common/model/skeleton.h"
#include "common/model/zoo.h"
#include "common/net/channel.h"
#include "common/net/simulated_runtime.h"
#include "common/wire/frame.h"
#include "participant/agent.h"

namespace tributary::participant::testing {

inline const std::string kRun(32, 'a');

// What a coordinator publishes for a round: the model without values, and an edge copy.
struct Publication {
  explicit Publication(const std::string& model, std::uint64_t seed = 1)
      : graph(model::make_zoo_model(model, seed)),
        skeleton(model::pack_skeleton(graph)),
        edge(codec::encode_edge_copy(graph.parameters(), {}, {})) {}

  wire::Offer offer(std::uint64_t round, const std::string& encoding = "int8") const {
    wire::Offer offer;
    offer.round = round;
    offer.model = sha256(skeleton);
    offer.model_bytes = skeleton.size();
    offer.edge = sha256(edge.blob);
    offer.edge_bytes = edge.blob.size();
    offer.encoding = encoding;
    offer.seed = 7;
    offer.deadline_seconds = 600;
    offer.plan.loss = "cross_entropy";
    offer.plan.learning_rate = 0.1;
    offer.plan.batch_size = 4;
    offer.plan.epochs = 2;
    return offer;
  }
  // Its edge copy may also be had as the difference to that of `base`.
  wire::Offer offer_against(const Publication& base, std::uint64_t round) {
    const auto integers = [&](const Publication& p) { return codec::edge_integers(p.edge.blob, graph.layout()); };
    delta = codec::encode_edge_delta(integers(base), integers(*this), *graph.layout());
    wire::Offer made = offer(round);
    made.delta = wire::DeltaOffer{sha256(base.edge.blob), sha256(delta), delta.size()};
    return made;
  }
  const Bytes& blob(const Digest& digest) const {
    if (digest == sha256(skeleton)) return skeleton;
    return digest == sha256(edge.blob) ? edge.blob : delta;
  }

  model::Graph graph;
  Bytes skeleton;
  codec::EdgeCopy edge;
  Bytes delta;
};

// `count` examples of 4 features and 2 classes; another seed, other examples.
inline data::View some_examples(std::uint32_t count = 20, std::uint64_t seed = 1) {
  RandomStream random(seed, "examples");
  std::vector<float> features, labels;
  for (std::uint32_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<float>(i % 2));
    for (int j = 0; j < 4; ++j) features.push_back(static_cast<float>(random.normal() + (i % 2 == 0 ? 1 : -1)));
  }
  return data::whole(data::in_memory({4}, features, labels, 2));
}

// Messages from functions, because GCC 12 destroys aggregates written within a co_await twice.
inline wire::Message closed(std::uint64_t round) {
  return wire::RoundClosed{round, "enough updates"};
}
inline wire::Message verdict(std::uint64_t round, bool accepted = true) {
  return wire::Verdict{round, accepted, accepted ? "" : "norm_too_large"};
}
inline wire::Message piece(const Bytes& blob, std::size_t at, std::size_t size) {
  const auto bytes = ByteSpan(blob).subspan(at, size);
  return wire::Data{at, Bytes(bytes.begin(), bytes.end())};
}
inline wire::Message goodbye_for(double retry_seconds) {
  return wire::Goodbye{"restarting", retry_seconds};
}

// What came up from the participant.
struct Upload {
  wire::Update update;
  Bytes blob;
};
using Answer = std::variant<Upload, wire::Decline>;

// The coordinator's end of one connection.
class Talk {
 public:
  Talk(net::Runtime& runtime, std::unique_ptr<net::Channel> channel)
      : runtime_(runtime), channel_(std::move(channel)) {}

  asio::awaitable<void> send(wire::Message message) {
    const Bytes frame = wire::to_frame(message);
    co_await channel_->send(frame, TimePoint::max());
  }
  // The next message that is no ping.
  asio::awaitable<wire::Message> receive() {
    for (;;) {
      const auto payload = co_await channel_->receive(TimePoint::max());
      if (!payload) fail(Error::Kind::Disconnected, "the participant closed the line");
      wire::Message message = wire::from_payload(*payload);
      if (!std::holds_alternative<wire::Ping>(message)) co_return message;
      ++pings;
    }
  }
  asio::awaitable<wire::Hello> welcome(std::string run = kRun, double ping_seconds = 20) {
    const wire::Message hello = co_await receive();
    const wire::Welcome welcome{"orchard", run, ping_seconds};
    co_await send(welcome);
    co_return std::get<wire::Hello>(hello);
  }
  // Serves what is asked for until the participant answers the offer.
  asio::awaitable<Answer> answer_to(const Publication& published, wire::Offer offer) {
    co_await send(offer);
    for (;;) {
      const wire::Message message = co_await receive();
      if (const auto* fetch = std::get_if<wire::Fetch>(&message)) {
        fetched.push_back(*fetch);
        co_await send_blob(published.blob(fetch->blob), fetch->offset);
      } else if (const auto* update = std::get_if<wire::Update>(&message)) {
        Upload upload{*update, {}};
        while (upload.blob.size() < update->blob_bytes) {
          const wire::Message piece = co_await receive();
          const auto& data = std::get<wire::Data>(piece);
          EXPECT_EQ(data.offset, upload.blob.size());
          upload.blob.insert(upload.blob.end(), data.bytes.begin(), data.bytes.end());
        }
        co_return upload;
      } else {
        co_return std::get<wire::Decline>(message);
      }
    }
  }
  asio::awaitable<void> send_blob(const Bytes& blob, std::uint64_t offset = 0, std::size_t chunk = 100) {
    for (std::size_t at = offset; at < blob.size(); at += chunk)
      co_await send(piece(blob, at, std::min(chunk, blob.size() - at)));
  }
  // A whole round, accepted or refused.
  asio::awaitable<Upload> round(const Publication& published, wire::Offer offer, bool accepted = true) {
    const Answer answer = co_await answer_to(published, offer);
    if (!std::holds_alternative<Upload>(answer))
      fail(Error::Kind::Internal, "declined: " + std::get<wire::Decline>(answer).reason);
    co_await send(testing::verdict(offer.round, accepted));
    co_return std::get<Upload>(answer);
  }
  asio::awaitable<void> goodbye(double retry_seconds = 0, std::string reason = "the run is over") {
    const wire::Goodbye goodbye{reason, retry_seconds};
    co_await send(goodbye);
    co_await channel_->finish(runtime_.clock().now() + std::chrono::seconds(5));
  }
  void cut() { channel_.reset(); }
  net::Channel& channel() { return *channel_; }

  std::vector<wire::Fetch> fetched;
  int pings = 0;

 private:
  net::Runtime& runtime_;
  std::unique_ptr<net::Channel> channel_;
};

using Script = std::function<asio::awaitable<void>(Talk&)>;

// What an agent told its observer.
struct Diary final : AgentObserver {
  void disconnected(const std::string& reason, double retry_seconds) override {
    reasons.push_back(reason);
    pauses.push_back(retry_seconds);
  }
  void trained(const Trained& result) override { results.push_back(result); }
  void verdict(std::uint64_t, bool accepted, const std::string&) override { verdicts.push_back(accepted); }

  std::vector<std::string> reasons;
  std::vector<double> pauses;
  std::vector<Trained> results;
  std::vector<bool> verdicts;
};

// Examples, and what the agent said became of what was learnt from them.
class Orchard final : public ExampleSource {
 public:
  explicit Orchard(std::optional<data::View> view, std::vector<bool>* settled = nullptr)
      : view_(std::move(view)), settled_(settled) {}
  std::uint64_t size() const override { return view_ ? view_->size() : 0; }
  std::optional<data::View> examples(std::uint64_t) override { return view_; }
  void settled(std::uint64_t, bool accepted) override {
    if (settled_) settled_->push_back(accepted);
  }

 private:
  std::optional<data::View> view_;
  std::vector<bool>* settled_;
};

inline asio::awaitable<void> run_into(Agent& agent, std::optional<AgentEnd>& end) {
  end = co_await agent.run();
}

// One simulated process: a runtime, and participants whose coordinator follows scripts.
class ParticipantTest : public ::testing::Test {
 protected:
  // The script of the participant's next connection.
  void coordinator(Script script, const std::string& participant = "alice") {
    scripts_[participant].push_back(std::move(script));
  }
  // A connection that fails.
  void no_coordinator(Error::Kind kind = Error::Kind::Disconnected, const std::string& why = "nobody there") {
    scripts_["alice"].push_back([kind, why](Talk&) -> asio::awaitable<void> { throw Error(kind, why); });
    failing_.insert(scripts_["alice"].size() - 1);
  }

  AgentOptions options(const std::string& name = "alice") {
    AgentOptions options;
    options.name = name;
    options.max_retries = 1;  // a session that ends in disorder ends the test
    options.state = state;
    options.workshop = workshop;
    return options;
  }
  Agent& agent(AgentOptions options, std::unique_ptr<ExampleSource> source) {
    const std::string name = options.name;
    agents_.push_back(std::make_unique<Agent>(
        runtime, files, [this, name] { return connect(name); }, std::move(source), std::move(options), &diary));
    ends_.emplace_back();
    gate_.spawn("agent", run_into(*agents_.back(), ends_.back()));
    return *agents_.back();
  }
  // Runs everything to its end; how the first agent ended.
  AgentEnd run() {
    runtime.run();
    EXPECT_TRUE(ends_.front().has_value()) << "the agent never ended";
    EXPECT_EQ(gate_.running(), 0u);
    EXPECT_EQ(gate_.leaked_exceptions(), 0u);
    return ends_.front().value_or(AgentEnd{});
  }
  AgentEnd run_alice(std::optional<data::View> view = some_examples()) {
    agent(options(), std::make_unique<Orchard>(std::move(view), &settled));
    return run();
  }
  // Forgets the agents: the next ones are a new process. Files stay.
  void restart() {
    agents_.clear();
    ends_.clear();
    workshop = make_workshop();
  }

  ManualClock clock;
  net::SimulatedRuntime runtime{clock};
  RealFiles files;
  Path state;
  std::shared_ptr<Workshop> workshop = make_workshop();
  Diary diary;
  std::vector<bool> settled;
  std::vector<TimePoint> connections;

 private:
  static asio::awaitable<void> follow(Script script, std::unique_ptr<Talk> talk) {
    try {
      co_await script(*talk);
    } catch (const Error& e) {
      if (e.kind() == Error::Kind::Internal) ADD_FAILURE() << e.what();
    }
  }
  asio::awaitable<std::unique_ptr<net::Channel>> connect(std::string name) {
    connections.push_back(clock.now());
    const std::size_t number = followed_[name]++;
    if (number >= scripts_[name].size()) fail(Error::Kind::Disconnected, "the script is over");
    Script& script = scripts_[name][number];
    if (name == "alice" && failing_.contains(number)) {
      Talk nobody(runtime, nullptr);
      co_await script(nobody);
    }
    auto [theirs, ours] = net::loopback(runtime, {name, "1", "loopback"}, {"coordinator", "2", "loopback"});
    gate_.spawn("coordinator", follow(script, std::make_unique<Talk>(runtime, std::move(ours))));
    co_return std::move(theirs);
  }

  net::Gate gate_{runtime.io()};
  std::map<std::string, std::deque<Script>> scripts_;
  std::map<std::string, std::size_t> followed_;
  std::set<std::size_t> failing_;
  std::deque<std::unique_ptr<Agent>> agents_;
  std::deque<std::optional<AgentEnd>> ends_;
};

}  // namespace tributary::participant::testing
