#include "simulations/supervisor.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "coordinator/round_record.h"
#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Shell scripts play the programs: what matters here is who starts, ends and complains when.
class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() {
    std::filesystem::create_directories(out() / "logs");
    watcher_.round = [this](const coordinator::RoundRecord& record) { rounds_.push_back(record.round); };
    watcher_.warning = [this](const std::string& what) { warnings_.push_back(what); };
  }
  Path out() const { return folder_ / "run"; }

  Path script(const std::string& name, const std::string& body) {
    const Path file = folder_.write(name, "#!/bin/sh\ncd '" + out().string() + "'\n" + body + "\n");
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }
  // "listen" and "round N" are what a coordinator does with its folder.
  Path coordinator(const std::string& body) {
    coordinator::RoundRecord record;
    record.round = 1;
    folder_.write("record", coordinator::to_json(record) + "\n");
    return script("coordinator",
                  "listen() { echo 127.0.0.1:4242 > address.part; mv address.part coordinator.address; }\n"
                  "round() { cat ../record >> rounds.jsonl; }\n"
                  "await() { while [ ! -e \"$1\" ]; do sleep 0.01; done; }\n" +
                      body);
  }

  Outcome run(const Path& coordinator, const Path& participant, std::size_t processes = 1) {
    Orders orders;
    orders.programs = {coordinator, participant};
    orders.participants.assign(processes, {"run"});
    orders.out = out();
    orders.restarts = restarts_;
    return simulation::run(orders, watcher_);
  }

  Folder folder_;
  std::uint32_t restarts_ = 0;
  Watcher watcher_;
  std::vector<std::uint64_t> rounds_;
  std::vector<std::string> warnings_;
};

TEST_F(SupervisorTest, ParticipantsAreToldWhereTheCoordinatorListensAndRoundsAreSeen) {
  const Path participant = script("participant", "echo \"$@\"; touch here");
  const Outcome outcome = run(coordinator("listen; await here; round; round"), participant);
  EXPECT_EQ(read_text_file(out() / "logs" / "participants-0.log"), "run --server 127.0.0.1:4242\n");
  EXPECT_THAT(rounds_, ElementsAre(1, 1));
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_GT(outcome.coordinator_peak_rss_bytes, 100'000u);
  EXPECT_GT(outcome.participant_peak_rss_bytes, 100'000u);
}

TEST_F(SupervisorTest, AParticipantThatFailsBeforeTheFirstRoundEndsTheRunWithItsReason) {
  const Path participant = script("participant", "echo starting; echo 'no such data' >&2; exit 3");
  const std::string message =
      refusal(Error::Kind::Unavailable, [&] { run(coordinator("listen; await never"), participant); });
  EXPECT_EQ(message, "participants-0 ended with exit code 3: no such data");
}

TEST_F(SupervisorTest, OneThatFailsLaterIsWarnedOf) {
  // One of the two fails, whichever comes first; the other one stays.
  const Path participant = script("participant",
                                  "while [ ! -e rounds.jsonl ]; do sleep 0.01; done; sleep 0.2\n"
                                  "if mkdir claimed 2>/dev/null; then touch gone; exit 4; fi; exec sleep 1000");
  run(coordinator("trap 'exit 0' TERM; listen; round; await gone; sleep 0.3"), participant, 2);
  EXPECT_THAT(warnings_, testing::Contains(HasSubstr(" ended with exit code 4")));
}

TEST_F(SupervisorTest, WhenNoParticipantIsLeftTheCoordinatorIsStopped) {
  const Path participant = script("participant", "while [ ! -e rounds.jsonl ]; do sleep 0.01; done; sleep 0.2; exit 4");
  run(coordinator("trap 'touch stopped; exit 0' TERM; listen; round; while :; do sleep 0.01; done"), participant);
  EXPECT_TRUE(std::filesystem::exists(out() / "stopped"));
  EXPECT_THAT(warnings_, testing::Contains(HasSubstr("no participant is left")));
}

TEST_F(SupervisorTest, OneThatIsKilledIsStartedAgainWithTheSameWordsAndALogOfItsOwn) {
  restarts_ = 1;
  const Path participant =
      script("participant", "echo \"$@\"; if mkdir once 2>/dev/null; then kill -9 $$; fi; touch again");
  run(coordinator("listen; await again; round"), participant);
  EXPECT_THAT(warnings_, ElementsAre("participants-0 was ended by signal 9: run --server 127.0.0.1:4242; started again "
                                     "(1 of 1)"));
  EXPECT_EQ(read_text_file(out() / "logs" / "participants-0-again-1.log"), "run --server 127.0.0.1:4242\n");
}

TEST_F(SupervisorTest, WhenItsRestartsAreUsedUpItsEndCounts) {
  restarts_ = 2;
  const Path participant = script("participant", "echo 'no such data' >&2; exit 3");
  const std::string message =
      refusal(Error::Kind::Unavailable, [&] { run(coordinator("listen; await never"), participant); });
  EXPECT_EQ(message, "participants-0 ended with exit code 3: no such data");
  EXPECT_EQ(warnings_.size(), 2);
}

TEST_F(SupervisorTest, ACoordinatorThatFailsEndsTheRunWithItsReason) {
  const Path participant = script("participant", "exec sleep 1000");
  const std::string message = refusal(
      Error::Kind::Unavailable, [&] { run(coordinator("echo 'coordinator: port taken' >&2; exit 1"), participant); });
  EXPECT_EQ(message, "the coordinator ended with exit code 1: coordinator: port taken");
}

TEST_F(SupervisorTest, ATerminatedRunStopsTheCoordinatorInOrder) {
  const Path participant = script("participant", "while [ ! -e stopped ]; do sleep 0.01; done");
  watcher_.round = [](const coordinator::RoundRecord&) { ::raise(SIGTERM); };
  const Outcome outcome =
      run(coordinator("trap 'touch stopped; exit 130' TERM; listen; round; while :; do sleep 0.01; done"), participant);
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_TRUE(std::filesystem::exists(out() / "stopped"));
}

}  // namespace
}  // namespace tributary::simulation
