#include "coordinator/store/inspection.h"

#include <iostream>

#include <gmock/gmock.h>

#include "scripted_run.h"

#include "common/base/error.h"

namespace tributary::coordinator::store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class InspectionTest : public testing::Test {
 protected:
  InspectionTest() { make(); }
  void make() {
    run_.close();
    disk_ = SimulatedDisk();
    run_.open();
    run_.begin();
    for (std::uint64_t round = 1; round <= 2; ++round) run_.whole_round(round);
    run_.save_models(2);
    run_.whole_round(3);
    run_.open_round(4);
    run_.add("alice", 4, true);
    run_.add("bob", 4, false);
    run_.close();
  }
  std::vector<std::string> damage() const { return inspect(disk_, "store").damage; }

  SimulatedDisk disk_;
  ScriptedRun run_{disk_};
};

TEST_F(InspectionTest, AWholeStoreIsToldAsItIs) {
  const Inspection it = inspect(disk_, "store");
  EXPECT_THAT(it.damage, IsEmpty());
  EXPECT_THAT(it.notes, IsEmpty());
  EXPECT_THAT(it.history.rounds, SizeIs(3));
  ASSERT_TRUE(it.unfinished);
  EXPECT_THAT(it.unfinished->accepted, SizeIs(2));
  EXPECT_EQ(it.updates_checked, 4U) << "those of rounds 1 and 2 are in the models saved";
}

TEST_F(InspectionTest, UpdatesOfAnAbortedRoundMayBeGone) {
  SimulatedDisk disk;
  ScriptedRun run(disk, /*keep_rounds=*/0);
  run.open();
  run.begin();
  run.open_round(1);
  run.add("bob", 1, false);
  RoundEnded aborted = ScriptedRun::ended(1);
  aborted.published = false;
  run.store().end_round(aborted);
  EXPECT_THAT(disk.list("store/spool"), IsEmpty());
  EXPECT_THAT(inspect(disk, "store").damage, IsEmpty());
}

// Files of the spool are written over: a crash may leave the old name with the new bytes.
TEST_F(InspectionTest, WhatIsLeftOfAnUpdateThatNothingNeedsIsNotedAndNoDamage) {
  SimulatedDisk disk;
  ScriptedRun run(disk);
  run.open();
  run.begin();
  run.whole_round(1);
  run.save_models(1);
  disk.create(run.store().spool() / run.store().round(1).accepted[1].file)->write_at(0, to_bytes("of another"));
  const Inspection it = inspect(disk, "store");
  EXPECT_THAT(it.damage, IsEmpty());
  ASSERT_THAT(it.notes, SizeIs(1));
  EXPECT_THAT(it.notes[0], HasSubstr("not needed any more"));
}

TEST_F(InspectionTest, WhereThereIsNoStoreItSaysSo) {
  EXPECT_THROW(inspect(disk_, "elsewhere"), Error);
}

TEST_F(InspectionTest, AMissingFileIsNamed) {
  const std::vector<Path> files = disk_.files();
  for (const Path& file : files) {
    make();
    disk_.remove(file);
    const auto found = damage();
    const bool small =
        file.filename().string().starts_with("3.alice") || file.filename().string().starts_with("4.alice");
    const bool covered = file.filename().string().starts_with("2.") || file.filename() == "2.log";
    if (small || covered) continue;  // the log has it too; may be pruned at any time
    ASSERT_THAT(found, Not(IsEmpty())) << file;
    EXPECT_THAT(testing::PrintToString(found),
                HasSubstr(file.filename() == "history" ? "history" : file.filename().string()))
        << file;
  }
}

// A changed bit anywhere in a store: whoever reads it finds it damaged, or finds in it exactly what there was.
TEST_F(InspectionTest, AChangedBitIsDetectedOrHarmless) {
  const auto told = [](const RunStore& store) {
    std::string text;
    for (const auto& round : store.history().rounds) text += round.record + chain_of(round.ended).hex() + "\n";
    for (const auto& each : store.unfinished()->accepted) {
      const auto file = store.files().map(store.spool() / each.file);
      text += each.participant + checksum(file->bytes()).hex() + "\n";
    }
    const ModelState models = *store.models();
    for (const float value : models.global) text += std::to_string(value) + " ";
    for (const Digest& edge : models.edges) text += sha256(store.edge(edge)).hex();
    for (const auto& each : store.round(3).accepted) {
      if (each.bytes.empty()) store.check_update(each);
      text += each.participant;
    }
    return text;
  };
  const std::string expected = told(run_.open());
  run_.close();
  make();
  std::vector<std::pair<Path, std::uint64_t>> bytes;
  for (const Path& file : disk_.files()) {
    for (std::uint64_t at = 0; at < disk_.map(file)->bytes().size(); ++at) bytes.emplace_back(file, at);
  }
  const char* asked = std::getenv("TRIBUTARY_BIT_FLIPS");
  const std::uint64_t flips = asked ? std::stoull(asked) : 500;
  RandomStream random(5, "flips");
  std::uint64_t detected = 0, harmless = 0;
  for (std::uint64_t i = 0; i < flips; ++i) {
    make();
    // Half of them in the small files, of which nearly every bit matters.
    auto where = bytes[random.below(bytes.size())];
    while (i % 2 == 0 && where.first.parent_path() == "store/spool") where = bytes[random.below(bytes.size())];
    disk_.flip(where.first, where.second, static_cast<unsigned>(random.below(8)));
    const bool named = !damage().empty();
    try {
      ASSERT_EQ(told(run_.open()), expected) << where.first << " byte " << where.second;
      ++harmless;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Error::Kind::Corrupt) << e.what();
      EXPECT_TRUE(named) << "the inspection passes over " << where.first << " byte " << where.second;
      ++detected;
    }
  }
  std::cout << flips << " bits changed: " << detected << " detected, " << harmless << " harmless\n";
  EXPECT_GT(detected, flips / 3);
}

}  // namespace
}  // namespace tributary::coordinator::store
