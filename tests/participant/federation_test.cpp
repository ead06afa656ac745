// The real server and real agents, in simulated time.
#include <filesystem>

#include <unistd.h>

#include "common/base/log.h"
#include "coordinator/server.h"
#include "tests/participant/scripted_coordinator.h"

namespace tributary::participant::testing {
namespace {

struct Records final : coordinator::Observer {
  void round_finished(const coordinator::RoundRecord& record) override { records.push_back(record); }
  std::vector<coordinator::RoundRecord> records;
};

// How the participants come.
struct Arrival {
  std::vector<std::string> order{"alice", "bob", "carol"};
  bool share_a_workshop = true;  // as in one process
  double seconds_apart = 0.0;
  std::string cut_once = {};  // loses its line in the middle of the first round
};

class FederationTest : public ::testing::Test {
 protected:
  FederationTest() {
    log::set_level(log::Level::Warning);
    scratch_ = std::filesystem::temp_directory_path() / ("tributary-federation-" + std::to_string(getpid()));
    settings_.federation = "orchard";
    settings_.model = "mlp:4-8-2";
    settings_.rounds = 4;
    settings_.round.participants = coordinator::Share::parse("3");
    settings_.training.loss = "cross_entropy";
    settings_.training.learning_rate = 0.1;
    settings_.training.batch_size = 4;
    settings_.training.epochs = 2;
  }
  ~FederationTest() override { std::filesystem::remove_all(scratch_); }

  // Holds a whole federation; the digest of the model that it made.
  std::string digest_of(const Arrival& arrival) {
    ManualClock clock;
    net::SimulatedRuntime runtime(clock);
    RealFiles files;
    Records records;
    const auto graph = model::make_zoo_model(settings_.model, settings_.seed);
    std::filesystem::remove_all(scratch_);
    coordinator::store::StoreOptions store_options;
    store_options.durability = Durability::Buffered;
    coordinator::store::RunStore store(files, scratch_, store_options);
    coordinator::Server server(runtime, store, settings_, graph, nullptr, records);
    net::Gate gate(runtime.io());
    const auto workshop = make_workshop();
    std::deque<std::unique_ptr<Agent>> agents;
    std::deque<std::optional<AgentEnd>> ends;
    std::vector<std::unique_ptr<net::Runtime::Timer>> timers;
    bool cut = arrival.cut_once.empty();
    std::optional<coordinator::Ending> ending;
    gate.spawn("server", run_server(server, ending));
    for (std::size_t i = 0; i < arrival.order.size(); ++i) {
      const std::string name = arrival.order[i];
      AgentOptions options;
      options.name = name;
      if (arrival.share_a_workshop) options.workshop = workshop;
      const Connector connect = [&, name] { return connect_to(server, runtime, gate, name, cut, arrival); };
      agents.push_back(std::make_unique<Agent>(
          runtime, files, connect,
          fixed_examples(some_examples(static_cast<std::uint32_t>(20 + name.size() * 4), name.size())), options));
      ends.emplace_back();
      const auto when = from_seconds(static_cast<double>(i) * arrival.seconds_apart);
      timers.push_back(runtime.at(clock.now() + when, [&gate, &agent = *agents.back(), &end = ends.back()] {
        gate.spawn("agent", run_into(agent, end));
      }));
    }
    runtime.run();
    EXPECT_EQ(gate.running(), 0u);
    EXPECT_TRUE(cut);
    for (const auto& end : ends) EXPECT_TRUE(end && end->orderly && end->rounds >= 3) << (end ? end->reason : "runs");
    EXPECT_EQ(records.records.size(), 4u);
    bytes_down_ = 0;
    for (const auto& record : records.records) bytes_down_ += record.bytes_down;
    return ending ? model::digest_of(ending->global).hex() : "no ending";
  }

  coordinator::Settings settings_;
  std::uint64_t bytes_down_ = 0;  // in all rounds of the last federation

 private:
  static asio::awaitable<void> run_server(coordinator::Server& server, std::optional<coordinator::Ending>& ending) {
    ending = co_await server.run();
  }
  static asio::awaitable<std::unique_ptr<net::Channel>> connect_to(coordinator::Server& server, net::Runtime& runtime,
                                                                   net::Gate& gate, std::string name, bool& cut,
                                                                   const Arrival& arrival);
  Path scratch_;
};

// A line that breaks at the first Data that comes down.
class FragileLine final : public net::Channel {
 public:
  FragileLine(std::unique_ptr<net::Channel> line, bool& cut) : line_(std::move(line)), cut_(cut) {}
  const net::PeerIdentity& peer() const override { return line_->peer(); }
  net::Traffic traffic() const override { return line_->traffic(); }
  asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) override { return line_->send(frame, deadline); }
  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) override {
    auto payload = co_await line_->receive(deadline);
    if (payload && wire::view_data(*payload)) {
      cut_ = true;
      line_->close();
      fail(Error::Kind::Disconnected, "the line broke");
    }
    co_return payload;
  }
  void close() override { line_->close(); }

 private:
  std::unique_ptr<net::Channel> line_;
  bool& cut_;
};

asio::awaitable<std::unique_ptr<net::Channel>> FederationTest::connect_to(coordinator::Server& server,
                                                                          net::Runtime& runtime, net::Gate& gate,
                                                                          std::string name, bool& cut,
                                                                          const Arrival& arrival) {
  auto [mine, theirs] = net::loopback(runtime, {name, "1", name}, {"coordinator", "2", "here"});
  gate.spawn("session", server.serve(std::move(theirs)));
  if (!cut && name == arrival.cut_once) co_return std::make_unique<FragileLine>(std::move(mine), cut);
  co_return std::move(mine);
}

TEST_F(FederationTest, TheModelDoesNotDependOnOrderTimingOrWhoSharesAProcess) {
  const std::string digest = digest_of({});
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(digest_of({}), digest) << "again";
  EXPECT_EQ(digest_of({.order = {"carol", "alice", "bob"}}), digest) << "another order";
  EXPECT_EQ(digest_of({.share_a_workshop = false}), digest) << "a process each";
  EXPECT_EQ(digest_of({.order = {"bob", "carol", "alice"}, .share_a_workshop = false, .seconds_apart = 3}), digest)
      << "one after the other";
}

TEST_F(FederationTest, ALineLostInARoundDoesNotChangeTheModelWhenTheParticipantIsSoonBack) {
  const std::string digest = digest_of({});
  EXPECT_EQ(digest_of({.cut_once = "bob"}), digest);
}

// Large and slow enough for differences to be sent.
TEST_F(FederationTest, DifferencesBetweenEdgeCopiesChangeTheTrafficAndNotTheModel) {
  settings_.model = "mlp:4-100-100-2";
  settings_.training.learning_rate = 0.001;
  settings_.edge.history = 0;
  const std::string digest = digest_of({.share_a_workshop = false});
  const std::uint64_t whole = bytes_down_;
  settings_.edge.history = 4;
  EXPECT_EQ(digest_of({.share_a_workshop = false}), digest);
  EXPECT_LT(static_cast<double>(bytes_down_), 0.8 * static_cast<double>(whole));
  EXPECT_EQ(digest_of({}), digest) << "one process";
  EXPECT_LT(static_cast<double>(bytes_down_), 0.8 * static_cast<double>(whole));
  EXPECT_EQ(digest_of({.share_a_workshop = false, .cut_once = "bob"}), digest) << "a line is lost";
}

TEST_F(FederationTest, TheSeedAndTheParticipantsDoChangeTheModel) {
  const std::string digest = digest_of({});
  EXPECT_NE(digest_of({.order = {"alice", "bob", "dave"}}), digest);
  settings_.seed = 2;
  EXPECT_NE(digest_of({}), digest);
}

}  // namespace
}  // namespace tributary::participant::testing
