// What survives a crash of the coordinator: power lost at chosen and at every moment, on a simulated disk.
#include <cstdlib>
#include <iostream>
#include <set>

#include <gmock/gmock.h>

#include "scripted_federation.h"

#include "coordinator/store/inspection.h"

namespace tributary::coordinator {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Loss = SimulatedDisk::Loss;

class DurabilityTest : public ScriptedFederation {
 protected:
  ScriptedParticipant& alice() { return participant("alice"); }
  ScriptedParticipant& bob() { return participant("bob"); }

  ScriptedUpdate take_part(ScriptedParticipant& who) {
    ScriptedUpdate made = update(who.name(), who.expects<wire::Offer>());
    who.uploads(made);
    EXPECT_TRUE(who.expects<wire::Verdict>().accepted);
    return made;
  }
  // Comes back and announces again what it had announced.
  void returns(ScriptedParticipant& who, const ScriptedUpdate& update) {
    who.joins();
    ScriptedUpdate again = update;
    again.announcement.awaits = true;
    who.announces(again);
  }
  void restart(const std::vector<std::string>& names) {
    open();
    for (const std::string& name : names) participant(name).joins();
    begin_run();
  }
};

TEST_F(DurabilityTest, AnAcknowledgedUpdateSurvivesAndTheRoundGoesOnWithIt) {
  start({"alice", "bob"});
  const auto offer = bob().expects<wire::Offer>();
  const auto alices = take_part(alice());
  crashes();
  restart({"alice", "bob"});
  alice().expects_silence();
  const auto offered_again = bob().expects<wire::Offer>();
  EXPECT_EQ(offered_again.round, 1U);
  EXPECT_EQ(offered_again.edge, offer.edge);
  const auto bobs = update("bob", offered_again);
  bob().uploads(bobs);
  EXPECT_EQ(record(1).model_digest, reference({alices, bobs}));
  EXPECT_EQ(record(1).accepted, 2U);
}

// By how much an update is clipped is written down with it: the bytes in the spool do not say.
TEST_F(DurabilityTest, AClippedUpdateCountsAfterTheCrashAsItWouldHaveBefore) {
  settings_.update_clip_norm = 0.5;
  settings_.rounds = 2;
  settings_.round.participants = Share::parse("2");
  start({"alice", "bob"});
  std::vector<ScriptedUpdate> first{take_part(alice()), take_part(bob())};
  const Digest after_first = record(1).model_digest;
  EXPECT_EQ(record(1).clipped, 2U);
  EXPECT_NE(after_first, reference(first)) << "nothing was clipped";
  take_part(alice());
  crashes();
  restart({"alice", "bob"});  // round 1 is made again from its updates, round 2 goes on
  take_part(bob());
  const RoundRecord crashed = record(2);
  EXPECT_EQ(crashed.clipped, 2U);

  crashes();
  disk_ = SimulatedDisk();
  observed_.records.clear();
  start({"alice", "bob"});
  take_part(alice());
  take_part(bob());
  EXPECT_EQ(record(1).model_digest, after_first);
  take_part(alice());
  take_part(bob());
  EXPECT_EQ(record(2).model_digest, crashed.model_digest);
}

TEST_F(DurabilityTest, TheRunKeepsItsName) {
  open();
  alice().connects();
  alice().says(wire::Hello{});
  const auto before = alice().expects<wire::Welcome>().run;
  begin_run();
  crashes();
  open();
  alice().connects();
  alice().says(wire::Hello{});
  EXPECT_EQ(alice().expects<wire::Welcome>().run, before);
  begin_run();
}

TEST_F(DurabilityTest, OneThatMissedItsVerdictIsToldItAlsoAfterTheRound) {
  settings_.rounds = 2;
  settings_.round.participants = Share::parse("2");
  start({"alice", "bob"});
  const auto alices = take_part(alice());
  const auto bobs = take_part(bob());
  record(1);
  crashes();
  open();
  begin_run();
  returns(alice(), alices);
  const auto offer = alice().expects<wire::Offer>();
  EXPECT_EQ(offer.round, 2U);
  const auto verdict = alice().expects<wire::Verdict>();
  EXPECT_TRUE(verdict.accepted);
  EXPECT_EQ(verdict.round, 1U);
  alice().uploads(update("alice", offer));
  EXPECT_TRUE(alice().expects<wire::Verdict>().accepted);
  bob().joins();
  const auto second = std::vector{update("alice", offer), take_part(bob())};
  EXPECT_EQ(record(2).model_digest, digest_of(moved(moved(graph_.parameters(), {alices, bobs}), second)));
}

TEST_F(DurabilityTest, AnUploadGoesOnWhereTheProcessWasKilled) {
  start({"alice", "bob"});
  const auto alices = update("alice", alice().expects<wire::Offer>());
  ASSERT_GT(alices.blob.size(), 250U);
  alice().announces(alices);
  alice().sends_chunks(alices, 0, 200);
  const auto bobs = take_part(bob());
  crashes(Loss::Nothing);
  open();
  begin_run();
  returns(alice(), alices);
  alice().expects<wire::Offer>();
  const auto proceed = alice().expects<wire::Proceed>();
  EXPECT_EQ(proceed.offset, 200U);
  alice().sends_chunks(alices, proceed.offset);
  EXPECT_TRUE(alice().expects<wire::Verdict>().accepted);
  EXPECT_EQ(record(1).model_digest, reference({alices, bobs}));
}

TEST_F(DurabilityTest, AnUploadThatALostLineCutGoesOnToo) {
  start({"alice", "bob"});
  const auto alices = update("alice", alice().expects<wire::Offer>());
  alice().announces(alices);
  alice().sends_chunks(alices, 0, 200);
  alice().loses_its_line();
  returns(alice(), alices);
  alice().expects<wire::Offer>();
  EXPECT_EQ(alice().expects<wire::Proceed>().offset, 200U);
  alice().sends_chunks(alices, 200);
  EXPECT_TRUE(alice().expects<wire::Verdict>().accepted);
  const auto bobs = take_part(bob());
  EXPECT_EQ(record(1).model_digest, reference({alices, bobs}));
}

TEST_F(DurabilityTest, WhatTheCrashDamagedOfAnUploadIsAskedForAgain) {
  start({"alice", "bob"});
  const auto alices = update("alice", alice().expects<wire::Offer>());
  alice().announces(alices);
  alice().sends_chunks(alices, 0, 200);
  const auto bobs = take_part(bob());
  crashes(Loss::Nothing);
  for (const Path& file : disk_.files()) {
    if (file.filename().string().starts_with("1.alice.")) disk_.flip(file, 100, 3);
  }
  open();
  begin_run();
  returns(alice(), alices);
  alice().expects<wire::Offer>();
  alice().sends_chunks(alices, alice().expects<wire::Proceed>().offset);
  EXPECT_EQ(alice().expects<wire::Proceed>().offset, 0U);
  alice().sends_chunks(alices);
  EXPECT_TRUE(alice().expects<wire::Verdict>().accepted);
  EXPECT_EQ(record(1).model_digest, reference({alices, bobs}));
}

TEST_F(DurabilityTest, ARefusedParticipantStaysRefusedInItsRound) {
  settings_.round.quorum = Share::parse("1");
  start({"alice", "bob", "carol"});
  auto bad = update("carol", participant("carol").expects<wire::Offer>());
  bad.announcement.examples = 0;
  participant("carol").announces(bad);
  EXPECT_FALSE(participant("carol").expects<wire::Verdict>().accepted);
  const auto alices = take_part(alice());
  crashes();
  restart({"alice", "bob", "carol"});
  participant("carol").expects_silence();
  const auto bobs = take_part(bob());
  EXPECT_EQ(record(1).model_digest, reference({alices, bobs}));
  EXPECT_EQ(record(1).refused.at("no examples"), 1U);
}

TEST_F(DurabilityTest, AnUpdateIsNotAcknowledgedBeforeItIsDurable) {
  start({"alice", "bob"});
  disk_.fail_at(disk_.operations() + 1);  // the upload's file is still made
  const auto alices = update("alice", alice().expects<wire::Offer>());
  alice().announces(alices);
  alice().sends_chunks(alices);
  const auto said = alice().expects<wire::Verdict>();
  EXPECT_FALSE(said.accepted);
  EXPECT_EQ(said.reason, "not stored");
}

TEST_F(DurabilityTest, ADiskThatCannotKeepWhatCountsEndsTheRunAndNobodyIsToldOtherwise) {
  start({"alice", "bob"});
  const auto alices = update("alice", alice().expects<wire::Offer>());
  alice().announces(alices);
  alice().sends_chunks(alices, 0, alices.blob.size() - 50);
  disk_.fail_from(disk_.operations() + 1);  // the last chunk is written, the log is not
  alice().sends_chunks(alices, (alices.blob.size() - 1) / 100 * 100);
  EXPECT_GT(alice().expects<wire::Goodbye>().retry_seconds, 0);
  EXPECT_THAT(failure_, HasSubstr("No space left"));
  failure_.clear();
  crashes();
  restart({"alice", "bob"});
  const auto updates = std::vector{take_part(alice()), take_part(bob())};
  EXPECT_EQ(record(1).model_digest, reference(updates));
}

TEST_F(DurabilityTest, ADamagedUpdateThatWasAcknowledgedStopsTheStartAndIsNamed) {
  graph_ = model::make_zoo_model("mlp:120-140-3", 7);  // no small update
  start({"alice", "bob"});
  take_part(alice());
  crashes();
  Path damaged;
  for (const Path& file : disk_.files()) {
    if (file.filename().string().starts_with("1.alice.")) damaged = file;
  }
  disk_.flip(damaged, 1000, 3);
  try {
    open();
    FAIL() << "it started";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Corrupt);
    EXPECT_THAT(e.what(), HasSubstr(damaged.filename().string()));
    EXPECT_THAT(e.what(), HasSubstr("alice"));
  }
  store_.reset();
}

// A whole run of participants that do what they are asked and come back whenever the coordinator does.
class CrashingRunTest : public DurabilityTest, public testing::WithParamInterface<SimulatedDisk::Loss> {
 protected:
  static constexpr std::uint64_t kRounds = 5;

  CrashingRunTest() {
    settings_.rounds = kRounds;
    settings_.server.momentum = 0.5;
    settings_.edge.sparsity_end = 4;
    store_options_.checkpoint_rounds = 2;
  }

  // Runs to the end, whatever happens on the way; the digest of the last model.
  std::string run_to_the_end(std::uint64_t crash_at) {
    disk_.crash_at(crash_at);
    for (int life = 0; life < 3; ++life) {
      if (live()) return digest_of(ending_->global).hex();
      crashes(GetParam());
    }
    ADD_FAILURE() << "it does not come to its end: " << failure_;
    return "";
  }

  // One life of the coordinator; whether it came to the end of the run.
  bool live() {
    try {
      open();
    } catch (const SimulatedDisk::Crashed&) {
      return false;
    }
    for (const char* name : kNames) returns_with_pending(name);
    begin_run();
    const TimePoint limit = clock_.now() + kPatience;
    while (!ending_ && failure_.empty() && clock_.now() < limit) {
      pass(0.01);
      for (const char* name : kNames) answer(participant(name));
    }
    return ending_.has_value();
  }

  void returns_with_pending(const std::string& name) {
    participant(name).joins();
    if (const auto pending = pending_.find(name); pending != pending_.end()) {
      ScriptedUpdate again = pending->second;
      again.announcement.awaits = true;
      participant(name).announces(again);
    }
  }

  void answer(ScriptedParticipant& who) {
    auto& inbox = who.line().inbox;
    while (!inbox.empty()) {
      const wire::Message message = std::move(inbox.front());
      inbox.pop_front();
      if (const auto* offer = std::get_if<wire::Offer>(&message)) {
        if (const auto known = pending_.find(who.name());
            known != pending_.end() && known->second.announcement.round == offer->round)
          continue;  // announced already
        if (acknowledged_.contains({offer->round, who.name()})) continue;
        pending_[who.name()] = update(who.name(), *offer);
        who.uploads(pending_.at(who.name()));
      } else if (const auto* verdict = std::get_if<wire::Verdict>(&message)) {
        if (verdict->accepted) acknowledged_.insert({verdict->round, who.name()});
        pending_.erase(who.name());
        if (!verdict->accepted) refused_ = true;
      } else if (const auto* proceed = std::get_if<wire::Proceed>(&message)) {
        who.sends_chunks(pending_.at(who.name()), proceed->offset);
      }
    }
  }

  // Every update is in the round that the store tells of, once, and was acknowledged. But for one thing: when a crash
  // comes between the end of the last round and its verdicts, the coordinator comes back with nothing left to do and
  // says goodbye.
  void expect_nothing_lost(std::uint64_t rounds_acknowledged = kRounds) {
    const store::Inspection it = store::inspect(disk_, "store");
    EXPECT_THAT(it.damage, IsEmpty());
    ASSERT_EQ(it.history.rounds.size(), kRounds);
    for (const auto& past : it.history.rounds) {
      const RoundRecord record = record_from_json(past.record, "store");
      EXPECT_EQ(record.accepted, 3U) << "round " << past.ended.round;
      EXPECT_TRUE(past.ended.published);
    }
    for (std::uint64_t round = 1; round <= rounds_acknowledged; ++round) {
      for (const char* name : kNames)
        EXPECT_TRUE(acknowledged_.contains({round, name})) << name << " in round " << round;
    }
  }

  static constexpr const char* kNames[] = {"alice", "bob", "carol"};
  std::map<std::string, ScriptedUpdate> pending_;  // announced, no verdict seen
  std::set<std::pair<std::uint64_t, std::string>> acknowledged_;
  bool refused_ = false;
};

TEST_P(CrashingRunTest, EndsWithTheSameModelWhereverItCrashes) {
  settings_.round.participants = Share::parse("3");
  const std::string expected = run_to_the_end(~std::uint64_t{0});
  const std::uint64_t operations = disk_.operations();
  ASSERT_GT(operations, 100U);
  expect_nothing_lost();
  std::size_t crashes_seen = 0;
  const std::uint64_t step = std::getenv("TRIBUTARY_EVERY_STEP") ? 1 : std::max<std::uint64_t>(operations / 67, 1);
  for (std::uint64_t at = 0; at < operations; at += step) {
    crashes(Loss::Nothing);
    pending_.clear();
    acknowledged_.clear();
    disk_ = SimulatedDisk();
    ASSERT_EQ(run_to_the_end(at), expected) << "crash at operation " << at;
    expect_nothing_lost(kRounds - 1);
    ++crashes_seen;
    if (HasFailure()) break;
  }
  RecordProperty("crashes", static_cast<int>(crashes_seen));
  std::cout << crashes_seen << " crashes, each at another of " << operations << " operations\n";
}

INSTANTIATE_TEST_SUITE_P(All, CrashingRunTest, testing::Values(Loss::Nothing, Loss::Everything, Loss::Torn),
                         [](const auto& info) {
                           if (info.param == Loss::Nothing) return "ProcessKilled";
                           return info.param == Loss::Torn ? "Torn" : "UnsyncedLost";
                         });

}  // namespace
}  // namespace tributary::coordinator
