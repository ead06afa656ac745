// Whatever the others do, the honest participants' rounds give the same models as without them.
//
// TRIBUTARY_MALFORMED, TRIBUTARY_POISONED: how many frames and updates; 1,000 when they are not set.
#include <cstdlib>
#include <iostream>

#include <gmock/gmock.h>

#include "tests/hostile/arena.h"
#include "tests/hostile/strangers.h"

namespace tributary::hostile {
namespace {

std::uint64_t number_of(const char* variable, std::uint64_t usual) {
  const char* asked = std::getenv(variable);
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : usual;
}

Outcome without_others(Setting setting) {
  setting.others = 0;
  setting.waits_for_others = false;
  setting.habits.cut_in_round = 0;
  Arena arena(setting);
  arena.admit_the_honest();
  return arena.finish();
}

void expect_the_same(const Outcome& attacked, const Setting& setting) {
  const Outcome alone = without_others(setting);
  EXPECT_EQ(alone.records.size(), setting.rounds);
  EXPECT_EQ(attacked.accepted(), setting.honest * setting.rounds);
  EXPECT_EQ(attacked.digests(), alone.digests());
}

TEST(HostileTest, MalformedFramesOnLiveSessionsEndTheSessionAndNothingElse) {
  const std::uint64_t frames = number_of("TRIBUTARY_MALFORMED", 1000);
  Setting setting;
  setting.others = 40;
  setting.rounds = 1;
  // The round is open while the frames come.
  setting.habits.cut_in_round = 1;
  setting.words = {"--round.return_seconds=3600", "--round.deadline_seconds=100000", "--limits.expelled_seconds=0"};
  Arena arena(setting);
  arena.admit_the_honest();
  EXPECT_TRUE(await(60, [&] { return arena.board().holding == setting.honest; }));
  for (std::size_t half = 0; half < 2; ++half) {
    arena.bring([&arena, half, frames, others = arena.others()] {
      send_malformed_frames(others.subspan(20 * half, 20), frames, arena.board());
    });
  }
  EXPECT_TRUE(await(36000, [&] { return arena.board().ended >= frames; }));
  arena.board().cut = true;
  const Outcome attacked = arena.finish();
  const std::uint64_t refused = attacked.refused("protocol") + attacked.refused("kept out");
  EXPECT_GE(refused, frames);
  EXPECT_LE(attacked.lines_about("protocol"), 40 * (2 + static_cast<std::size_t>(attacked.longest_round() / 60)));
  std::cout << arena.board().sent << " malformed frames, " << refused << " refused for them, in "
            << attacked.longest_round() << " s\n";
  expect_the_same(attacked, setting);
}

TEST(HostileTest, PoisonedUpdatesAreRefusedBeforeTheSum) {
  const std::uint64_t updates = number_of("TRIBUTARY_POISONED", 1000);
  Setting setting;
  setting.others = std::min<std::size_t>(updates / 10, 500);
  setting.rounds = (updates + setting.others - 1) / setting.others;
  setting.waits_for_others = true;
  Arena arena(setting);
  arena.admit_the_honest();
  arena.bring([&arena] { send_poisoned_updates(arena.others(), arena.layout(), arena.board()); });
  const Outcome attacked = arena.finish();
  EXPECT_GE(arena.board().sent, updates);
  EXPECT_EQ(arena.board().accepted, 0U);
  EXPECT_EQ(attacked.refused("update"), arena.board().sent);
  std::cout << arena.board().sent << " poisoned updates, " << attacked.refused("update") << " of them refused\n";
  expect_the_same(attacked, setting);
}

class OthersTest : public ::testing::Test {
 protected:
  OthersTest() {
    setting_.others = 20;
    setting_.rounds = 50;
    setting_.habits.cut_in_round = 1;  // until the others are there
  }
  template <class Work>
  Outcome attack(Work work) {
    arena_.emplace(setting_);
    arena_->admit_the_honest();
    EXPECT_TRUE(await(60, [&] { return arena_->board().holding == setting_.honest; }));
    arena_->bring([this, work] { work(*arena_); });
    EXPECT_TRUE(await(60, [&] { return arena_->board().sent >= setting_.others; }));
    arena_->board().cut = true;
    return arena_->finish();
  }
  Setting setting_;
  std::optional<Arena> arena_;
};

TEST_F(OthersTest, HalfFramesThatNeverEndHoldNobodyUp) {
  const Outcome attacked = attack([](Arena& arena) { drip(arena.others(), arena.board()); });
  EXPECT_LT(attacked.longest_round(), 20);
  std::cout << arena_->board().sent << " dripping lines\n";
  expect_the_same(attacked, setting_);
}

TEST_F(OthersTest, WhoTalksWithoutEndIsSentAwayAndKeptOut) {
  const Outcome attacked = attack([](Arena& arena) { chatter(arena.others(), arena.board()); });
  EXPECT_GE(attacked.refused("protocol"), 20U);
  EXPECT_GE(attacked.refused("kept out"), 1U);
  EXPECT_LE(attacked.lines_about("protocol"), 20U);
  EXPECT_LE(attacked.lines_about("kept out"), 20U);
  std::cout << arena_->board().sent << " messages too many\n";
  expect_the_same(attacked, setting_);
}

TEST_F(OthersTest, KnockingWithoutEndHoldsNobodyUp) {
  const Outcome attacked = attack([](Arena& arena) { knock(arena.port(), arena.board()); });
  EXPECT_GE(attacked.refused("unfinished handshake"), 100U);
  EXPECT_LE(attacked.lines_about("unfinished handshake"), 2U);  // the address, and none where it was gone too soon
  std::cout << arena_->board().sent << " knocks\n";
  expect_the_same(attacked, setting_);
}

}  // namespace
}  // namespace tributary::hostile
