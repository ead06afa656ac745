// The update that was announced and has no verdict: announced again, in this process or the next, and never learnt
// twice.
#include <filesystem>

#include <gmock/gmock.h>
#include <unistd.h>

#include "common/base/simulated_disk.h"
#include "participant/pending_store.h"
#include "tests/participant/by_hand.h"
#include "tests/participant/scripted_coordinator.h"

namespace tributary::participant::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PendingStoreTest : public ::testing::Test {
 protected:
  static PendingUpdate some() {
    PendingUpdate update;
    update.key = {"run-1", sha256(as_bytes("layout")), 3};
    update.announced.round = 7;
    update.announced.encoding = "int8";
    update.announced.examples = 20;
    update.blob = to_bytes("what was learnt");
    update.announced.blob_bytes = update.blob.size();
    update.announced.checksum = checksum(update.blob);
    update.residual = {1, -2, 0.5F};
    return update;
  }
  SimulatedDisk disk_;
};

TEST_F(PendingStoreTest, OnDiskItSurvivesThePowerAndIsTheSame) {
  PendingStore(disk_, "state", "alice").put(some());
  RandomStream random(1, "power");
  disk_.restart(SimulatedDisk::Loss::Everything, random);
  PendingStore next(disk_, "state", "alice");
  EXPECT_EQ(next.find(), nullptr);
  next.load();
  ASSERT_NE(next.find(), nullptr);
  EXPECT_EQ(next.find()->key.run, "run-1");
  EXPECT_EQ(next.find()->announced.checksum, some().announced.checksum);
  EXPECT_EQ(next.find()->announced.examples, 20U);
  EXPECT_EQ(next.find()->blob, some().blob);
  EXPECT_EQ(next.find()->residual, some().residual);
  next.take();
  EXPECT_TRUE(disk_.exists("state/alice.update")) << "until its verdict has been written down";
  next.drop();
  EXPECT_FALSE(disk_.exists("state/alice.update"));
}

TEST_F(PendingStoreTest, InMemoryItLivesAsLongAsTheProcess) {
  PendingStore store(disk_, "", "alice");
  store.put(some());
  store.load();
  EXPECT_NE(store.find(), nullptr);
  EXPECT_THAT(disk_.files(), IsEmpty());
  store.drop();
  EXPECT_EQ(store.find(), nullptr);
}

TEST_F(PendingStoreTest, AChangedBitIsCorruptAndNamed) {
  PendingStore(disk_, "state", "alice").put(some());
  const std::uint64_t bytes = disk_.map("state/alice.update")->bytes().size();
  for (std::uint64_t at = 0; at < bytes; ++at) {
    disk_.flip("state/alice.update", at, at % 8);
    try {
      PendingStore(disk_, "state", "alice").load();
      ADD_FAILURE() << at;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Error::Kind::Corrupt);
      EXPECT_THAT(e.what(), HasSubstr("alice.update: damaged"));
    }
    disk_.flip("state/alice.update", at, at % 8);
  }
}

class PendingTest : public ParticipantTest {
 protected:
  PendingTest() {
    folder_ = std::filesystem::temp_directory_path() / ("tributary-pending-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    coordinator([this](Talk& talk) -> asio::awaitable<void> {
      co_await talk.welcome();
      const Answer answer = co_await talk.answer_to(published_, published_.offer(3));
      first_ = std::get<Upload>(answer);
      talk.cut();
    });
  }
  ~PendingTest() override { std::filesystem::remove_all(folder_); }

  AgentOptions patient() {
    AgentOptions result = options();
    result.max_retries = 5;
    return result;
  }
  AgentEnd run_again() {
    agent(patient(), std::make_unique<Orchard>(some_examples(), &settled));
    return ParticipantTest::run();
  }
  // Takes the announcement that comes without being asked for.
  static asio::awaitable<wire::Update> announced(Talk& talk) {
    const wire::Message message = co_await talk.receive();
    co_return std::get<wire::Update>(message);
  }
  static wire::Message proceed(std::uint64_t round, std::uint64_t offset) { return wire::Proceed{round, offset}; }

  Publication published_{"linear:4-2"};
  Path folder_;
  std::optional<Upload> first_;
};

TEST_F(PendingTest, OneThatLostItsVerdictAsksForItAndKeepsItsResidual) {
  std::optional<Upload> second;
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const wire::Update again = co_await announced(talk);
    EXPECT_TRUE(again.awaits);
    EXPECT_EQ(again.round, 3U);
    EXPECT_EQ(again.checksum, first_->update.checksum);
    co_await talk.send(verdict(3));
    second = co_await talk.round(published_, published_.offer(4));
    co_await talk.goodbye();
  });
  const AgentEnd end = run_again();
  EXPECT_TRUE(end.orderly) << end.reason;
  EXPECT_EQ(end.rounds, 2U);
  EXPECT_THAT(settled, ElementsAre(true, true));
  // Learnt with what the first had left out.
  std::vector<float> residual;
  update_by_hand(published_, published_.offer(3), some_examples(), "alice", residual);
  EXPECT_EQ(second->blob, update_by_hand(published_, published_.offer(4), some_examples(), "alice", residual));
}

TEST_F(PendingTest, AnUploadGoesOnWhereItIsToldTo) {
  Bytes rest;
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await announced(talk);
    co_await talk.send(proceed(3, 10));
    const wire::Message data = co_await talk.receive();
    EXPECT_EQ(std::get<wire::Data>(data).offset, 10U);
    rest = std::get<wire::Data>(data).bytes;
    // What was kept turns out to be damaged: once more, from the start.
    co_await talk.send(proceed(3, 0));
    const wire::Message all = co_await talk.receive();
    EXPECT_EQ(std::get<wire::Data>(all).bytes, first_->blob);
    co_await talk.send(verdict(3));
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_again().rounds, 1U);
  EXPECT_EQ(rest, Bytes(first_->blob.begin() + 10, first_->blob.end()));
}

TEST_F(PendingTest, OfferedTheSameRoundAgainItSendsWhatItHas) {
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.send(published_.offer(3));
    const wire::Update again = co_await announced(talk);
    EXPECT_EQ(again.checksum, first_->update.checksum);
    co_await talk.send(verdict(3));
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_again().rounds, 1U);
  EXPECT_EQ(diary.results.size(), 1U) << "it is not learnt twice";
}

TEST_F(PendingTest, OneThatDoesNotCountIsForgottenAndTheNextRoundTaken) {
  std::optional<Upload> second;
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await announced(talk);
    co_await talk.send(verdict(3, false));
    second = co_await talk.round(published_, published_.offer(4));
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_again().rounds, 1U);
  EXPECT_THAT(settled, ElementsAre(false, true));
  std::vector<float> none;
  EXPECT_EQ(second->blob, update_by_hand(published_, published_.offer(4), some_examples(), "alice", none));
}

TEST_F(PendingTest, WithAFolderTheNextProcessAnnouncesIt) {
  state = folder_;
  no_coordinator();
  agent(options(), std::make_unique<Orchard>(some_examples(), &settled));
  ParticipantTest::run();
  EXPECT_TRUE(std::filesystem::exists(folder_ / "alice.update"));
  restart();
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const wire::Update again = co_await announced(talk);
    EXPECT_EQ(again.checksum, first_->update.checksum);
    co_await talk.send(proceed(3, 0));
    const wire::Message all = co_await talk.receive();
    EXPECT_EQ(std::get<wire::Data>(all).bytes, first_->blob);
    co_await talk.send(verdict(3));
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_again().rounds, 1U);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "alice.update"));
}

TEST_F(PendingTest, AnotherRunIsNotTroubledWithIt) {
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome("fedcba9876543210fedcba9876543210");
    co_await talk.round(published_, published_.offer(1));
    co_await talk.goodbye();
  });
  EXPECT_EQ(run_again().rounds, 1U);
}

TEST_F(PendingTest, ACoordinatorThatAsksForMoreThanThereIsLosesItsLine) {
  coordinator([&](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const wire::Update again = co_await announced(talk);
    co_await talk.send(proceed(3, again.blob_bytes + 1));
    co_await talk.receive();
  });
  coordinator([](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.goodbye();
  });
  run_again();
  EXPECT_THAT(diary.reasons.back(), HasSubstr("from behind its end"));
}

TEST_F(ParticipantTest, AskedToComeBackLaterItGivesUpItsLineForSoLong) {
  coordinator([](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    const wire::Wait wait{45, "not selected"};
    co_await talk.send(wait);
    const wire::Message last = co_await talk.receive();
    EXPECT_EQ(std::get<wire::Goodbye>(last).reason, "coming back later");
  });
  coordinator([](Talk& talk) -> asio::awaitable<void> {
    co_await talk.welcome();
    co_await talk.goodbye();
  });
  EXPECT_TRUE(run_alice().orderly);
  ASSERT_EQ(connections.size(), 2U);
  EXPECT_EQ(connections[1] - connections[0], std::chrono::seconds(45));
}

}  // namespace
}  // namespace tributary::participant::testing
