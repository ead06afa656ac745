#include <atomic>
#include <future>

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <gmock/gmock.h>

#include "tests/participant/scripted_coordinator.h"

namespace tributary::participant::testing {
namespace {

// Examples whose second batch is read only when the test says so: what happens during training happens in order.
class HeldUp final : public data::Dataset {
 public:
  explicit HeldUp(data::DatasetPtr dataset) : dataset_(std::move(dataset)) {}
  std::uint32_t size() const override { return dataset_->size(); }
  std::span<const std::int64_t> feature_shape() const override { return dataset_->feature_shape(); }
  std::size_t feature_size() const override { return dataset_->feature_size(); }
  std::size_t label_size() const override { return dataset_->label_size(); }
  std::uint32_t classes() const override { return dataset_->classes(); }
  std::uint32_t label_of(std::uint32_t i) const override { return dataset_->label_of(i); }
  void read(std::span<const std::uint32_t> indices, std::span<float> features, std::span<float> labels) const override {
    if (++reads == 2) {
      training.set_value();
      go_on.get_future().wait();
    }
    dataset_->read(indices, features, labels);
  }

  mutable std::atomic<int> reads = 0;
  mutable std::promise<void> training, go_on;

 private:
  data::DatasetPtr dataset_;
};

// Training on a real worker thread, while the network thread goes on.
class WorkerTest : public ::testing::Test {
 protected:
  // Runs alice against `script`; the script begins to interfere when training is under way.
  AgentEnd run(std::function<asio::awaitable<void>(Talk&)> script) {
    auto [theirs, ours] = net::loopback(*runtime, {"alice", "1", "loopback"}, {"coordinator", "2", "loopback"});
    Talk talk(*runtime, std::move(ours));
    const auto connect = [&theirs = theirs]() -> asio::awaitable<std::unique_ptr<net::Channel>> {
      co_return std::move(theirs);
    };
    AgentOptions options;
    options.name = "alice";
    Agent alice(*runtime, files, connect, fixed_examples(data::whole(examples)), options);
    agent = &alice;
    net::Gate gate(runtime->io());
    std::optional<AgentEnd> end;
    gate.spawn("agent", run_into(alice, end));
    gate.spawn("coordinator", script(talk));
    runtime->io().run();
    return end.value_or(AgentEnd{});
  }
  asio::awaitable<void> begin_training(Talk& talk) {
    co_await talk.welcome();
    wire::Offer offer = published.offer(1);
    offer.plan.epochs = 1000;
    co_await talk.send(offer);
    for (int blobs = 0; blobs < 2; ++blobs) {
      const wire::Message message = co_await talk.receive();
      co_await talk.send_blob(published.blob(std::get<wire::Fetch>(message).blob));
    }
    // The network thread has nothing else to do meanwhile: everything that the script sent has arrived.
    auto under_way = examples->training.get_future();
    while (under_way.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      co_await asio::post(runtime->io(), asio::use_awaitable);
  }
  // Whatever was sent before has been looked at when this returns.
  static asio::awaitable<void> ping_and_pong(Talk& talk) {
    co_await talk.send(wire::Ping{1});
    const wire::Message pong = co_await talk.receive();
    EXPECT_TRUE(std::holds_alternative<wire::Pong>(pong));
  }

  SystemClock clock;
  std::unique_ptr<net::Runtime> runtime = net::make_runtime(clock, 1);
  RealFiles files;
  Publication published{"linear:4-2"};
  std::shared_ptr<HeldUp> examples = std::make_shared<HeldUp>(some_examples().dataset);
  Agent* agent = nullptr;
};

TEST_F(WorkerTest, RoundClosedStopsTheTrainingAtItsNextStep) {
  const AgentEnd end = run([this](Talk& talk) -> asio::awaitable<void> {
    co_await begin_training(talk);
    co_await talk.send(closed(1));
    co_await ping_and_pong(talk);
    examples->go_on.set_value();
    co_await talk.round(published, published.offer(2));
    co_await talk.goodbye();
  });
  EXPECT_TRUE(end.orderly);
  EXPECT_EQ(end.rounds, 1u);
  EXPECT_EQ(examples->reads, 2 + 10);  // two steps, then round 2: two passes of five batches
}

TEST_F(WorkerTest, ANewerOfferStopsTheTrainingOfTheOlder) {
  const AgentEnd end = run([this](Talk& talk) -> asio::awaitable<void> {
    co_await begin_training(talk);
    co_await talk.send(published.offer(2));
    co_await ping_and_pong(talk);
    examples->go_on.set_value();
    wire::Message fetch = co_await talk.receive();
    co_await talk.send_blob(published.blob(std::get<wire::Fetch>(fetch).blob));
    const wire::Message update = co_await talk.receive();
    EXPECT_EQ(std::get<wire::Update>(update).round, 2u);
    co_await talk.goodbye();
  });
  EXPECT_TRUE(end.orderly);
  EXPECT_EQ(examples->reads, 2 + 10);
}

TEST_F(WorkerTest, StopEndsTheTrainingAtItsNextStep) {
  const AgentEnd end = run([this](Talk& talk) -> asio::awaitable<void> {
    co_await begin_training(talk);
    agent->stop();
    examples->go_on.set_value();
    const wire::Message last = co_await talk.receive();
    EXPECT_TRUE(std::holds_alternative<wire::Goodbye>(last));
  });
  EXPECT_TRUE(end.orderly);
  EXPECT_EQ(end.rounds, 0u);
  EXPECT_EQ(examples->reads, 2);
}

TEST_F(WorkerTest, ALostLineStopsTheTrainingAtItsNextStep) {
  const AgentEnd end = run([this](Talk& talk) -> asio::awaitable<void> {
    co_await begin_training(talk);
    talk.cut();
    co_await asio::post(runtime->io(), asio::use_awaitable);
    agent->stop();
    examples->go_on.set_value();
  });
  EXPECT_TRUE(end.orderly);
  EXPECT_EQ(examples->reads, 2);
}

}  // namespace
}  // namespace tributary::participant::testing
