// Whole rounds: what honest participants see, and what is kept.
#include <gmock/gmock.h>

#include "scripted_federation.h"

#include "common/codec/edge_copy.h"
#include "common/codec/edge_delta.h"
#include "common/model/skeleton.h"

namespace tributary::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class ServerTest : public ScriptedFederation {
 protected:
  ScriptedParticipant& alice() { return participant("alice"); }
  ScriptedParticipant& bob() { return participant("bob"); }
  ScriptedParticipant& carol() { return participant("carol"); }
  ScriptedParticipant& dave() { return participant("dave"); }

  // Takes the offer and answers it.
  ScriptedUpdate take_part(ScriptedParticipant& who, std::uint64_t examples = 10) {
    const auto offer = who.expects<wire::Offer>();
    ScriptedUpdate made = update(who.name(), offer, examples);
    who.uploads(made);
    return made;
  }
  void expect_accepted(ScriptedParticipant& who) {
    const auto verdict = who.expects<wire::Verdict>();
    EXPECT_TRUE(verdict.accepted) << who.name() << ": " << verdict.reason;
  }
};

TEST_F(ServerTest, ARoundGivesTheReferenceAggregateBitForBit) {
  start({"alice", "bob", "carol"});
  const std::vector<ScriptedUpdate> updates = {take_part(alice(), 10), take_part(carol(), 900), take_part(bob(), 31)};
  for (auto* each : {&alice(), &bob(), &carol()}) expect_accepted(*each);
  const RoundRecord kept = record(1);
  EXPECT_TRUE(kept.published);
  EXPECT_EQ(kept.selected, 3U);
  EXPECT_EQ(kept.accepted, 3U);
  EXPECT_THAT(kept.refused, ElementsAre());
  EXPECT_EQ(kept.examples, 941U);
  EXPECT_DOUBLE_EQ(kept.train_loss, 1.5);
  EXPECT_EQ(kept.update_bytes, updates[0].blob.size());
  EXPECT_EQ(kept.model_digest.hex(), reference(updates).hex());
  EXPECT_EQ(ending().why, "1 round");
  EXPECT_EQ(ending().round, 1U);
  EXPECT_EQ(digest_of(ending().global), kept.model_digest);
  EXPECT_EQ(sha256(ending().edge.blob), kept.edge_digest);
  alice().expects_goodbye("1 round");
}

TEST_F(ServerTest, ALongUpdateIsScaledDownToTheBoundAndCounted) {
  settings_.rounds = 1;
  settings_.update_clip_norm = 0.125;  // of updates of norms about 0.7
  start({"alice", "bob"});
  const auto mine = take_part(alice(), 100);
  const auto theirs = take_part(bob(), 300);
  const RoundRecord first = record(1);
  EXPECT_EQ(first.clipped, 2U);
  EXPECT_EQ(first.encodings, (std::map<std::string, std::uint64_t>{{"float32", 2}}));
  const auto layout = graph_.layout();
  Accumulator sum(layout, settings_.round.max_examples);
  for (const ScriptedUpdate& update : {mine, theirs}) {
    const auto check = codec::check_update(update.blob, *layout, {.clip_norm = 0.125});
    EXPECT_LT(check.factor, 1);
    const Accumulator::Contribution one{update.blob, update.announcement.examples, check.factor};
    sum.add(std::span(&one, 1), 1);
  }
  model::ParameterSet after = graph_.parameters();
  std::vector<float> mean(layout->size());
  sum.mean(mean);
  ServerOptimizer(layout, settings_.server).apply(after.values(), mean);
  EXPECT_EQ(first.model_digest, digest_of(after));
}

TEST_F(ServerTest, AutoAsksForTheMostExactEncodingWithinTheBudget) {
  settings_.update_encoding = "auto";
  settings_.update_budget_bytes = codec::UpdateEncoding::parse("int8").expected_bytes(*graph_.layout());
  start({"alice", "bob"});
  const auto offer = alice().expects<wire::Offer>();
  EXPECT_EQ(offer.encoding, codec::encoding_within(*graph_.layout(), settings_.update_budget_bytes).text());
  EXPECT_EQ(offer.encoding, "int8");
}

TEST_F(ServerTest, ABudgetThatNoEncodingMeetsIsRefusedBeforeAnybodyIsAsked) {
  settings_.update_encoding = "auto";
  settings_.update_budget_bytes = 10;
  try {
    start({"alice"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Malformed);
    EXPECT_EQ(std::string(e.what()).find("update.budget_bytes = 10 is below what the smallest encoding, "), 0U);
  }
}

TEST_F(ServerTest, WhatIsOfferedCanBeFetchedAndIsTheModel) {
  start({"alice", "bob"});
  const auto offer = alice().expects<wire::Offer>();
  const Bytes skeleton = alice().fetches(offer.model, offer.model_bytes);
  EXPECT_EQ(sha256(skeleton), offer.model);
  EXPECT_EQ(model::unpack_skeleton(skeleton, "offer").layout()->digest(), graph_.layout()->digest());
  const Bytes edge = alice().fetches(offer.edge, offer.edge_bytes);
  EXPECT_EQ(sha256(edge), offer.edge);
  EXPECT_NO_THROW(codec::decode_edge_copy(edge, graph_.layout()));
  EXPECT_NEAR(offer.deadline_seconds, 100, 1);
  EXPECT_EQ(offer.seed, settings_.seed);
}

TEST_F(ServerTest, AFetchMayBeginAnywhereInABlob) {
  graph_ = model::make_zoo_model("mlp:600-700-3", 7);  // an edge copy of several chunks
  settings_.edge.bits = 32;
  settings_.edge.sparsity = 0;
  start({"alice", "bob"});
  const auto offer = alice().expects<wire::Offer>();
  ASSERT_GT(offer.edge_bytes, 6 * 256 * 1024U);
  const Bytes whole = alice().fetches(offer.edge, offer.edge_bytes);
  ASSERT_EQ(sha256(whole), offer.edge);
  for (const std::uint64_t offset :
       {std::uint64_t{1}, std::uint64_t{256 * 1024}, std::uint64_t{300'001}, offer.edge_bytes - 1}) {
    const Bytes rest = alice().fetches(offer.edge, offer.edge_bytes, offset);
    EXPECT_EQ(rest, Bytes(whole.begin() + static_cast<std::ptrdiff_t>(offset), whole.end())) << offset;
  }
}

TEST_F(ServerTest, TheNextRoundStartsFromTheModelOfTheLast) {
  settings_.rounds = 2;
  start({"alice", "bob"});
  const auto first = std::vector{take_part(alice()), take_part(bob())};
  expect_accepted(alice());
  expect_accepted(bob());
  const auto second = std::vector{take_part(alice()), take_part(bob())};
  EXPECT_NE(first[0].announcement.edge, second[0].announcement.edge);
  EXPECT_EQ(record(1).edge_digest, second[0].announcement.edge);
  EXPECT_EQ(record(2).model_digest, digest_of(moved(moved(graph_.parameters(), first), second)));
}

TEST_F(ServerTest, OneThatIsNotAskedIsToldWhenToComeBack) {
  settings_.round.cohort = Share::parse("2");
  settings_.round.retry_seconds = 30;
  settings_.round.participants = Share::parse("3");
  start({"alice", "bob", "carol"});
  int asked = 0, away = 0;
  for (auto* each : {&alice(), &bob(), &carol()}) {
    settle();
    ASSERT_FALSE(each->line().inbox.empty());
    if (std::holds_alternative<wire::Offer>(each->line().inbox.front())) {
      take_part(*each);
      ++asked;
    } else {
      const auto wait = each->expects<wire::Wait>();
      EXPECT_GE(wait.seconds, 30);
      EXPECT_LE(wait.seconds, 60);
      ++away;
    }
  }
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(away, 1);
  record(1);
}

TEST_F(ServerTest, OneWhoseUpdateCountedRestsBeforeItIsAskedAgain) {
  settings_.rounds = 2;
  settings_.round.min_interval_seconds = 20;
  start({"alice", "bob"});
  for (auto* each : {&alice(), &bob()}) take_part(*each);
  for (auto* each : {&alice(), &bob()}) expect_accepted(*each);
  record(1);
  pass(19);
  alice().expects_silence();
  pass(2);
  for (auto* each : {&alice(), &bob()}) take_part(*each);
  EXPECT_EQ(record(2).accepted, 2U);
}

// A model large enough, and slow enough, for a difference to be smaller than the copy.
class DifferencesTest : public ServerTest {
 protected:
  DifferencesTest() {
    graph_ = model::make_zoo_model("mlp:60-70-3", 7);
    settings_.rounds = 3;
    settings_.server.learning_rate = 0.001;
  }
  // Alice takes differences, bob does not.
  void start_both() {
    open();
    alice().joins_with({});
    bob().joins();
    begin_run();
  }
  // A round of both; what was offered to alice.
  wire::Offer round() {
    const auto offer = alice().expects<wire::Offer>();
    alice().uploads(update("alice", offer));
    EXPECT_FALSE(bob().expects<wire::Offer>().delta);
    bob().uploads(update("bob", offer));
    expect_accepted(alice());
    expect_accepted(bob());
    record(offer.round);
    return offer;
  }
};

TEST_F(DifferencesTest, WhoTrainedFromACopyIsOfferedTheDifferenceToItAndMayStillFetchTheWhole) {
  start_both();
  const auto first = alice().expects<wire::Offer>();
  EXPECT_FALSE(first.delta);
  const Bytes base = alice().fetches(first.edge, first.edge_bytes);
  alice().uploads(update("alice", first));
  bob().uploads(update("bob", bob().expects<wire::Offer>()));
  expect_accepted(alice());
  expect_accepted(bob());
  const auto second = alice().expects<wire::Offer>();
  ASSERT_TRUE(second.delta);
  EXPECT_FALSE(bob().expects<wire::Offer>().delta) << "it did not say that it can";
  EXPECT_EQ(second.delta->base, first.edge);
  EXPECT_LT(second.delta->delta_bytes, second.edge_bytes);
  const Bytes delta = alice().fetches(second.delta->delta, second.delta->delta_bytes);
  EXPECT_EQ(sha256(delta), second.delta->delta);
  const Bytes whole = alice().fetches(second.edge, second.edge_bytes);
  EXPECT_EQ(codec::rebuild_edge_copy(delta, base, graph_.layout()), whole);
}

TEST_F(DifferencesTest, WhoComesBackWithACopyIsOfferedTheDifferenceToIt) {
  start_both();
  const auto first = round();
  alice().loses_its_line();
  alice().joins_with({sha256(as_bytes("of another run")), first.edge});
  auto offer = alice().expects<wire::Offer>();
  ASSERT_TRUE(offer.delta);
  EXPECT_EQ(offer.delta->base, first.edge);
  alice().loses_its_line();
  alice().joins_with({});
  EXPECT_FALSE(alice().expects<wire::Offer>().delta) << "it has lost its copy";
}

TEST_F(DifferencesTest, AFetchOfADifferenceMayCrossWithTheEndOfItsRound) {
  start_both();
  round();
  const auto offer = alice().expects<wire::Offer>();
  ASSERT_TRUE(offer.delta);
  pass(101);  // the round ends at its deadline, without a quorum
  alice().says(wire::Fetch{offer.delta->delta, 0});
  EXPECT_EQ(alice().expects<wire::RoundClosed>().round, offer.round);
  const auto next = alice().expects<wire::Offer>();
  ASSERT_TRUE(next.delta);
  EXPECT_EQ(next.delta->delta, offer.delta->delta);
}

TEST_F(DifferencesTest, WithoutAHistoryThereIsNone) {
  settings_.edge.history = 0;
  start_both();
  EXPECT_FALSE(round().delta);
  EXPECT_FALSE(round().delta);
}

TEST_F(DifferencesTest, UnquantisedCopiesHaveNone) {
  settings_.edge.bits = 32;
  start_both();
  EXPECT_FALSE(round().delta);
  EXPECT_FALSE(round().delta);
}

TEST_F(ServerTest, WhoHasNoNewExamplesIsNotAskedAgainBeforeItHasRested) {
  settings_.rounds = 2;
  settings_.round.quorum = Share::parse("1");
  settings_.round.rest_seconds = 3600;
  start({"alice", "bob"});
  const auto offer = bob().expects<wire::Offer>();
  bob().says(wire::Decline{offer.round, std::string(wire::kNoExamples)});
  take_part(alice());
  EXPECT_EQ(record(1).selected, 2u);
  expect_accepted(alice());
  take_part(alice());
  EXPECT_EQ(record(2).selected, 1u) << "bob rests";
}

TEST_F(ServerTest, ARoundBelowItsQuorumLeavesTheModelAsItWasAndTheNextFollows) {
  settings_.rounds = 2;
  start({"alice", "bob"});
  take_part(alice());
  const auto offer = bob().expects<wire::Offer>();
  bob().says(wire::Decline{offer.round, "no examples"});
  const RoundRecord aborted = record(1);
  EXPECT_FALSE(aborted.published);
  EXPECT_EQ(aborted.model_digest, digest_of(graph_.parameters()));
  EXPECT_THAT(aborted.refused, ElementsAre(Pair("declined: no examples", 1)));
  expect_accepted(alice());
  const auto second = std::vector{take_part(alice()), take_part(bob())};
  EXPECT_EQ(second[0].announcement.edge, offer.edge);
  EXPECT_EQ(record(2).model_digest, reference(second));
}

TEST_F(ServerTest, AbortedRoundsDoNotSpin) {
  settings_.rounds = 3;
  settings_.round.quorum = Share::parse("1");
  start({"alice", "bob"});
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (auto* each : {&alice(), &bob()}) each->says(wire::Decline{each->expects<wire::Offer>().round, "busy"});
  }
  ending();
  EXPECT_GE(seconds(clock_.now().time_since_epoch()), 2.0);
}

TEST_F(ServerTest, ADeadlineEndsTheRoundWithWhatCame) {
  start({"alice", "bob", "carol"});
  const auto updates = std::vector{take_part(alice()), take_part(bob())};
  const auto offer = carol().expects<wire::Offer>();
  EXPECT_EQ(carol().expects<wire::RoundClosed>().round, offer.round);
  EXPECT_NEAR(seconds(clock_.now().time_since_epoch()), 100, 1);
  EXPECT_THAT(record(1).refused, ElementsAre(Pair("late", 1)));
  EXPECT_EQ(record(1).model_digest, reference(updates));
}

TEST_F(ServerTest, AnUpdateAfterTheDeadlineIsRefusedAndItsChunksIgnored) {
  settings_.rounds = 2;
  start({"alice", "bob", "carol"});
  take_part(alice());
  take_part(bob());
  const ScriptedUpdate late = update("carol", carol().expects<wire::Offer>());
  carol().announces(late);
  carol().sends_chunks(late, 0, 100);
  carol().expects<wire::RoundClosed>();
  carol().sends_chunks(late, 100);  // was on its way
  EXPECT_EQ(carol().expects<wire::Offer>().round, 2U);
  carol().uploads(late);
  const auto verdict = carol().expects<wire::Verdict>();
  EXPECT_EQ(verdict.round, 1U);
  EXPECT_EQ(verdict.reason, "the round is over");
  carol().expects_silence();
}

TEST_F(ServerTest, MoreAreAskedThanWantedAndTheOthersAreToldThatItIsOver) {
  settings_.round.cohort = Share::parse("2");
  settings_.round.overselect = 1.5;
  start({"alice", "bob", "carol", "dave"});
  EXPECT_EQ(observed_.started[1], 3U);
  std::vector<ScriptedParticipant*> asked;
  for (auto* each : {&alice(), &bob(), &carol(), &dave()}) {
    if (!each->line().inbox.empty()) asked.push_back(each);
  }
  ASSERT_EQ(asked.size(), 3U);
  const auto updates = std::vector{take_part(*asked[0]), take_part(*asked[2])};
  asked[1]->expects<wire::Offer>();
  asked[1]->expects<wire::RoundClosed>();
  EXPECT_EQ(record(1).model_digest, reference(updates));
}

TEST_F(ServerTest, WhoLosesItsLineInMidUploadIsOfferedTheRoundAgain) {
  start({"alice", "bob"});
  const auto bobs = take_part(bob());
  const ScriptedUpdate half = update("alice", alice().expects<wire::Offer>());
  alice().announces(half);
  alice().sends_chunks(half, 0, 200);
  alice().loses_its_line();
  pass(3);
  EXPECT_TRUE(observed_.records.empty());
  alice().joins();
  EXPECT_EQ(alice().expects<wire::Offer>().round, 1U);
  alice().uploads(half);
  expect_accepted(alice());
  EXPECT_EQ(record(1).model_digest, reference({bobs, half}));
}

TEST_F(ServerTest, WhoDoesNotComeBackInTimeHasVanished) {
  start({"alice", "bob", "carol"});
  const auto updates = std::vector{take_part(alice()), take_part(bob())};
  carol().expects<wire::Offer>();
  carol().loses_its_line();
  EXPECT_THAT(record(1).refused, ElementsAre(Pair("vanished", 1)));
  EXPECT_NEAR(seconds(clock_.now().time_since_epoch()), 5, 0.1);
  EXPECT_EQ(record(1).model_digest, reference(updates));
}

TEST_F(ServerTest, ANewerSessionReplacesTheOlder) {
  start({"alice", "bob"});
  const auto bobs = take_part(bob());
  const ScriptedUpdate made = update("alice", alice().expects<wire::Offer>());
  alice().announces(made);
  alice().sends_chunks(made, 0, 100);
  const auto older = alice().line_in_use();
  alice().joins();
  settle();
  ASSERT_EQ(older->inbox.size(), 1U);
  EXPECT_THAT(std::get<wire::Goodbye>(older->inbox.front()).reason, HasSubstr("newer session"));
  EXPECT_TRUE(older->closed);
  alice().expects<wire::Offer>();
  alice().uploads(made);
  expect_accepted(alice());
  EXPECT_EQ(record(1).model_digest, reference({bobs, made}));
  EXPECT_EQ(record(1).accepted, 2U);
}

// Greetings may overtake one another: the session that was replaced may be the one that lives.
TEST_F(ServerTest, WhoseSessionIsReplacedIsToldToComeBack) {
  start({"alice", "bob"});
  alice().expects<wire::Offer>();
  const auto older = alice().line_in_use();
  alice().joins();
  settle();
  ASSERT_FALSE(older->inbox.empty());
  const auto* goodbye = std::get_if<wire::Goodbye>(&older->inbox.back());
  ASSERT_NE(goodbye, nullptr);
  EXPECT_GT(goodbye->retry_seconds, 0);
}

TEST_F(ServerTest, ASlowReaderHoldsNobodyUpAndIsDropped) {
  graph_ = model::make_zoo_model("mlp:600-700-3", 7);
  settings_.edge.bits = 32;
  start({"alice", "bob", "carol"});
  const auto offer = carol().expects<wire::Offer>();
  carol().line().reads = false;
  carol().says(wire::Fetch{offer.edge, 0});
  const auto updates = std::vector{take_part(alice()), take_part(bob())};
  expect_accepted(alice());
  expect_accepted(bob());
  EXPECT_LT(seconds(clock_.now().time_since_epoch()), 1);
  EXPECT_THAT(record(1).refused, ElementsAre(Pair("vanished", 1)));
  EXPECT_NEAR(seconds(clock_.now().time_since_epoch()), 60 + 5, 1);  // three pings, and the window to come back
  EXPECT_EQ(record(1).model_digest, reference(updates));
}

TEST_F(ServerTest, ASilentSessionIsDroppedAfterThreePings) {
  start({"alice", "bob", "carol"});
  carol().expects<wire::Offer>();
  carol().line().answers = false;
  pass(59);
  EXPECT_THAT(server_->connected(), ElementsAre("alice", "bob", "carol"));
  pass(2);
  EXPECT_THAT(server_->connected(), ElementsAre("alice", "bob"));
}

TEST_F(ServerTest, ARoundWaitsUntilEnoughAreThere) {
  settings_.round.participants = Share::parse("2");
  start({"alice"});
  pass(1000);
  alice().expects_silence();
  bob().joins();
  const auto updates = std::vector{take_part(alice()), take_part(bob())};
  EXPECT_EQ(record(1).model_digest, reference(updates));
}

TEST_F(ServerTest, ALaterRoundWaitsForItsQuorum) {
  settings_.rounds = 2;
  settings_.round.cohort = Share::parse("2");
  start({"alice", "bob"});
  take_part(alice());
  take_part(bob());
  record(1);
  expect_accepted(alice());
  expect_accepted(bob());
  EXPECT_EQ(bob().expects<wire::Offer>().round, 2U);
  bob().says(wire::Goodbye{"enough for today", 0});
  EXPECT_EQ(alice().expects<wire::Offer>().round, 2U);
  EXPECT_EQ(alice().expects<wire::RoundClosed>().round, 2U);
  EXPECT_FALSE(record(2).published);
}

TEST_F(ServerTest, WhoJustLostItsLineStillCountsAsThere) {
  settings_.rounds = 2;
  start({"alice", "bob"});
  take_part(alice());
  take_part(bob());
  bob().loses_its_line();
  record(1);
  settle();
  EXPECT_EQ(observed_.started[2], 2U);
  bob().joins();
  EXPECT_EQ(bob().expects<wire::Offer>().round, 2U);
}

TEST_F(ServerTest, StopInMidRoundDiscardsItAndSaysGoodbye) {
  settings_.rounds = 0;
  start({"alice", "bob"});
  take_part(alice());
  expect_accepted(alice());
  bob().expects<wire::Offer>();
  server_->stop("interrupted");
  bob().expects<wire::RoundClosed>();
  bob().expects_goodbye("interrupted");
  alice().expects_goodbye("interrupted");
  EXPECT_EQ(ending().why, "interrupted");
  EXPECT_EQ(ending().round, 0U);
  EXPECT_EQ(digest_of(ending().global), digest_of(graph_.parameters()));
  EXPECT_TRUE(observed_.records.empty());
}

TEST_F(ServerTest, WhoComesAfterTheEndIsSentHome) {
  start({"alice", "bob"});
  take_part(alice());
  take_part(bob());
  ending();
  carol().joins();
  carol().expects_goodbye("1 round");
}

TEST_F(ServerTest, ARevokedParticipantIsDroppedAndItsRoundGoesOn) {
  start({"alice", "bob", "mallory"});
  const auto updates = std::vector{take_part(alice()), take_part(bob())};
  participant("mallory").expects<wire::Offer>();
  server_->drop_sessions([](const net::PeerIdentity& peer) { return peer.name == "mallory" ? "revoked" : ""; });
  EXPECT_THAT(record(1).refused, ElementsAre(Pair("revoked", 1)));
  EXPECT_EQ(record(1).model_digest, reference(updates));
  participant("mallory").expects<wire::Verdict>();
  participant("mallory").expects_goodbye("revoked");
  EXPECT_LT(seconds(clock_.now().time_since_epoch()), 1);
}

TEST_F(ServerTest, TrafficOfAllSessionsIsCountedOnce) {
  settings_.rounds = 2;
  start({"alice", "bob"});
  const auto offer = alice().expects<wire::Offer>();
  alice().fetches(offer.edge, offer.edge_bytes);
  alice().loses_its_line();
  alice().joins();
  alice().expects<wire::Offer>();
  alice().uploads(update("alice", offer));
  take_part(bob());
  const RoundRecord first = record(1);
  EXPECT_GT(first.bytes_down, offer.edge_bytes);
  EXPECT_LT(first.bytes_down, offer.edge_bytes + 6000);
  EXPECT_GT(first.bytes_up, 2 * first.update_bytes);
  EXPECT_LT(first.bytes_up, 2 * first.update_bytes + 6000);
  expect_accepted(alice());
  expect_accepted(bob());
  take_part(alice());
  take_part(bob());
  EXPECT_LT(record(2).bytes_down, 3000U);
}

// ------------------------------------------------------------------------------------------ evaluation

// Says what it was told to, one accuracy for each model, and keeps what it was asked.
class ScriptedEvaluator final : public Evaluator {
 public:
  explicit ScriptedEvaluator(std::vector<double> accuracies) : accuracies_(std::move(accuracies)) {}
  Quality evaluate(const model::ParameterSet& parameters) override {
    asked.push_back(digest_of(parameters));
    return {1.0, accuracies_.at(asked.size() - 1)};
  }
  std::vector<Digest> asked;

 private:
  std::vector<double> accuracies_;
};

TEST_F(ServerTest, ATargetMetDiscardsTheRoundUnderWay) {
  settings_.rounds = 10;
  settings_.target = {"edge.accuracy", 0.9};
  ScriptedEvaluator evaluator({0.5, 0.97});
  evaluator_ = &evaluator;
  start({"alice", "bob"});
  const auto updates = std::vector{take_part(alice()), take_part(bob())};
  expect_accepted(alice());
  EXPECT_EQ(alice().expects<wire::Offer>().round, 2U);
  EXPECT_EQ(alice().expects<wire::RoundClosed>().round, 2U);
  alice().expects_goodbye("target reached: edge.accuracy 0.97 >= 0.9");
  EXPECT_EQ(ending().round, 1U);
  EXPECT_EQ(digest_of(ending().global), reference(updates));
  EXPECT_THAT(evaluator.asked, ElementsAre(digest_of(ending().global), digest_of(ending().edge.values)));
  ASSERT_EQ(observed_.records.size(), 1U);
  EXPECT_EQ(observed_.records[0].edge->accuracy, 0.97);
}

TEST_F(ServerTest, RoundsAreEvaluatedAsOftenAsAskedAndTheLastAlways) {
  settings_.rounds = 3;
  settings_.evaluation_every = 2;
  ScriptedEvaluator evaluator({0.1, 0.2, 0.3, 0.4});
  evaluator_ = &evaluator;
  start({"alice", "bob"});
  for (int round = 0; round < 3; ++round) {
    take_part(alice());
    take_part(bob());
    expect_accepted(alice());
    expect_accepted(bob());
  }
  ending();
  ASSERT_EQ(observed_.records.size(), 3U);
  EXPECT_FALSE(observed_.records[0].global);
  EXPECT_EQ(observed_.records[1].global->accuracy, 0.1);
  EXPECT_EQ(observed_.records[2].edge->accuracy, 0.4);
}

class FailingEvaluator final : public Evaluator {
 public:
  Quality evaluate(const model::ParameterSet& /*parameters*/) override {
    fail(Error::Kind::Malformed, "labels do not fit the model");
  }
};

TEST_F(ServerTest, AnEvaluatorThatFailsEndsTheRunWithItsWords) {
  settings_.rounds = 2;
  FailingEvaluator evaluator;
  evaluator_ = &evaluator;
  start({"alice", "bob"});
  for (int round = 0; round < 2; ++round) {
    take_part(alice());
    take_part(bob());
    expect_accepted(alice());
    expect_accepted(bob());
  }
  alice().expects_goodbye("the coordinator has failed");
  EXPECT_EQ(std::exchange(failure_, ""), "labels do not fit the model");
}

}  // namespace
}  // namespace tributary::coordinator
