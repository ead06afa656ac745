#include "simulations/scenario.h"

#include <gmock/gmock.h>

#include "common/options/command_line.h"
#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class ScenarioTest : public testing::Test {
 protected:
  ScenarioTest() { bind(keys_, scenario_); }
  void read(const std::string& text) { options::read_config(folder_.write("fleet.conf", text), keys_); }
  void complete_with_data() {
    keys_.set("data.file", "rows.csv", "test");
    keys_.set("data.format", "csv", "test");
    complete(scenario_, keys_);
  }

  Folder folder_;
  Scenario scenario_;
  options::Keys keys_;
};

TEST_F(ScenarioTest, AFileSetsTheCrowdAndTheCoordinator) {
  read("rounds = 7\n[simulation]\nparticipants = 25\nparticipants_per_process = 10\n[training]\nlearning_rate = 0.2\n");
  EXPECT_EQ(scenario_.crowd.participants, 25);
  EXPECT_EQ(scenario_.crowd.processes(), 3);
  EXPECT_EQ(scenario_.coordinator.rounds, 7);
}

TEST_F(ScenarioTest, AMisspeltKeySuggestsTheNearest) {
  const std::string message = refusal(Error::Kind::Malformed, [&] { read("[simulation]\npartcipants = 3\n"); });
  EXPECT_THAT(message, HasSubstr("simulation.participants"));
  EXPECT_THAT(message, HasSubstr("fleet.conf"));
}

TEST_F(ScenarioTest, TheFirstRoundWaitsForTheWholeCrowd) {
  read("[simulation]\nparticipants = 25\n");
  complete_with_data();
  EXPECT_THAT(coordinator_arguments(keys_), Contains("--round.participants=25"));
}

TEST_F(ScenarioTest, TheFirstRoundWaitsForAsManyAsTheUserSaid) {
  read("[simulation]\nparticipants = 25\n[round]\nparticipants = 20\n");
  complete_with_data();
  EXPECT_THAT(coordinator_arguments(keys_), Contains("--round.participants=20"));
}

TEST_F(ScenarioTest, MoreThanTheCrowdIsRefused) {
  read("[simulation]\nparticipants = 5\n[round]\nparticipants = 6\n");
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { complete_with_data(); }), HasSubstr("round.participants"));
}

TEST_F(ScenarioTest, RoundsWaitForAProcessThatIsStartedAgain) {
  read("[simulation]\nrestarts = 2\n");
  complete_with_data();
  EXPECT_THAT(coordinator_arguments(keys_), Contains("--round.return_seconds=60"));
}

TEST_F(ScenarioTest, HowLongTheyWaitIsWhatTheUserSaid) {
  read("[simulation]\nrestarts = 2\n[round]\nreturn_seconds = 9\n");
  complete_with_data();
  EXPECT_THAT(coordinator_arguments(keys_), Contains("--round.return_seconds=9"));
}

TEST_F(ScenarioTest, OneProcessHasNoneToStartAgain) {
  read("[simulation]\nrestarts = 2\nengine = inline\n");
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { complete_with_data(); }), HasSubstr("simulation.restarts"));
}

TEST_F(ScenarioTest, InOneProcessABusyMachineMakesNobodyLate) {
  read("[simulation]\nengine = inline\n");
  complete_with_data();
  EXPECT_EQ(keys_.value("round.deadline_seconds"), "1000000");
  EXPECT_EQ(keys_.value("session.ping_seconds"), "600");
}

TEST_F(ScenarioTest, DeadlinesThatWereSetAndThoseOfSimulatedTimeStay) {
  read("[simulation]\nengine = inline\nlatency_ms = constant:5\n[session]\nping_seconds = 7\n");
  complete_with_data();
  EXPECT_EQ(keys_.value("session.ping_seconds"), "7");
  EXPECT_NE(keys_.value("round.deadline_seconds"), "1000000");
}

TEST_F(ScenarioTest, WithoutExamplesThereIsNothingToShareOut) {
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { complete(scenario_, keys_); }), HasSubstr("data.images"));
}

TEST_F(ScenarioTest, WhatTheSimulationDecidesIsNotTheUsersToSet) {
  keys_.set("listen.port", "7143", "test");
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { complete_with_data(); }), HasSubstr("listen.port"));
}

TEST_F(ScenarioTest, EachProgramGetsItsOwnKeysAndOnlyThoseThatWereSet) {
  read("rounds = 7\n[simulation]\npartition = shards:2\n[data]\nclasses = 10\n");
  complete_with_data();
  const auto coordinator = coordinator_arguments(keys_), data = data_arguments(keys_);
  EXPECT_THAT(coordinator, Contains("--rounds=7"));
  EXPECT_THAT(coordinator, Not(Contains(HasSubstr("simulation."))));
  EXPECT_THAT(coordinator, Not(Contains(HasSubstr("--data."))));
  EXPECT_THAT(coordinator, Not(Contains(HasSubstr("edge.bits"))));
  EXPECT_THAT(data, Contains("--data.classes=10"));
  EXPECT_THAT(data, Not(Contains(HasSubstr("rounds"))));
}

TEST_F(ScenarioTest, TheReportShowsTheCrowdWithDefaults) {
  EXPECT_THAT(configuration(keys_), Contains(std::pair<std::string, std::string>("simulation.partition", "iid")));
}

TEST(ParticipantNamesTest, SortAsTheyCount) {
  EXPECT_THAT(participant_names(2), testing::ElementsAre("p0000", "p0001"));
  const auto many = participant_names(10'001);
  EXPECT_EQ(many.front(), "p00000");
  EXPECT_EQ(many.back(), "p10000");
  EXPECT_TRUE(std::is_sorted(many.begin(), many.end()));
}

TEST(ScenarioFilesTest, AllOfOursAreScenarios) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TRIBUTARY_SCENARIOS)) {
    if (entry.path().extension() != ".conf") continue;
    ++files;
    Scenario scenario;
    options::Keys keys;
    bind(keys, scenario);
    options::read_config(entry.path(), keys);
    complete(scenario, keys);
    EXPECT_GE(scenario.crowd.participants, scenario.crowd.stream ? 4 : 10) << entry.path();
  }
  EXPECT_GE(files, 12);
}

}  // namespace
}  // namespace tributary::simulation
