#include <gmock/gmock.h>

#include "participant/backoff.h"
#include "tests/participant/scripted_coordinator.h"

namespace tributary::participant::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReconnectTest : public ParticipantTest {
 protected:
  AgentOptions stubborn(std::uint32_t max_retries = 0) {
    AgentOptions result = options();
    result.retry_seconds = 1;
    result.max_retry_seconds = 8;
    result.max_retries = max_retries;
    return result;
  }
  AgentEnd run(AgentOptions with) {
    agent(std::move(with), fixed_examples(some_examples()));
    return ParticipantTest::run();
  }
  static Script goodbye(double retry_seconds) {
    return [retry_seconds](Talk& talk) -> asio::awaitable<void> {
      co_await talk.welcome();
      co_await talk.goodbye(retry_seconds, retry_seconds > 0 ? "later" : "over");
    };
  }
  static Script cut() {
    return [](Talk& talk) -> asio::awaitable<void> {
      co_await talk.welcome();
      talk.cut();
    };
  }
  // Seconds between connections.
  std::vector<double> gaps() const {
    std::vector<double> result;
    for (std::size_t i = 1; i < connections.size(); ++i) result.push_back(seconds(connections[i] - connections[i - 1]));
    return result;
  }
};

TEST(BackoffTest, PausesDoubleUpToTheLongestAndAreJitteredDownToHalf) {
  const Backoff backoff{1, 60};
  for (std::uint64_t failures = 1; failures < 200; ++failures) {
    const double longest = failures <= 6 ? std::ldexp(1.0, static_cast<int>(failures) - 1) : 60;
    const double pause = pause_seconds(backoff, "alice", failures);
    EXPECT_GE(pause, longest / 2) << failures;
    EXPECT_LE(pause, longest) << failures;
  }
}

TEST(BackoffTest, ACrowdSpreadsOverTheInterval) {
  double sum = 0, least = 1, most = 0;
  for (int i = 0; i < 1000; ++i) {
    const double pause = pause_seconds({1, 60}, "participant-" + std::to_string(i), 1);
    sum += pause;
    least = std::min(least, pause);
    most = std::max(most, pause);
  }
  EXPECT_NEAR(sum / 1000, 0.75, 0.02);
  EXPECT_LT(least, 0.51);
  EXPECT_GT(most, 0.99);
}

TEST_F(ReconnectTest, FailedConnectionsAreTriedAgainOnTheBackoffsSchedule) {
  for (int i = 0; i < 6; ++i) no_coordinator();
  coordinator(goodbye(0));
  EXPECT_TRUE(run(stubborn()).orderly);
  std::vector<double> expected;
  for (std::uint64_t failures = 1; failures <= 6; ++failures)
    expected.push_back(pause_seconds({1, 8}, "alice", failures));
  const auto seen = gaps();
  ASSERT_EQ(seen.size(), expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_NEAR(seen[i], expected[i], 1e-6) << i;
  EXPECT_EQ(diary.reasons.front(), "nobody there");
}

TEST_F(ReconnectTest, AGoodbyeForGoodEndsInOrder) {
  coordinator(goodbye(0));
  const AgentEnd end = run(stubborn());
  EXPECT_TRUE(end.orderly);
  EXPECT_EQ(end.reason, "over");
  EXPECT_EQ(connections.size(), 1u);
}

TEST_F(ReconnectTest, AGoodbyeUntilLaterIsKeptToTheSecond) {
  coordinator(goodbye(120));
  coordinator(goodbye(0));
  EXPECT_TRUE(run(stubborn()).orderly);
  EXPECT_THAT(gaps(), ElementsAre(120.0));
}

TEST_F(ReconnectTest, AGoodbyeForNoTimeAtAllDoesNotMakeItSpin) {
  for (int i = 0; i < 5; ++i) coordinator(goodbye(1e-9));
  coordinator(goodbye(0));
  EXPECT_TRUE(run(stubborn()).orderly);
  EXPECT_THAT(gaps(), ::testing::Each(0.5));
}

TEST_F(ReconnectTest, BeingRefusedEndsForGoodWithTheReason) {
  no_coordinator();
  no_coordinator(Error::Kind::Refused, "the coordinator refused alice: revoked");
  const AgentEnd end = run(stubborn());
  EXPECT_FALSE(end.orderly);
  EXPECT_EQ(end.reason, "the coordinator refused alice: revoked");
  EXPECT_EQ(connections.size(), 2u);
}

TEST_F(ReconnectTest, GivesUpAfterSoManyFailuresInARow) {
  for (int i = 0; i < 10; ++i) no_coordinator();
  const AgentEnd end = run(stubborn(4));
  EXPECT_FALSE(end.orderly);
  EXPECT_EQ(end.reason, "gave up after 4 failures in a row: nobody there");
  EXPECT_EQ(connections.size(), 4u);
}

TEST_F(ReconnectTest, SessionsThatBringNothingCountAsFailures) {
  for (int i = 0; i < 10; ++i) coordinator(cut());
  const AgentEnd end = run(stubborn(3));
  EXPECT_THAT(end.reason, HasSubstr("gave up after 3 failures"));
}

TEST_F(ReconnectTest, ARoundWithAVerdictBeginsTheBackoffAnew) {
  const Publication published("linear:4-2");
  for (std::uint64_t round = 1; round <= 3; ++round) {
    no_coordinator();
    coordinator([&, round](Talk& talk) -> asio::awaitable<void> {
      co_await talk.welcome();
      co_await talk.round(published, published.offer(round));
      talk.channel().close();
    });
  }
  coordinator(goodbye(0));
  const AgentEnd end = run(stubborn(3));
  EXPECT_TRUE(end.orderly) << end.reason;
  EXPECT_EQ(end.rounds, 3u);
  for (const double gap : gaps()) EXPECT_LE(gap, 2.0);
}

TEST_F(ReconnectTest, StopDuringAPauseEndsAtOnce) {
  no_coordinator();
  AgentOptions slow = stubborn();
  slow.retry_seconds = slow.max_retry_seconds = 1000;
  Agent& alice = agent(std::move(slow), fixed_examples(some_examples()));
  const auto timer = runtime.at(TimePoint{} + std::chrono::seconds(3), [&] { alice.stop(); });
  const AgentEnd end = ParticipantTest::run();
  EXPECT_TRUE(end.orderly);
  EXPECT_EQ(clock.now(), TimePoint{} + std::chrono::seconds(3));
}

TEST_F(ReconnectTest, ANameThatNoCertificateHasIsRefused) {
  AgentOptions bad = options();
  bad.name = "../alice";
  EXPECT_THROW(Agent(runtime, files, nullptr, fixed_examples(some_examples()), bad), Error);
}

}  // namespace
}  // namespace tributary::participant::testing
