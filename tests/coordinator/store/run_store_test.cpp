#include "coordinator/store/run_store.h"

#include <gmock/gmock.h>

#include "scripted_run.h"

#include "common/base/error.h"
#include "coordinator/store/inspection.h"

namespace tributary::coordinator::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Loss = SimulatedDisk::Loss;

class RunStoreTest : public testing::Test {
 protected:
  void begin() {
    run_.open();
    run_.begin();
  }
  RunStore& reopen(Loss loss = Loss::Everything) {
    run_.close();
    RandomStream random(7, "power");
    disk_.restart(loss, random);
    return run_.open();
  }
  std::vector<std::string> accepted_names() {
    std::vector<std::string> names;
    for (const auto& each : run_.store().unfinished()->accepted) names.push_back(each.participant);
    return names;
  }
  std::string failure_of_opening() {
    try {
      run_.open();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Error::Kind::Corrupt);
      return e.what();
    }
    return "";
  }

  SimulatedDisk disk_;
  ScriptedRun run_{disk_};
};

TEST_F(RunStoreTest, ANewFolderHoldsNothing) {
  const RunStore& store = run_.open();
  EXPECT_FALSE(store.history().run);
  EXPECT_FALSE(store.unfinished());
}

TEST_F(RunStoreTest, TheRunItsConfigurationAndItsRoundsAreThereAgain) {
  begin();
  run_.whole_round(1);
  run_.whole_round(2);
  const RunStore& store = reopen();
  ASSERT_TRUE(store.history().run);
  EXPECT_EQ(store.run(), "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(store.history().run->configuration[1].second, "5");
  ASSERT_THAT(store.history().rounds, SizeIs(2));
  EXPECT_EQ(store.history().rounds[1].record, R"({"round":2,"evaluated":true})");
  EXPECT_TRUE(store.history().rounds[1].recorded);
  EXPECT_EQ(store.history().rounds[1].ended.previous, chain_of(store.history().rounds[0].ended));
  EXPECT_FALSE(store.unfinished());
  EXPECT_FALSE(store.history().ended);
}

TEST_F(RunStoreTest, AnOpenRoundIsThereWithItsUpdatesInOrder) {
  begin();
  run_.whole_round(1);
  run_.open_round(2);
  run_.add("bob", 2, false);
  run_.store().add({run_.accepted("alice", 2, true)}, {{"carol", 3, "too large"}});
  const RunStore& store = reopen();
  ASSERT_TRUE(store.unfinished());
  EXPECT_EQ(store.unfinished()->opened.round, 2U);
  EXPECT_THAT(accepted_names(), ElementsAre("bob", "alice"));
  ASSERT_THAT(store.unfinished()->settled, SizeIs(1));
  EXPECT_EQ(store.unfinished()->settled[0].reason, "too large");
  for (const auto& each : store.unfinished()->accepted) {
    const auto file = disk_.map(store.spool() / each.file);
    EXPECT_EQ(checksum(file->bytes()), each.announced.checksum) << each.participant;
  }
  EXPECT_EQ(store.counted().at(1).at("alice"), checksum(ScriptedRun::update("alice", 1, true)));
}

// The store survives every moment: each operation crashes once; what had been promised is there.
TEST_F(RunStoreTest, WhateverCallReturnedIsThereAfterACrashAnywhere) {
  const auto script = [&](std::vector<std::string>& promised) {
    run_.open();
    run_.begin();
    promised.push_back("begun");
    for (std::uint64_t round = 1; round <= 3; ++round) {
      run_.open_round(round);
      promised.push_back("opened");
      run_.add("alice", round, true);
      promised.push_back("alice");
      run_.add("bob", round, false);
      promised.push_back("bob");
      run_.store().end_round(ScriptedRun::ended(round));
      promised.push_back("ended");
      if (round == 2) run_.save_models(2);
    }
    run_.store().end_run("3 rounds");
    promised.push_back("over");
  };
  std::vector<std::string> all;
  script(all);
  const std::uint64_t operations = disk_.operations();
  for (const Loss loss : {Loss::Nothing, Loss::Everything, Loss::Torn}) {
    for (std::uint64_t at = 0; at < operations; ++at) {
      run_.close();
      disk_ = SimulatedDisk();
      disk_.crash_at(at);
      std::vector<std::string> promised;
      EXPECT_THROW(script(promised), SimulatedDisk::Crashed);
      run_.close();
      RandomStream random(at, "crash");
      disk_.restart(loss, random);
      const RunStore& store = run_.open();
      std::vector<std::string> found;
      if (store.history().run) found.push_back("begun");
      for (std::size_t i = 0; i < store.history().rounds.size(); ++i) {
        for (const char* each : {"opened", "alice", "bob", "ended"}) found.push_back(each);
      }
      if (store.unfinished()) {
        found.push_back("opened");
        for (const auto& name : accepted_names()) found.push_back(name);
      }
      if (store.history().ended) found.push_back("over");
      // What was promised, and at most the one that was under way.
      ASSERT_GE(found.size(), promised.size()) << "crash at " << at;
      ASSERT_LE(found.size(), promised.size() + 1) << "crash at " << at;
      ASSERT_TRUE(std::equal(found.begin(), found.end(), all.begin())) << "crash at " << at;
    }
  }
}

TEST_F(RunStoreTest, AFailedOperationIsTold) {
  const auto script = [&] {
    run_.open();
    run_.begin();
    run_.whole_round(1);
    run_.save_models(1);
  };
  script();
  const std::uint64_t operations = disk_.operations();
  for (std::uint64_t at = 0; at < operations; ++at) {
    run_.close();
    disk_ = SimulatedDisk();
    disk_.fail_at(at);
    EXPECT_THROW(script(), Error) << at;
    EXPECT_NO_THROW(reopen()) << at;
  }
}

// A start reads what a killed process has left in the system's memory, and acts upon it: so it is made durable first.
TEST_F(RunStoreTest, WhatAStartHasFoundIsThereAlsoWhenThePowerIsCutThen) {
  const auto script = [&] {
    run_.open();
    run_.begin();
    run_.whole_round(1);
    run_.save_models(1, "edge 1");
    run_.open_round(2);
    run_.add("alice", 2, true);
    run_.add("bob", 2, false);
  };
  const auto found = [&](const RunStore& store) {
    std::vector<std::string> all;
    for (const PastRound& each : store.history().rounds) all.push_back(each.record);
    if (store.unfinished()) all.push_back("opened");
    if (store.unfinished()) all.insert(all.end(), {std::to_string(store.unfinished()->accepted.size())});
    return all;
  };
  script();
  const std::uint64_t operations = disk_.operations();
  for (const bool fails : {false, true}) {
    for (std::uint64_t at = 0; at < operations; ++at) {
      run_.close();
      disk_ = SimulatedDisk();
      if (fails)
        disk_.fail_at(at);
      else
        disk_.crash_at(at);
      EXPECT_ANY_THROW(script());
      const auto first = found(reopen(Loss::Nothing));
      if (!rounds_with_log(disk_, "store").empty() && run_.store().history().last_round() == 1)
        run_.save_models(1, "edge 1");
      ASSERT_EQ(found(reopen(Loss::Everything)), first) << (fails ? "failure" : "crash") << " at " << at;
      ASSERT_THAT(inspect(disk_, "store").damage, IsEmpty()) << (fails ? "failure" : "crash") << " at " << at;
    }
  }
}

// Nothing is removed because of a state before that is durable, whoever wrote it.
TEST_F(RunStoreTest, AStateWhoseSyncFailedIsMadeDurableByTheNextStart) {
  begin();
  run_.whole_round(1);
  const std::uint64_t begun = disk_.operations();
  run_.save_models(1);
  const std::uint64_t operations = disk_.operations() - begun;
  for (std::uint64_t at = 0; at < operations; ++at) {
    run_.close();
    disk_ = SimulatedDisk();
    begin();
    run_.whole_round(1);
    disk_.fail_at(disk_.operations() + at);
    EXPECT_ANY_THROW(run_.save_models(1));
    reopen(Loss::Nothing);
    run_.whole_round(2);
    run_.whole_round(3);
    reopen(Loss::Everything);
    ASSERT_THAT(inspect(disk_, "store").damage, IsEmpty()) << "failure at " << at;
  }
}

TEST_F(RunStoreTest, EveryStateThatACrashLeavesHasItsEdgeCopies) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    run_.close();
    disk_ = SimulatedDisk();
    begin();
    run_.whole_round(1);
    run_.save_models(1, "edge 1");
    run_.whole_round(2);
    run_.save_models(2, "edge 2");
    run_.close();
    RandomStream random(seed, "power");
    disk_.restart(Loss::Torn, random);
    ASSERT_THAT(inspect(disk_, "store").damage, IsEmpty()) << seed;
  }
}

TEST_F(RunStoreTest, WhatNothingNeedsAnyMoreGoes) {
  begin();
  for (std::uint64_t round = 1; round <= 4; ++round) run_.whole_round(round);
  EXPECT_THAT(rounds_with_log(disk_, "store"), ElementsAre(1, 2, 3, 4)) << "the models cannot be made without them";
  run_.save_models(4);
  EXPECT_THAT(rounds_with_log(disk_, "store"), ElementsAre(4));
  EXPECT_THAT(disk_.list("store/spool"), Not(IsEmpty()));
  for (const std::string& file : disk_.list("store/spool")) EXPECT_TRUE(file.starts_with("4.")) << file;
  run_.whole_round(5);
  run_.save_models(5);
  EXPECT_THAT(rounds_with_state(disk_, "store"), ElementsAre(5));
  const RunStore& store = reopen();
  EXPECT_THAT(store.history().rounds, SizeIs(5)) << "the chain stays";
  EXPECT_EQ(store.models()->global[2], 5.0F);
  EXPECT_EQ(store.edge(sha256(as_bytes("edge"))), to_bytes("edge"));
}

TEST_F(RunStoreTest, ModelsAreSavedWhenManyRoundsOrBytesHaveGoneBy) {
  begin();
  std::uint64_t round = 0;
  while (!run_.store().wants_models(1000) && round < 100) run_.whole_round(++round);
  EXPECT_EQ(round, 16U);
  run_.save_models(16);
  EXPECT_FALSE(run_.store().wants_models(1000));
}

TEST_F(RunStoreTest, AHistoryThatIsMissingOrShortenedIsNamed) {
  begin();
  run_.whole_round(1);
  run_.whole_round(2);
  run_.open_round(3);
  run_.close();
  // The last whole frame of the history goes.
  const auto history = disk_.map("store/history");
  for (std::uint64_t size = history->bytes().size() - 1; size > 0; size -= 40) {
    disk_.open("store/history")->truncate(size);
    const std::string failure = failure_of_opening();
    if (failure.empty()) {
      // Only what was written after the round ended is gone: its evaluation.
      ASSERT_THAT(run_.store().history().rounds, SizeIs(2)) << size;
    } else {
      EXPECT_THAT(failure, HasSubstr("store/history")) << size;
    }
    run_.close();
    if (size < 40) break;
  }
  disk_.remove("store/history");
  EXPECT_THAT(failure_of_opening(), HasSubstr("store/history: missing"));
}

TEST_F(RunStoreTest, ARecordBeforeTheFirstRoundIsCorrupt) {
  History history;
  const auto taken = [&](const Record& record) {
    try {
      take(history, to_entry(record), "history");
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Error::Kind::Corrupt);
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_THAT(taken(RoundRecorded{0, "{}"}), HasSubstr("out of place"));
  EXPECT_THAT(taken(RunBegun{}), IsEmpty());
  EXPECT_THAT(taken(RoundRecorded{0, "{}"}), HasSubstr("out of place"));
}

TEST_F(RunStoreTest, AMissingOrChangedUpdateIsNamedWithItsParticipant) {
  begin();
  run_.open_round(1);
  run_.add("bob", 1, false);
  const std::string file = run_.accepted("bob", 1, false).file;
  run_.close();
  disk_.flip(Path("store/spool") / file, 77, 0);
  EXPECT_THAT(failure_of_opening(), HasSubstr(file + ": damaged (the update of bob"));
  disk_.remove(Path("store/spool") / file);
  EXPECT_THAT(failure_of_opening(), HasSubstr(file + ": missing (the update of bob"));
}

TEST_F(RunStoreTest, ASmallUpdateNeedsNoFile) {
  begin();
  run_.open_round(1);
  run_.add("alice", 1, true);
  const std::string file = run_.accepted("alice", 1, true).file;
  run_.close();
  disk_.remove(Path("store/spool") / file);
  const RunStore& store = run_.open();
  EXPECT_EQ(checksum(disk_.map(store.spool() / file)->bytes()), store.unfinished()->accepted[0].announced.checksum);
}

}  // namespace
}  // namespace tributary::coordinator::store
