#include "participant/predictor/lane.h"

#include <atomic>
#include <cstring>
#include <future>
#include <thread>

#include <asio/executor_work_guard.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/predictor/models.h"

namespace tributary::predictor {
namespace {

using testing::constant_model;
using testing::noise;

class LaneTest : public ::testing::Test {
 protected:
  struct Answer {
    std::string version;
    std::vector<float> values;
    bool failed = false;
  };

  void open(const LaneOptions& options, unsigned threads) {
    lane_ = std::make_shared<Lane>(io_, options);
    work_.emplace(io_.get_executor());
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  void close() {
    work_.reset();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  ~LaneTest() override { close(); }

  // False when it was refused.
  bool ask(std::vector<float> features, std::size_t examples, std::function<void(Answer)> done) {
    Job job;
    job.engine = lane_->current()->engine;
    job.features = std::move(features);
    job.examples = examples;
    job.done = [done = std::move(done)](const Prediction& p) {
      done({p.failure ? "" : p.deployment->version, {p.values.begin(), p.values.end()}, p.failure != nullptr});
    };
    return lane_->submit(job);
  }

  asio::io_context io_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::shared_ptr<Lane> lane_;
  std::vector<std::thread> threads_;
};

TEST_F(LaneTest, AFreeInferenceAnswersAtOnceOnTheCallersThread) {
  open({}, 0);
  lane_->install(deploy(constant_model(2), "5", 1, 1));
  std::optional<Answer> answer;
  EXPECT_TRUE(ask({1, 2, 3}, 1, [&](Answer a) { answer = std::move(a); }));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->version, "5");
  EXPECT_EQ(answer->values, (std::vector<float>{14, 14}));
}

TEST_F(LaneTest, GatheredAnswersHaveTheBitsOfSingleOnes) {
  for (const char* name : {"2nn", "cnn", "mlp:784-33-17-10"}) {
    SCOPED_TRACE(name);
    const auto deployment = deploy(model::make_zoo_model(name, 3), "1", 1, 16);
    for (std::size_t batch : {2u, 3u, 7u, 16u}) {
      const auto features = noise(784 * batch, batch);
      const auto together = deployment->engine->predict(deployment->values, features, batch);
      const std::size_t row = together.values.size() / batch;
      for (std::size_t i = 0; i < batch; ++i) {
        const auto alone =
            deployment->engine->predict(deployment->values, std::span(features).subspan(i * 784, 784), 1);
        EXPECT_EQ(std::memcmp(alone.values.data(), together.values.data() + i * row, row * sizeof(float)), 0)
            << "row " << i << " of " << batch;
      }
    }
  }
}

TEST_F(LaneTest, ABatchIsFullOrItsFirstHasWaitedLongEnough) {
  open({.batch = true, .max_batch = 4, .max_delay = std::chrono::milliseconds(20)}, 0);
  lane_->install(deploy(constant_model(1), "1", 1, 4));
  int answered = 0;
  for (int i = 0; i < 3; ++i) ask({1, 1, 1}, 1, [&](const Answer&) { ++answered; });
  EXPECT_EQ(answered, 0);
  ask({1, 1, 1}, 1, [&](const Answer&) { ++answered; });
  EXPECT_EQ(answered, 4) << "full";
  ask({1, 1, 1}, 1, [&](const Answer&) { ++answered; });
  EXPECT_EQ(answered, 4);
  work_.reset();
  io_.run();
  EXPECT_EQ(answered, 5) << "after the delay";
  EXPECT_EQ(lane_->counts().batches, 2u);
}

TEST_F(LaneTest, BeyondTheBoundRequestsAreRefusedAndTheRestAnswered) {
  open({.batch = true, .max_batch = 1000, .max_delay = std::chrono::milliseconds(20), .max_waiting = 10}, 0);
  lane_->install(deploy(constant_model(1), "1", 1, 1));
  int answered = 0, refused = 0;
  for (int i = 0; i < 25; ++i) refused += ask({1, 1, 1}, 1, [&](const Answer&) { ++answered; }) ? 0 : 1;
  EXPECT_EQ(refused, 15);
  work_.reset();
  io_.run();
  EXPECT_EQ(answered, 10);
  EXPECT_EQ(lane_->counts().refused, 15u);
}

// The weights say which version they are, so that an answer of two models would show.
TEST_F(LaneTest, AThousandSwapsUnderLoadDropAndMixNothing) {
  constexpr int kSwaps = 1000;
  for (const bool batch : {false, true}) {
    SCOPED_TRACE(batch ? "batch" : "single");
    open({.batch = batch, .max_batch = 4, .max_delay = std::chrono::microseconds(100)}, 2);
    const auto first = deploy(constant_model(0), "0", 1, 4);
    lane_->install(first);
    std::atomic<bool> over = false;
    std::atomic<std::uint64_t> asked = 0, answered = 0, wrong = 0;
    const auto keep_asking = [&] {
      while (!over) {
        ++asked;
        std::promise<void> done;
        const bool taken = ask({1, 0, 0, 1, 0, 0}, 2, [&](const Answer& answer) {
          const float expected = 2 * std::stof(answer.version);
          if (answer.values != std::vector<float>(4, expected)) ++wrong;
          ++answered;
          done.set_value();
        });
        ASSERT_TRUE(taken);
        done.get_future().get();
      }
    };
    std::thread one(keep_asking), two(keep_asking);
    for (int i = 1; i <= kSwaps; ++i) {
      auto next = std::make_shared<Deployment>(*first);
      next->version = std::to_string(i);
      for (float& value : next->values.values()) value = static_cast<float>(i);
      lane_->install(next);
      const std::uint64_t before = answered;
      while (i % 10 == 0 && answered == before) std::this_thread::yield();  // answers fall between swaps
    }
    over = true;
    one.join();
    two.join();
    EXPECT_EQ(asked, answered) << "none is dropped";
    EXPECT_EQ(wrong, 0u) << "none is of two models";
    EXPECT_GE(answered, 100u);
    EXPECT_EQ(lane_->counts().swaps, static_cast<std::uint64_t>(kSwaps));
    close();
    io_.restart();
  }
}

TEST_F(LaneTest, ARequestForAModelOfAnotherMakeIsToldToComeAgain) {
  open({.batch = true, .max_batch = 8, .max_delay = std::chrono::milliseconds(5)}, 0);
  lane_->install(deploy(constant_model(1), "1", 1, 1));
  Answer answer;
  ask({1, 2, 3}, 1, [&](Answer a) { answer = std::move(a); });
  lane_->install(deploy(model::make_zoo_model("linear:5-2", 1), "2", 1, 1));
  work_.reset();
  io_.run();
  EXPECT_TRUE(answer.failed);
}

}  // namespace
}  // namespace tributary::predictor
