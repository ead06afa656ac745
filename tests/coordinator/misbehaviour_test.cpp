// Whatever one participant sends, the honest ones' round gives the same model, without delay.
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include <gmock/gmock.h>

#include "scripted_federation.h"

namespace tributary::coordinator {
namespace {

using testing::ElementsAre;
using testing::Pair;

struct Misdeed {
  std::string name;
  std::string recorded;  // in the round's record
  bool is_sent_away;     // else it hears a Verdict
  // mallory's deed; `good` is an update as it ought to be.
  std::function<void(ScriptedParticipant& mallory, ScriptedUpdate good)> deed;
};

ScriptedUpdate with_blob(ScriptedUpdate update, Bytes blob) {
  update.blob = std::move(blob);
  update.announcement.checksum = checksum(update.blob);
  update.announcement.blob_bytes = update.blob.size();
  return update;
}

// The blob with its last float32 replaced.
ScriptedUpdate with_value(ScriptedUpdate update, float value) {
  Bytes blob = update.blob;
  std::memcpy(blob.data() + blob.size() - sizeof value, &value, sizeof value);
  return with_blob(std::move(update), std::move(blob));
}

template <class Change>
std::function<void(ScriptedParticipant&, ScriptedUpdate)> announcing(Change change) {
  return [change](ScriptedParticipant& mallory, ScriptedUpdate update) {
    change(update.announcement);
    mallory.uploads(update);
  };
}

const std::vector<Misdeed>& misdeeds() {
  static const std::vector<Misdeed> all = {
      {"ARoundThatIsNotYet", "wrong round", false, announcing([](wire::Update& u) { u.round = 99; })},
      {"AnotherEdgeCopy", "wrong edge copy", false,
       announcing([](wire::Update& u) { u.edge.bytes[3] ^= std::byte{1}; })},
      {"AnotherEncoding", "wrong encoding", false, announcing([](wire::Update& u) { u.encoding = "int8"; })},
      {"AnUnknownEncoding", "wrong encoding", false, announcing([](wire::Update& u) { u.encoding = "morse"; })},
      {"NoExamples", "no examples", false, announcing([](wire::Update& u) { u.examples = 0; })},
      {"AnEmptyUpdate", "empty", false,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         u.announcement.blob_bytes = 0;
         mallory.announces(u);
       }},
      {"AnAbsurdSize", "too large", false,
       announcing([](wire::Update& u) { u.blob_bytes = std::numeric_limits<std::uint64_t>::max(); })},
      {"OneByteTooMany", "malformed", false,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         Bytes longer = u.blob;
         longer.push_back(std::byte{0});
         mallory.uploads(with_blob(u, longer));
       }},
      {"ATruncatedUpdate", "malformed", false,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         mallory.uploads(with_blob(u, Bytes(u.blob.begin(), u.blob.end() - 5)));
       }},
      {"OneBitElsewhere", "wrong digest", false,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         u.blob[u.blob.size() / 2] ^= std::byte{4};
         mallory.uploads(u);
       }},
      {"AnotherChecksum", "wrong digest", false,
       announcing([](wire::Update& u) { u.checksum.bytes[15] ^= std::byte{1}; })},
      {"NotANumber", "not finite", false,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) { mallory.uploads(with_value(u, std::nanf(""))); }},
      {"AHugeValue", "out of range", false,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) { mallory.uploads(with_value(u, 1e9F)); }},
      {"ALargeNorm", "norm too large", false,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) { mallory.uploads(with_value(u, 100.0F)); }},
      {"AnotherLayout", "wrong layout", false,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         u.blob[10] ^= std::byte{1};
         mallory.uploads(with_blob(u, u.blob));
       }},
      {"AChunkOutOfOrder", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         mallory.announces(u);
         mallory.sends_chunks(u, 100);
       }},
      {"AChunkTwice", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         mallory.announces(u);
         mallory.sends_chunks(u, 0, 100);
         mallory.sends_chunks(u, 0, 100);
       }},
      {"MoreThanAnnounced", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         u.announcement.blob_bytes -= 1;
         mallory.uploads(u);
       }},
      {"DataWithoutAnAnnouncement", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) { mallory.sends_chunks(u, 0, 100); }},
      {"AnUpdateWithinAnUpdate", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         mallory.announces(u);
         mallory.sends_chunks(u, 0, 100);
         mallory.announces(u);
       }},
      {"AFetchOfAnUnknownBlob", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         mallory.says(wire::Fetch{sha256(u.blob), 0});
       }},
      {"AFetchFromTheEndOfABlob", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate u) {
         mallory.says(wire::Fetch{u.announcement.edge, std::uint64_t{1} << 40});
       }},
      {"AnOfferOfItsOwn", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate) { mallory.says(wire::Offer{}); }},
      {"ASecondHello", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate) { mallory.says(wire::Hello{}); }},
      {"AMessageThatPointsAtItself", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate) {
         // One segment of one word: a struct whose only pointer is its own.
         ByteWriter frame;
         for (const std::uint32_t half : {16U, 0U, 1U, 0xFFFFFFFCU, 0x00010000U}) frame.put(half);
         mallory.sends_raw(frame.take());
       }},
      {"AMessageOfAnUnknownKind", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate) {
         // A struct of one word of data, that of the kind, and no pointers.
         ByteWriter frame;
         for (const std::uint32_t half : {24U, 0U, 2U, 0U, 1U, 0x0000FFFFU, 0U}) frame.put(half);
         mallory.sends_raw(frame.take());
       }},
      {"AnEmptyFrame", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate) {
         ByteWriter frame;
         frame.put(0U);
         mallory.sends_raw(frame.take());
       }},
      {"Noise", "out of protocol", true,
       [](ScriptedParticipant& mallory, ScriptedUpdate) {
         Bytes noise(4 + 64, std::byte{0xa5});
         const std::uint32_t length = 64;
         std::memcpy(noise.data(), &length, sizeof length);
         mallory.sends_raw(noise);
       }},
  };
  return all;
}

class MisbehaviourTest : public ScriptedFederation, public testing::WithParamInterface<Misdeed> {
 protected:
  void begin() {
    settings_.update_max_norm = 50;
    start({"alice", "bob", "mallory"});
    for (const char* name : {"alice", "bob"}) offers_.push_back(participant(name).expects<wire::Offer>());
    mallorys_ = participant("mallory").expects<wire::Offer>();
  }
  // The honest two finish the round: it gives what the two give, at once.
  void expect_the_round_of_the_honest(const std::string& recorded) {
    const auto updates = std::vector{update("alice", offers_[0]), update("bob", offers_[1])};
    participant("alice").uploads(updates[0]);
    participant("bob").uploads(updates[1]);
    const RoundRecord kept = record(1);
    EXPECT_TRUE(kept.published);
    EXPECT_EQ(kept.accepted, 2U);
    EXPECT_THAT(kept.refused, ElementsAre(Pair(recorded, 1)));
    EXPECT_EQ(kept.model_digest, reference(updates));
    EXPECT_LT(seconds(clock_.now().time_since_epoch()), 1);
  }

  std::vector<wire::Offer> offers_;
  wire::Offer mallorys_;
};

TEST_P(MisbehaviourTest, CostsOnlyWhoDoesIt) {
  begin();
  ScriptedParticipant& mallory = participant("mallory");
  GetParam().deed(mallory, update("mallory", mallorys_));
  if (GetParam().is_sent_away) {
    mallory.expects_goodbye("out of protocol");
  } else {
    const auto verdict = mallory.expects<wire::Verdict>();
    EXPECT_FALSE(verdict.accepted);
    EXPECT_EQ(verdict.reason, GetParam().recorded);
    mallory.expects_silence();
  }
  expect_the_round_of_the_honest(GetParam().recorded);
}

INSTANTIATE_TEST_SUITE_P(All, MisbehaviourTest, testing::ValuesIn(misdeeds()),
                         [](const auto& param) { return param.param.name; });

class SecondTryTest : public ScriptedFederation {};

TEST_F(SecondTryTest, ASecondUpdateInARoundIsRefusedAndTheFirstCountsOnce) {
  start({"alice", "bob"});
  const auto first = update("alice", participant("alice").expects<wire::Offer>(), 10);
  auto second =
      update("alice, on second thoughts",
             wire::Offer{first.announcement.round, {}, 0, first.announcement.edge, 0, "float32", 0, 0, {}}, 999);
  participant("alice").uploads(first);
  EXPECT_TRUE(participant("alice").expects<wire::Verdict>().accepted);
  participant("alice").uploads(second);
  const auto verdict = participant("alice").expects<wire::Verdict>();
  EXPECT_FALSE(verdict.accepted);
  EXPECT_EQ(verdict.reason, "no update is expected");
  const auto bobs = update("bob", participant("bob").expects<wire::Offer>());
  participant("bob").uploads(bobs);
  EXPECT_EQ(record(1).model_digest, reference({first, bobs}));
  EXPECT_EQ(record(1).examples, 20U);
}

TEST_F(SecondTryTest, TheSameUpdateIsAcceptedAgainAndCountsOnce) {
  start({"alice", "bob"});
  const auto first = update("alice", participant("alice").expects<wire::Offer>(), 10);
  participant("alice").uploads(first);
  EXPECT_TRUE(participant("alice").expects<wire::Verdict>().accepted);
  participant("alice").loses_its_line();
  participant("alice").joins();
  auto again = first;
  again.announcement.awaits = true;
  participant("alice").announces(again);
  EXPECT_TRUE(participant("alice").expects<wire::Verdict>().accepted);
  participant("alice").uploads(first);  // one that does not wait to be told
  EXPECT_TRUE(participant("alice").expects<wire::Verdict>().accepted);
  const auto bobs = update("bob", participant("bob").expects<wire::Offer>());
  participant("bob").uploads(bobs);
  EXPECT_EQ(record(1).model_digest, reference({first, bobs}));
}

TEST_F(SecondTryTest, ARefusedParticipantHasNoSecondTryInTheRoundAndOneInTheNext) {
  settings_.rounds = 2;
  settings_.round.quorum = Share::parse("1");
  start({"alice", "bob"});
  auto bad = update("alice", participant("alice").expects<wire::Offer>());
  bad.announcement.examples = 0;
  participant("alice").uploads(bad);
  EXPECT_EQ(participant("alice").expects<wire::Verdict>().reason, "no examples");
  bad.announcement.examples = 10;
  participant("alice").uploads(bad);
  EXPECT_EQ(participant("alice").expects<wire::Verdict>().reason, "no update is expected");
  participant("bob").uploads(update("bob", participant("bob").expects<wire::Offer>()));
  EXPECT_EQ(record(1).accepted, 1U);
  participant("alice").uploads(update("alice", participant("alice").expects<wire::Offer>()));
  EXPECT_TRUE(participant("alice").expects<wire::Verdict>().accepted);
}

TEST_F(SecondTryTest, WhoWasNotSelectedMaySendNothing) {
  settings_.round.cohort = Share::parse("2");
  start({"alice", "bob", "carol"});
  wire::Offer offer;
  ScriptedParticipant* idle = nullptr;
  for (const char* name : {"alice", "bob", "carol"}) {
    ScriptedParticipant& each = participant(name);
    if (each.line().inbox.empty()) {
      idle = &each;
    } else {
      offer = each.expects<wire::Offer>();
    }
  }
  ASSERT_NE(idle, nullptr);
  idle->uploads(update(idle->name(), offer));
  EXPECT_EQ(idle->expects<wire::Verdict>().reason, "no update is expected");
}

TEST_F(SecondTryTest, APeerThatDoesNotGreetIsLetGo) {
  open();
  participant("mallory").connects();
  pass(11);
  participant("mallory").expects_end_of_line();
}

TEST_F(SecondTryTest, APeerOfAnotherProtocolIsToldWhichIsSpoken) {
  open();
  participant("mallory").connects();
  wire::Hello hello;
  hello.protocol = 2;
  participant("mallory").says(hello);
  participant("mallory").expects_goodbye("speaks protocol 1, not 2");
}

TEST_F(SecondTryTest, APeerThatAsksAndNeverReadsIsCutOff) {
  start({"alice", "bob", "mallory"});
  ScriptedParticipant& mallory = participant("mallory");
  mallory.expects<wire::Offer>();
  mallory.line().reads = false;
  for (std::uint64_t i = 0; i < 20'000 && server_->connected().size() == 3; ++i) mallory.says(wire::Ping{i});
  EXPECT_EQ(server_->connected().size(), 2U);
  EXPECT_LT(seconds(clock_.now().time_since_epoch()), 1);
}

TEST_F(SecondTryTest, WhoIsSentAwayForTalkingIsKeptOutForAWhile) {
  settings_.limits.message_burst = 100;
  start({"alice", "bob", "mallory"});
  ScriptedParticipant& mallory = participant("mallory");
  mallory.expects<wire::Offer>();
  for (std::uint64_t i = 0; i < 200; ++i) mallory.says(wire::Decline{99, "no"});
  mallory.expects_goodbye("more than 100 messages at once");
  mallory.loses_its_line();
  mallory.connects();
  mallory.says(wire::Hello{});
  mallory.expects<wire::Welcome>();
  mallory.expects_goodbye("out of protocol a moment ago");
  EXPECT_EQ(server_->connected().size(), 2U);
  mallory.loses_its_line();
  pass(settings_.limits.expelled_seconds);
  mallory.joins();
  EXPECT_EQ(server_->connected().size(), 3U);
}

}  // namespace
}  // namespace tributary::coordinator
