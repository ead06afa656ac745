#include <filesystem>

#include <gmock/gmock.h>
#include <unistd.h>
#include <zstd.h>

#include "tests/participant/by_hand.h"

namespace tributary::participant::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A skeleton of a file that no graph gives.
Bytes packed(std::string_view onnx) {
  Bytes frame(ZSTD_compressBound(onnx.size()));
  frame.resize(ZSTD_compress(frame.data(), frame.size(), onnx.data(), onnx.size(), 1));
  return frame;
}

class AgentTest : public ParticipantTest {
 protected:
  AgentTest() {
    folder_ =
        std::filesystem::temp_directory_path() / ("tributary-agent-" + std::to_string(getpid()) + "-" +
                                                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  ~AgentTest() override { std::filesystem::remove_all(folder_); }

  // A federation of so many rounds, whose uploads are kept.
  Script rounds_of(const Publication& published, std::vector<wire::Offer> offers, std::vector<bool> accepted = {}) {
    return [this, &published, offers, accepted](Talk& talk) -> asio::awaitable<void> {
      co_await talk.welcome();
      for (std::size_t i = 0; i < offers.size(); ++i)
        uploads.push_back(co_await talk.round(published, offers[i], i >= accepted.size() || accepted[i]));
      fetches = talk.fetched.size();
      co_await talk.goodbye();
    };
  }

  std::vector<Upload> uploads;
  std::size_t fetches = 0;
  Path folder_;
};

class EveryModelAndEncoding : public AgentTest,
                              public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(EveryModelAndEncoding, TheUpdateIsWhatTrainingAndCodecGiveByHand) {
  const auto [model, encoding] = GetParam();
  const Publication published(model);
  const wire::Offer offer = published.offer(3, encoding);
  coordinator(rounds_of(published, {offer}));

  const AgentEnd end = run_alice();

  EXPECT_TRUE(end.orderly) << end.reason;
  EXPECT_EQ(end.reason, "the run is over");
  EXPECT_EQ(end.rounds, 1u);
  ASSERT_EQ(uploads.size(), 1u);
  std::vector<float> residual;
  EXPECT_EQ(uploads[0].blob, update_by_hand(published, offer, some_examples(), "alice", residual));
  const wire::Update& update = uploads[0].update;
  EXPECT_EQ(update.checksum, checksum(uploads[0].blob));
  EXPECT_EQ(update.edge, offer.edge);
  EXPECT_EQ(update.encoding, encoding);
  EXPECT_EQ(update.examples, 20u);  // two passes over them count once
  EXPECT_GT(update.train_loss, 0);
  EXPECT_GT(update.peak_rss_bytes, 1u << 20);
  EXPECT_THAT(settled, ElementsAre(true));
}

INSTANTIATE_TEST_SUITE_P(Zoo, EveryModelAndEncoding,
                         ::testing::Values(std::pair{"linear:4-2", "int8"}, std::pair{"linear:4-2", "float32"},
                                           std::pair{"mlp:4-8-2", "int8"}, std::pair{"mlp:4-8-2", "float32"}));

TEST_F(AgentTest, TheGreetingSaysWhatTheParticipantCanDo) {
  coordinator([](Talk& talk) -> asio::awaitable<void> {
    const wire::Hello hello = co_await talk.welcome();
    EXPECT_EQ(hello.protocol, wire::kProtocolVersion);
    EXPECT_THAT(hello.software, HasSubstr("tributary "));
    EXPECT_EQ(hello.encodings, codec::supported_update_encodings());
    EXPECT_THAT(hello.held, IsEmpty());
    EXPECT_EQ(hello.examples, 20u);
    EXPECT_TRUE(hello.differences);
    co_await talk.goodbye();
  });
  EXPECT_TRUE(run_alice().orderly);
}

// Two publications of one model, the second offered with its difference to the first.
class DifferencesTest : public AgentTest {
 protected:
  // One round with each; `asked` is what was fetched in the second.
  void run_both(wire::Offer second) {
    coordinator([this, second](Talk& talk) -> asio::awaitable<void> {
      co_await talk.welcome();
      uploads.push_back(co_await talk.round(before, before.offer(1)));
      talk.fetched.clear();
      uploads.push_back(co_await talk.round(after, second));
      for (const auto& fetch : talk.fetched) asked.push_back(fetch.blob);
      co_await talk.goodbye();
    });
    EXPECT_EQ(run_alice().rounds, 2u);
    ASSERT_EQ(uploads.size(), 2u);
    EXPECT_EQ(uploads[1].update.edge, sha256(after.edge.blob));
  }
  Digest edge() const { return sha256(after.edge.blob); }
  Digest difference() const { return sha256(after.delta); }

  Publication before{"mlp:4-8-2", 1}, after{"mlp:4-8-2", 2};
  std::vector<Digest> asked;
};

TEST_F(DifferencesTest, TheDifferenceToTheCopyOfTheLastUpdateIsFetchedInsteadOfTheWhole) {
  run_both(after.offer_against(before, 2));
  EXPECT_THAT(asked, ElementsAre(difference()));
  const Bytes from_difference = uploads[1].blob;
  restart();
  uploads.clear();
  asked.clear();
  run_both(after.offer(2));
  EXPECT_THAT(asked, ElementsAre(edge()));
  EXPECT_EQ(uploads[1].blob, from_difference);
}

TEST_F(DifferencesTest, TheWholeIsFetchedWhenTheBaseIsNotTheCopyHeld) {
  const Publication other("mlp:4-8-2", 3);
  run_both(after.offer_against(other, 2));
  EXPECT_THAT(asked, ElementsAre(edge()));
}

TEST_F(DifferencesTest, TheWholeIsFetchedWhenTheDifferenceIsOfNoUse) {
  wire::Offer offer = after.offer_against(before, 2);
  after.delta[after.delta.size() - 3] ^= std::byte{0x55};
  offer.delta->delta = difference();
  run_both(offer);
  EXPECT_THAT(asked, ElementsAre(difference(), edge()));
}

TEST_F(DifferencesTest, TheCopyHeldIsNamedWhenTheParticipantComesBack) {
  coordinator([this](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    uploads.push_back(co_await talk.round(before, before.offer(1)));
    co_await talk.goodbye(1);
  });
  coordinator([this](Talk& talk) -> asio::awaitable<void> {
    const wire::Hello hello = co_await talk.welcome();
    EXPECT_THAT(hello.held, ElementsAre(sha256(before.edge.blob), sha256(before.skeleton)));
    uploads.push_back(co_await talk.round(after, after.offer_against(before, 2)));
    EXPECT_EQ(talk.fetched.size(), 1u);
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_alice().rounds, 2u);
}

TEST_F(DifferencesTest, ADifferenceLargerThanTheParticipantTakesIsDeclined) {
  wire::Offer offer = after.offer_against(before, 2);
  offer.delta->delta_bytes = std::uint64_t{1} << 40;
  coordinator([this, offer](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const Answer answer = co_await talk.answer_to(after, offer);
    EXPECT_THAT(std::get<wire::Decline>(answer).reason, HasSubstr("a difference of"));
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_alice().rounds, 0u);
}

TEST_F(AgentTest, TheModelIsFetchedOnceTheEdgeCopyEveryRound) {
  const Publication published("linear:4-2");
  coordinator(rounds_of(published, {published.offer(1), published.offer(2), published.offer(3)}));
  EXPECT_EQ(run_alice().rounds, 3u);
  EXPECT_EQ(fetches, 4u);
}

TEST_F(AgentTest, TheModelAndTheEdgeCopyHeldAreSaidInTheNextGreeting) {
  const Publication published("linear:4-2");
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.round(published, published.offer(1));
    co_await talk.goodbye(5, "come back");
  });
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    const wire::Hello hello = co_await talk.welcome();
    EXPECT_THAT(hello.held, ElementsAre(sha256(published.edge.blob), sha256(published.skeleton)));
    co_await talk.round(published, published.offer(2));
    EXPECT_EQ(talk.fetched.size(), 1u);
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_alice().rounds, 2u);
}

TEST_F(AgentTest, AgentsOfOneProcessLearnWhatTheyWouldLearnAlone) {
  const Publication published("mlp:4-8-2");
  const std::vector<wire::Offer> offers{published.offer(1), published.offer(2)};
  std::map<std::string, std::vector<Bytes>> together, alone;
  const auto keep = [&](auto& uploads_of, const std::string& name) {
    return [&, name](Talk& talk) -> asio::awaitable<void> {
      co_await talk.welcome();
      for (const auto& offer : offers) {
        const Upload upload = co_await talk.round(published, offer);
        uploads_of[name].push_back(upload.blob);
      }
      co_await talk.goodbye();
    };
  };
  const std::vector<std::string> names{"alice", "bob", "carol"};
  const auto join = [&](const std::string& name) {
    agent(options(name), fixed_examples(some_examples(20, name.size())));
  };
  for (const auto& name : names) coordinator(keep(together, name), name);
  for (const auto& name : names) join(name);
  run();
  for (const auto& name : {"carol", "alice", "bob"}) {
    restart();
    coordinator(keep(alone, name), name);
    join(name);
    run();
  }
  EXPECT_EQ(together, alone);
  EXPECT_EQ(alone.size(), 3u);
  EXPECT_NE(alone["alice"], alone["bob"]);
}

TEST_F(AgentTest, WhatAnUpdateLeavesOutComesWithTheNextOne) {
  const Publication published("mlp:4-8-2");
  const std::vector<wire::Offer> offers{published.offer(1), published.offer(2), published.offer(3)};
  coordinator(rounds_of(published, offers));
  run_alice();
  std::vector<float> residual;
  for (std::size_t i = 0; i < offers.size(); ++i)
    EXPECT_EQ(uploads.at(i).blob, update_by_hand(published, offers[i], some_examples(), "alice", residual)) << i;
}

TEST_F(AgentTest, ARefusedUpdateLeavesTheResidualAsItWas) {
  const Publication published("mlp:4-8-2");
  const std::vector<wire::Offer> offers{published.offer(1), published.offer(2), published.offer(3)};
  coordinator(rounds_of(published, offers, {true, false, true}));
  EXPECT_EQ(run_alice().rounds, 2u);
  std::vector<float> residual;
  update_by_hand(published, offers[0], some_examples(), "alice", residual);
  EXPECT_EQ(uploads.at(2).blob, update_by_hand(published, offers[2], some_examples(), "alice", residual));
  EXPECT_THAT(diary.verdicts, ElementsAre(true, false, true));
  EXPECT_THAT(settled, ElementsAre(true, false, true));
}

TEST_F(AgentTest, AResidualSurvivesARestart) {
  state = folder_;
  const Publication published("mlp:4-8-2");
  const std::vector<wire::Offer> offers{published.offer(1), published.offer(2)};
  coordinator(rounds_of(published, {offers[0]}));
  run_alice();
  restart();
  coordinator(rounds_of(published, {offers[1]}));
  run_alice();
  std::vector<float> residual;
  for (std::size_t i = 0; i < offers.size(); ++i)
    EXPECT_EQ(uploads.at(i).blob, update_by_hand(published, offers[i], some_examples(), "alice", residual)) << i;
}

TEST_F(AgentTest, AnotherRunsResidualIsDropped) {
  const Publication published("mlp:4-8-2");
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.round(published, published.offer(1));
    co_await talk.goodbye(5, "another run begins");
  });
  const wire::Offer offer = published.offer(1);
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome(std::string(32, 'b'));
    uploads.push_back(co_await talk.round(published, offer));
    co_await talk.goodbye();
  });
  run_alice();
  std::vector<float> residual;
  EXPECT_EQ(uploads.at(0).blob, update_by_hand(published, offer, some_examples(), "alice", residual));
}

TEST_F(AgentTest, ADamagedResidualEndsTheAgentWithItsPath) {
  state = folder_;
  std::filesystem::create_directories(folder_);
  write_text_file(folder_ / "alice.residual", "TRIBRES1 and then nothing that anybody wrote, at some length");
  const Publication published("linear:4-2");
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.answer_to(published, published.offer(1));
  });
  const AgentEnd end = run_alice();
  EXPECT_FALSE(end.orderly);
  EXPECT_THAT(end.reason, HasSubstr("alice.residual: damaged"));
}

TEST_F(AgentTest, NoExamplesAreDeclinedBeforeAnythingIsFetched) {
  const Publication published("linear:4-2");
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const Answer answer = co_await talk.answer_to(published, published.offer(1));
    EXPECT_EQ(std::get<wire::Decline>(answer).reason, "no examples");
    EXPECT_THAT(talk.fetched, IsEmpty());
    co_await talk.goodbye();
  });
  const AgentEnd end = run_alice(std::nullopt);
  EXPECT_TRUE(end.orderly);
  EXPECT_THAT(settled, IsEmpty());
}

TEST_F(AgentTest, ATrainingThatDivergesIsDeclined) {
  const Publication published("linear:4-2");
  wire::Offer offer = published.offer(1);
  offer.plan.loss = "cross_entropy";
  offer.plan.learning_rate = 1e6;
  offer.plan.weight_decay = 1e6;
  offer.plan.epochs = 100;
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const Answer answer = co_await talk.answer_to(published, offer);
    EXPECT_EQ(std::get<wire::Decline>(answer).reason, "diverged");
    co_await talk.goodbye();
  });
  EXPECT_TRUE(run_alice().orderly);
  EXPECT_THAT(settled, ElementsAre(false));
}

TEST_F(AgentTest, ARoundThatClosesBeforeTrainingBeginsIsNotTrained) {
  const Publication published("linear:4-2");
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.send(published.offer(1));
    co_await talk.receive();  // Fetch of the model
    co_await talk.send(closed(1));
    const Upload upload = co_await talk.round(published, published.offer(2));
    EXPECT_EQ(upload.update.round, 2u);
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_alice().rounds, 1u);
  EXPECT_THAT(settled, ElementsAre(false, true));
  EXPECT_EQ(diary.results.size(), 1u);
}

TEST_F(AgentTest, BytesOfABlobGivenUpThatAreStillOnTheirWayAreThrownAway) {
  const Publication published("mlp:4-8-2");
  const Publication later("mlp:4-8-2", 2);
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.round(published, published.offer(1));
    co_await talk.send(published.offer(2));
    co_await talk.receive();  // Fetch of the edge copy
    const Bytes& blob = published.edge.blob;
    co_await talk.send(piece(blob, 0, 10));
    co_await talk.send(closed(2));
    co_await talk.send(later.offer(3));
    co_await talk.receive();  // Fetch of the next edge copy, while the last one's bytes come
    co_await talk.send(piece(blob, 10, 10));
    co_await talk.send(piece(blob, 20, 10));
    co_await talk.send_blob(later.edge.blob);
    wire::Message message = co_await talk.receive();
    EXPECT_EQ(std::get<wire::Update>(message).round, 3u);
    co_await talk.receive();
    co_await talk.send(verdict(3));
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_alice().rounds, 2u);
}

TEST_F(AgentTest, ABlobCutOffIsAskedForFromWhereItStopped) {
  const Publication published("mlp:4-8-2");
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.send(published.offer(1));
    co_await talk.receive();  // Fetch of the model
    co_await talk.send(piece(published.skeleton, 0, 50));
    co_await talk.send(goodbye_for(3));
  });
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.round(published, published.offer(1));
    EXPECT_EQ(talk.fetched.at(0).offset, 50u);
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_alice().rounds, 1u);
}

TEST_F(AgentTest, AnOfferWhoseDeadlineHasPassedIsDeclined) {
  const Publication published("linear:4-2");
  wire::Offer offer = published.offer(1);
  offer.deadline_seconds = 5;
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.send(offer);
    co_await talk.receive();  // Fetch, which is not served
    const wire::Message answer = co_await talk.receive();
    EXPECT_EQ(std::get<wire::Decline>(answer).reason, "the deadline passed");
    co_await talk.goodbye();
  });
  EXPECT_TRUE(run_alice().orderly);
  EXPECT_GE(clock.now() - TimePoint{}, std::chrono::seconds(5));
}

TEST_F(AgentTest, AnUnknownEncodingFallsBackToInt8) {
  const Publication published("linear:4-2");
  coordinator(rounds_of(published, {published.offer(1, "wavelet:9")}));
  EXPECT_EQ(run_alice().rounds, 1u);
  EXPECT_EQ(uploads.at(0).update.encoding, "int8");
}

TEST_F(AgentTest, AModelWithAnOperatorOutsideTheListIsDeclinedByTheOperatorsName) {
  Publication published("linear:4-2");
  const Bytes fine = published.graph.serialize();
  // "Gemm" as the file has it becomes an operator that nobody runs.
  std::string text(as_text(fine));
  text.replace(text.find("Gemm"), 4, "Mish");
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const Answer answer = co_await talk.answer_to(published, published.offer(1));
    EXPECT_THAT(std::get<wire::Decline>(answer).reason, HasSubstr("Mish"));
    co_await talk.goodbye();
  });
  published.skeleton = packed(text);
  EXPECT_TRUE(run_alice().orderly);
}

TEST_F(AgentTest, StopEndsTheSessionWithAGoodbye) {
  bool said_goodbye = false;
  Agent* alice = nullptr;
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    alice->stop();
    const wire::Message last = co_await talk.receive();
    said_goodbye = std::holds_alternative<wire::Goodbye>(last);
  });
  alice = &agent(options(), fixed_examples(some_examples()));
  const AgentEnd end = run();
  EXPECT_TRUE(end.orderly);
  EXPECT_EQ(end.reason, "stopped");
  EXPECT_TRUE(said_goodbye);
}

TEST_F(AgentTest, APingIsAnsweredAndSilenceIsBrokenByOwnPings) {
  coordinator([](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome(kRun, 10);
    co_await talk.send(wire::Ping{42});
    const wire::Message pong = co_await talk.receive();
    EXPECT_EQ(std::get<wire::Pong>(pong).number, 42u);
    const wire::Message last = co_await talk.receive();  // until the participant gives up
    (void)last;
  });
  const AgentEnd end = run_alice();
  EXPECT_FALSE(end.orderly);
  EXPECT_THAT(end.reason, HasSubstr("the deadline passed"));
  EXPECT_EQ(clock.now() - TimePoint{}, std::chrono::seconds(30));  // three times the interval
}

}  // namespace
}  // namespace tributary::participant::testing
