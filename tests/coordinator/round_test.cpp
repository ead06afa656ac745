#include "coordinator/round.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary::coordinator {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string text_of(const Action& action) {
  struct Printer {
    std::string operator()(const SendOffer& a) const { return "offer " + a.participant; }
    std::string operator()(const CountUpdate& a) const { return "count " + a.participant; }
    std::string operator()(const RefuseUpdate& a) const { return "refuse " + a.participant + ": " + a.reason; }
    std::string operator()(const TellClosed& a) const { return "close " + a.participant + ": " + a.reason; }
    std::string operator()(const Publish&) const { return "publish"; }
    std::string operator()(const Abort& a) const { return "abort: " + a.reason; }
  };
  return std::visit(Printer{}, action);
}

using Lines = std::vector<std::string>;

// A round of four with a deadline after 60 s and a window of 5 s; events are told in milliseconds since its start.
class RoundTest : public ::testing::Test {
 protected:
  struct Terms {
    std::uint32_t goal = 4, quorum = 2;
    milliseconds window{5000};
    milliseconds grace{0};
  };

  void begin() { begin(Terms{}); }
  void begin(const Terms& terms, Lines connected = {"ada", "bob", "cleo", "dan"}) {
    round_.emplace(RoundTerms{1, terms.goal, terms.quorum, at(60'000), terms.window, terms.grace}, selected_);
    start_ = lines(round_->start(at(0), connected));
  }
  static TimePoint at(int ms) { return TimePoint(milliseconds(1'000'000 + ms)); }
  static Lines lines(const Actions& actions) {
    Lines texts;
    for (const Action& action : actions) texts.push_back(text_of(action));
    return texts;
  }

  Lines joined(const std::string& name, int ms) { return lines(round_->joined(name, at(ms))); }
  Lines left(const std::string& name, int ms) { return lines(round_->left(name, at(ms))); }
  Lines arrived(const std::string& name, int ms) { return lines(round_->arrived(name, at(ms))); }
  Lines declined(const std::string& name, int ms, const std::string& reason = "no examples") {
    return lines(round_->declined(name, reason, at(ms)));
  }
  Lines bad(const std::string& name, int ms, const std::string& reason = "not_finite") {
    return lines(round_->bad_update(name, reason, at(ms)));
  }
  Lines tick(int ms) { return lines(round_->tick(at(ms))); }

  Lines selected_ = {"ada", "bob", "cleo", "dan"};
  std::optional<Round> round_;
  Lines start_;
};

TEST_F(RoundTest, OffersToThoseWhoAreThere) {
  begin({}, {"dan", "ada", "eve"});
  EXPECT_THAT(start_, ElementsAre("offer ada", "offer dan"));
  EXPECT_FALSE(round_->is_open_for("eve"));
  EXPECT_TRUE(round_->is_open_for("bob"));
}

TEST_F(RoundTest, EndsAsSoonAsTheGoalIsReached) {
  begin({.goal = 2, .quorum = 1});
  EXPECT_THAT(arrived("bob", 10), ElementsAre("count bob"));
  EXPECT_THAT(arrived("dan", 20), ElementsAre("count dan", "close ada: the round is complete",
                                              "close cleo: the round is complete", "publish"));
  EXPECT_TRUE(round_->ended());
  EXPECT_EQ(round_->accepted(), 2U);
  EXPECT_THAT(round_->refused(), ElementsAre(Pair("late", 2U)));
}

TEST_F(RoundTest, EndsWhenEveryFateIsSettledAndTheQuorumHolds) {
  begin();
  arrived("ada", 10);
  EXPECT_THAT(declined("bob", 20), IsEmpty());
  EXPECT_THAT(bad("cleo", 30), ElementsAre("refuse cleo: not_finite"));
  EXPECT_THAT(arrived("dan", 40), ElementsAre("count dan", "publish"));
  EXPECT_THAT(round_->refused(), ElementsAre(Pair("declined: no examples", 1U), Pair("not_finite", 1U)));
}

TEST_F(RoundTest, IsGivenUpAsSoonAsTheQuorumIsOutOfReach) {
  begin({.goal = 4, .quorum = 3});
  declined("ada", 10);
  EXPECT_THAT(declined("bob", 20), ElementsAre("close cleo: the round cannot reach its quorum",
                                               "close dan: the round cannot reach its quorum",
                                               "abort: 0 of the 3 updates that the quorum asks for"));
}

TEST_F(RoundTest, ASelectionBelowTheQuorumIsGivenUpAtOnce) {
  selected_ = {"ada"};
  begin({.goal = 4, .quorum = 2}, {"ada"});
  EXPECT_THAT(start_, ElementsAre("offer ada", "close ada: the round cannot reach its quorum",
                                  "abort: 0 of the 2 updates that the quorum asks for"));
}

TEST_F(RoundTest, NothingIsPublishedOfNoUpdates) {
  begin({.goal = 4, .quorum = 0});
  for (const char* name : {"ada", "bob", "cleo"}) declined(name, 10);
  EXPECT_THAT(declined("dan", 10), ElementsAre("abort: 0 of the 1 updates that the quorum asks for"));
}

TEST_F(RoundTest, NobodySelectedIsGivenUpAtOnce) {
  selected_ = {};
  begin({}, {});
  EXPECT_EQ(start_.size(), 1U);
  EXPECT_TRUE(round_->ended());
}

TEST_F(RoundTest, TheDeadlinePublishesWhatCame) {
  begin();
  arrived("ada", 10);
  arrived("bob", 20);
  EXPECT_THAT(tick(59'999), IsEmpty());
  EXPECT_EQ(round_->next_wake(), at(60'000));
  EXPECT_THAT(tick(60'000),
              ElementsAre("close cleo: the deadline has passed", "close dan: the deadline has passed", "publish"));
  EXPECT_EQ(round_->next_wake(), std::nullopt);
}

TEST_F(RoundTest, TheDeadlineGivesUpBelowTheQuorum) {
  begin();
  arrived("ada", 10);
  EXPECT_EQ(tick(60'000).back(), "abort: 1 of the 2 updates that the quorum asks for");
}

TEST_F(RoundTest, AnUpdateAtExactlyTheDeadlineIsLate) {
  begin();
  EXPECT_THAT(arrived("ada", 59'999), ElementsAre("count ada"));
  const Lines actions = arrived("bob", 60'000);
  EXPECT_EQ(actions.front(), "refuse bob: late");
  EXPECT_EQ(actions.back(), "abort: 1 of the 2 updates that the quorum asks for");
  EXPECT_THAT(round_->refused(), ElementsAre(Pair("late", 3U)));
}

TEST_F(RoundTest, OneThatComesBackWithinTheWindowIsOfferedAgainAndCounts) {
  begin();
  EXPECT_THAT(left("ada", 1000), IsEmpty());
  EXPECT_EQ(round_->next_wake(), at(6000));
  EXPECT_THAT(joined("ada", 5999), ElementsAre("offer ada"));
  EXPECT_EQ(round_->next_wake(), at(60'000));
  EXPECT_THAT(arrived("ada", 7000), ElementsAre("count ada"));
}

TEST_F(RoundTest, OneThatComesBackAtTheEndOfTheWindowHasVanished) {
  begin();
  left("ada", 1000);
  EXPECT_THAT(joined("ada", 6000), ElementsAre("close ada: late"));
  EXPECT_THAT(round_->refused(), ElementsAre(Pair("vanished", 1U)));
  EXPECT_THAT(arrived("ada", 6500), ElementsAre("refuse ada: late"));
}

TEST_F(RoundTest, ASecondLossDoesNotLengthenTheWindow) {
  begin();
  left("ada", 1000);
  left("ada", 4000);
  EXPECT_EQ(round_->next_wake(), at(6000));
}

TEST_F(RoundTest, AnUpdateThatWasWholeBeforeItsLineWasLostCounts) {
  begin();
  left("ada", 1000);
  EXPECT_THAT(arrived("ada", 2000), ElementsAre("count ada"));
  EXPECT_EQ(round_->next_wake(), at(60'000));
  EXPECT_THAT(left("ada", 3000), IsEmpty());
  EXPECT_EQ(tick(59'000), Lines{});
  EXPECT_EQ(round_->accepted(), 1U);
}

TEST_F(RoundTest, ThoseAwayAtTheStartHaveOneWindow) {
  begin({}, {"ada", "bob", "cleo"});
  EXPECT_EQ(round_->next_wake(), at(5000));
  EXPECT_THAT(tick(5000), IsEmpty());
  EXPECT_THAT(round_->refused(), ElementsAre(Pair("vanished", 1U)));
}

TEST_F(RoundTest, WithoutAWindowALostLineIsTheEnd) {
  begin({.goal = 4, .quorum = 4, .window = milliseconds(0)});
  EXPECT_EQ(left("ada", 1000).back(), "abort: 0 of the 4 updates that the quorum asks for");
}

TEST_F(RoundTest, AWindowWithoutEndLastsUntilTheDeadline) {
  round_.emplace(RoundTerms{1, 4, 2, at(60'000), Duration::max()}, selected_);
  round_->start(at(0), {});
  EXPECT_EQ(round_->next_wake(), at(60'000));
  tick(60'000);
  EXPECT_THAT(round_->refused(), ElementsAre(Pair("late", 4U)));
}

// What a record says does not depend on how punctual the server was.
TEST_F(RoundTest, AWindowThatOutlastsTheDeadlineMakesOneLateEvenIfTheServerOversleeps) {
  begin();
  left("ada", 54'000);
  left("bob", 57'000);
  tick(90'000);
  EXPECT_THAT(round_->refused(), ElementsAre(Pair("late", 3U), Pair("vanished", 1U)));
}

TEST_F(RoundTest, TheLastToVanishEndsTheRound) {
  begin();
  arrived("ada", 10);
  arrived("bob", 10);
  left("cleo", 1000);
  left("dan", 2000);
  EXPECT_THAT(tick(6000), IsEmpty());
  EXPECT_EQ(round_->next_wake(), at(7000));
  EXPECT_THAT(tick(7000), ElementsAre("publish"));
}

TEST_F(RoundTest, NobodyIsCountedTwice) {
  begin();
  arrived("ada", 10);
  EXPECT_THAT(arrived("ada", 20), ElementsAre("refuse ada: counted before"));
  EXPECT_THAT(joined("ada", 30), IsEmpty());
  EXPECT_THAT(declined("ada", 40), IsEmpty());
  EXPECT_THAT(bad("ada", 50), ElementsAre("refuse ada: counted before"));
  EXPECT_EQ(round_->accepted(), 1U);
  EXPECT_THAT(round_->refused(), IsEmpty());
}

TEST_F(RoundTest, AFateIsFinal) {
  begin();
  declined("ada", 10);
  bad("bob", 10, "out_of_range");
  EXPECT_THAT(arrived("ada", 20), ElementsAre("refuse ada: declined before"));
  EXPECT_THAT(arrived("bob", 20), ElementsAre("refuse bob: out_of_range"));
  EXPECT_THAT(joined("bob", 30), IsEmpty());
}

TEST_F(RoundTest, StrangersChangeNothing) {
  begin();
  EXPECT_THAT(joined("eve", 10), IsEmpty());
  EXPECT_THAT(left("eve", 10), IsEmpty());
  EXPECT_THAT(declined("eve", 10), IsEmpty());
  EXPECT_THAT(arrived("eve", 10), ElementsAre("refuse eve: not selected"));
  EXPECT_THAT(bad("eve", 10), ElementsAre("refuse eve: not selected"));
  EXPECT_THAT(round_->refused(), IsEmpty());
  EXPECT_EQ(round_->next_wake(), at(60'000));
}

TEST_F(RoundTest, WhatComesAfterAnEarlyEndIsRefusedAsClosed) {
  begin({.goal = 1, .quorum = 1});
  arrived("ada", 10);
  EXPECT_THAT(arrived("bob", 20), ElementsAre("refuse bob: round closed"));
  EXPECT_THAT(arrived("ada", 20), ElementsAre("refuse ada: counted before"));
  EXPECT_THAT(joined("cleo", 30), ElementsAre("close cleo: round closed"));
  EXPECT_THAT(joined("ada", 30), IsEmpty());
  EXPECT_THAT(left("bob", 30), IsEmpty());
  EXPECT_THAT(declined("bob", 30), IsEmpty());
  EXPECT_THAT(tick(70'000), IsEmpty());
  EXPECT_EQ(round_->accepted(), 1U);
}

TEST_F(RoundTest, OneThatIsToldOfTheEndByTheEndIsNotToldAgainByItsHello) {
  begin();
  EXPECT_THAT(joined("dan", 60'000),
              ElementsAre("close ada: the deadline has passed", "close bob: the deadline has passed",
                          "close cleo: the deadline has passed", "close dan: the deadline has passed",
                          "abort: 0 of the 2 updates that the quorum asks for"));
}

TEST_F(RoundTest, CancellingTellsThoseAtWork) {
  begin();
  arrived("ada", 10);
  declined("bob", 10);
  EXPECT_THAT(lines(round_->cancel("interrupted")),
              ElementsAre("close cleo: interrupted", "close dan: interrupted", "abort: interrupted"));
  EXPECT_THAT(lines(round_->cancel("interrupted")), IsEmpty());
  EXPECT_THAT(arrived("cleo", 20), ElementsAre("refuse cleo: round closed"));
}

TEST_F(RoundTest, OwnMistakesAreCaught) {
  const auto made = [](std::uint32_t goal, std::uint32_t quorum, Lines selected) {
    Round(RoundTerms{1, goal, quorum, at(1), Duration(0)}, std::move(selected));
  };
  EXPECT_THROW(made(0, 0, {"ada"}), Error);
  EXPECT_THROW(made(1, 2, {"ada"}), Error);
  EXPECT_THROW(made(1, 1, {"ada", "ada"}), Error);
}

TEST_F(RoundTest, ACompleteRoundStaysOpenForItsGrace) {
  begin({.goal = 2, .quorum = 1, .grace = milliseconds(500)});
  arrived("ada", 10);
  EXPECT_THAT(arrived("bob", 20), ElementsAre("count bob"));
  EXPECT_EQ(round_->next_wake(), at(520));
  EXPECT_THAT(arrived("cleo", 519), ElementsAre("count cleo"));
  EXPECT_THAT(tick(520), ElementsAre("close dan: the round is complete", "publish"));
  EXPECT_EQ(round_->accepted(), 3U);
}

TEST_F(RoundTest, AGraceEndsWithTheLastOneAndWithTheDeadline) {
  begin({.goal = 3, .quorum = 1, .grace = milliseconds(500'000)});
  arrived("ada", 10);
  arrived("bob", 20);
  arrived("cleo", 30);
  EXPECT_EQ(round_->next_wake(), at(60'000));
  EXPECT_THAT(arrived("dan", 40), ElementsAre("count dan", "publish"));
  begin({.goal = 3, .quorum = 1, .grace = milliseconds(500'000)});
  for (const char* name : {"ada", "bob", "cleo"}) arrived(name, 10);
  EXPECT_THAT(tick(60'000), ElementsAre("close dan: the round is complete", "publish"));
}

TEST_F(RoundTest, WhatWasFinalBeforeARestartStaysSoAndTheOthersHaveLonger) {
  RoundTerms terms{1, 3, 2, at(60'000), milliseconds(5000)};
  terms.start_window = milliseconds(20'000);
  round_.emplace(terms, selected_);
  round_->restore("ada", Fate::Accepted, "");
  round_->restore("bob", Fate::Refused, "not_finite");
  EXPECT_THAT(lines(round_->start(at(0), {"ada", "bob"})), IsEmpty());
  EXPECT_EQ(round_->accepted(), 1U);
  EXPECT_THAT(tick(19'000), IsEmpty());
  EXPECT_THAT(joined("cleo", 19'500), ElementsAre("offer cleo"));
  EXPECT_THAT(arrived("ada", 19'600), ElementsAre("refuse ada: counted before"));
  EXPECT_THAT(arrived("cleo", 19'700), ElementsAre("count cleo"));
  EXPECT_THAT(tick(20'000), ElementsAre("publish"));
  EXPECT_THAT(round_->refused(), ElementsAre(Pair("not_finite", 1U), Pair("vanished", 1U)));
}

TEST_F(RoundTest, ARoundThatWasCompleteBeforeARestartEndsAtOnce) {
  round_.emplace(RoundTerms{1, 2, 2, at(60'000), milliseconds(5000)}, selected_);
  round_->restore("ada", Fate::Accepted, "");
  round_->restore("dan", Fate::Accepted, "");
  EXPECT_THAT(lines(round_->start(at(0), {})),
              ElementsAre("close bob: the round is complete", "close cleo: the round is complete", "publish"));
}

}  // namespace
}  // namespace tributary::coordinator
