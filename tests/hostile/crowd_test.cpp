// Many at once: participants in one round, connections of strangers, a cohort of which a part vanishes in every round.
//
// TRIBUTARY_CROWD: how many, 500 when it is not set. TRIBUTARY_VANISHING: percent, 30 when it is not set.
#include <cstdlib>
#include <iostream>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "tests/hostile/arena.h"
#include "tests/hostile/strangers.h"

namespace tributary::hostile {
namespace {

std::uint64_t number_of(const char* variable, std::uint64_t usual) {
  const char* asked = std::getenv(variable);
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : usual;
}

class CrowdTest : public ::testing::Test {
 protected:
  void SetUp() override {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    if (::geteuid() != 0 && files.rlim_max < 2 * crowd_ + 1024)
      GTEST_SKIP() << "open files are limited to " << files.rlim_max << ": raise it (ulimit -n) for a crowd of "
                   << crowd_;
  }
  const std::size_t crowd_ = number_of("TRIBUTARY_CROWD", 500);
};

// The coordinator's memory for a few participants.
std::uint64_t resident_with_few(Setting setting) {
  setting.honest = 8;
  setting.processes = 1;
  Arena arena(setting);
  arena.admit_the_honest();
  EXPECT_TRUE(await(60, [&] { return arena.board().holding == setting.honest; }));
  const std::uint64_t bytes = arena.resident_bytes();
  arena.board().cut = true;
  (void)arena.finish();
  return bytes;
}

TEST_F(CrowdTest, ARoundHoldsACrowdAndAllWhoAreCutOffComeBack) {
  Setting setting;
  setting.honest = crowd_;
  setting.rounds = 2;
  setting.processes = 2;
  setting.habits.cut_in_round = 2;
  setting.words = {"--round.return_seconds=600", "--round.deadline_seconds=3600"};
  Arena arena(setting);
  arena.admit_the_honest();
  ASSERT_TRUE(await(300, [&] { return arena.board().holding == crowd_; })) << arena.board().holding;
  const std::uint64_t resident = arena.resident_bytes();
  const std::int64_t cut_ns = now_ns();
  arena.board().cut = true;
  ASSERT_TRUE(await(300, [&] { return arena.board().back == crowd_; })) << arena.board().back;
  const double back = static_cast<double>(arena.board().last_back_ns - cut_ns) * 1e-9;
  const Outcome outcome = arena.finish();
  EXPECT_EQ(outcome.accepted(), 2 * crowd_);
  const double few = static_cast<double>(resident_with_few(setting));
  const double each = (static_cast<double>(resident) - few) / static_cast<double>(crowd_ - 8) / 1024;
  std::cout << crowd_ << " participants in one round, " << each << " KiB of the coordinator each, " << back
            << " s until all were back\n";
  EXPECT_LE(each, 64);
  EXPECT_LE(back, 15);
}

TEST_F(CrowdTest, StrangersWhoHoldConnectionsOpenDelayNobody) {
  Setting setting;
  setting.honest = 20;
  setting.rounds = 10;
  setting.words = {"--round.min_interval_seconds=1"};
  Arena arena(setting);
  arena.bring([&] { hold_open(arena.port(), crowd_, arena.board()); });
  EXPECT_TRUE(await(60, [&] { return arena.board().open + 10 >= crowd_; })) << arena.board().open;
  arena.admit_the_honest();
  const Outcome attacked = arena.finish();
  const double longest = static_cast<double>(arena.board().longest_ns) * 1e-9;
  std::cout << crowd_ << " connections held open, " << arena.board().ended << " of them closed, the slowest after "
            << longest << " s; rounds of at most " << attacked.longest_round() << " s\n";
  EXPECT_GE(arena.board().ended, crowd_);
  EXPECT_LE(longest, 10);
  EXPECT_LT(attacked.longest_round(), 5);
  EXPECT_EQ(attacked.lines_about("unfinished handshake"), 8U);  // one for each address

  Arena quiet(setting);
  quiet.admit_the_honest();
  EXPECT_EQ(attacked.digests(), quiet.finish().digests());
}

TEST_F(CrowdTest, EveryRoundClosesThoughManyVanish) {
  const std::uint64_t percent = number_of("TRIBUTARY_VANISHING", 30);
  Setting setting;
  setting.honest = 100;
  setting.rounds = 10;
  setting.habits.vanishing = static_cast<double>(percent) / 100;
  constexpr double kDeadline = 2;
  setting.words = {"--round.cohort=all",      "--round.overselect=1",       "--round.quorum=0.3",
                   "--round.participants=80", "--round.return_seconds=0.5", "--round.deadline_seconds=2"};
  Arena arena(setting);
  arena.admit_the_honest();
  const Outcome outcome = arena.finish();
  std::uint64_t selected = 0, published = 0;
  for (const auto& record : outcome.records) {
    selected += record.selected;
    published += record.published;
  }
  std::cout << published << " rounds published, " << selected - outcome.accepted() << " of " << selected
            << " asked did not answer; the longest took " << outcome.longest_round() << " s\n";
  EXPECT_EQ(published, setting.rounds);
  EXPECT_LT(outcome.longest_round(), kDeadline + 1);
  EXPECT_GT(selected - outcome.accepted(), selected * percent / 200);
}

}  // namespace
}  // namespace tributary::hostile
