#include "common/options/terminal.h"

#include <sstream>

#include <gtest/gtest.h>

namespace tributary::options {
namespace {

// What someone in front of a terminal sees: it knows "\r", "\n" and "clear to the end of the line".
std::vector<std::string> seen(const std::string& output) {
  std::vector<std::string> lines{""};
  std::size_t at = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    std::string& line = lines.back();
    if (output.compare(i, 3, "\033[K") == 0) {
      line.resize(std::min(at, line.size()));
      i += 2;
    } else if (output[i] == '\r') {
      at = 0;
    } else if (output[i] == '\n') {
      lines.emplace_back();
      at = 0;
    } else {
      line.resize(std::max(line.size(), at + 1));
      line[at++] = output[i];
    }
  }
  return lines;
}

using Lines = std::vector<std::string>;

class LiveTableTest : public ::testing::Test {
 protected:
  LiveTable table(bool is_terminal, std::size_t width = 80) {
    return LiveTable(out, {.is_terminal = is_terminal, .width = width}, {"round", "loss", "updates"});
  }
  Lines screen() const { return seen(out.str()); }

  std::ostringstream out;
};

TEST_F(LiveTableTest, ElsewhereThereAreOnlyPlainLines) {
  {
    LiveTable plain = table(false);
    plain.status("round 1 of 2");
    plain.row({"1", "0.25", "10/10"});
    plain.status("round 2 of 2");
    plain.note("edge.onnx written");
    plain.row({"2", "0.125", "9/10"});
  }
  EXPECT_EQ(out.str(),
            "round  loss  updates\n"
            "    1  0.25    10/10\n"
            "edge.onnx written\n"
            "    2  0.125     9/10\n");
}

TEST_F(LiveTableTest, OnATerminalTheStatusStaysBelowTheRows) {
  LiveTable live = table(true);
  live.status("waiting");
  EXPECT_EQ(screen(), (Lines{"waiting"}));
  live.row({"1", "0.25", "10/10"});
  EXPECT_EQ(screen(), (Lines{"round  loss  updates", "    1  0.25    10/10", "waiting"}));
  live.status("go");
  EXPECT_EQ(screen(), (Lines{"round  loss  updates", "    1  0.25    10/10", "go"}));
  live.note("a long note, longer than the status");
  EXPECT_EQ(screen().back(), "go");
}

TEST_F(LiveTableTest, TheStatusIsWipedAtTheEnd) {
  { table(true).status("waiting"); }
  EXPECT_EQ(screen(), (Lines{""}));
}

TEST_F(LiveTableTest, AStatusThatDoesNotChangeIsNotDrawnAgain) {
  LiveTable live = table(true);
  live.status("waiting");
  const std::string before = out.str();
  live.status("waiting");
  EXPECT_EQ(out.str(), before);
}

TEST_F(LiveTableTest, TheStatusNeverReachesTheLastColumn) {
  LiveTable live = table(true, 12);
  live.status("é·é·é·é·é·é·é·é·");
  EXPECT_EQ(screen(), (Lines{"é·é·é·é·é·é"}));
}

TEST_F(LiveTableTest, ColumnsGrowWithTheirCells) {
  LiveTable live = table(false);
  live.row({"1", "a long cell", "1"});
  live.row({"2", "0.5", "10"});
  EXPECT_EQ(screen(),
            (Lines{"round         loss  updates", "    1  a long cell        1", "    2          0.5       10", ""}));
}

TEST_F(LiveTableTest, LeastWidthsHoldFromTheTitlesOn) {
  LiveTable wide(out, {}, {"a", "b"}, {4});
  wide.row({"1", "2"});
  EXPECT_EQ(out.str(), "   a  b\n   1  2\n");
}

TEST_F(LiveTableTest, CharactersOfSeveralBytesAreOneColumn) {
  LiveTable live(out, {}, {"größe"});
  live.row({"µ"});
  EXPECT_EQ(out.str(), "größe\n    µ\n");
}

TEST_F(LiveTableTest, ForeignTextCannotMoveTheCursor) {
  LiveTable live = table(true);
  live.row({"1", "\033[2J", "a\nb"});
  live.note("x\ry");
  live.status("\033c!");
  EXPECT_EQ(screen(), (Lines{"round  loss  updates", "    1   [2J      a b", "x y", " c!"}));
}

TEST(Pace, KnowsNothingBeforeTheFirstStep) {
  EXPECT_EQ(Pace().seconds_left(3), std::nullopt);
}

TEST(Pace, FollowsTheLastFiveSteps) {
  Pace pace;
  pace.done(100);
  EXPECT_EQ(pace.seconds_left(2.5), 250.0);
  for (const double seconds : {1, 2, 3, 4, 5}) pace.done(seconds);
  EXPECT_EQ(pace.seconds_left(10), 30.0);
  EXPECT_EQ(pace.seconds_left(0), 0.0);
}

TEST(Progress, SaysWhatIsLeft) {
  EXPECT_EQ(describe({.round = 4, .rounds = 10, .updates = 6, .wanted = 10, .seconds_left = 12.3}),
            "round 4 of 10 · 6/10 updates · about 12 s left");
  EXPECT_EQ(describe({.round = 4}), "round 4");
  EXPECT_EQ(describe({.round = 1, .rounds = 2, .seconds_left = 0.4}), "round 1 of 2 · less than 1 s left");
}

TEST(Progress, RoundsTimesForPeople) {
  const auto left = [](double seconds) { return describe({.round = 1, .seconds_left = seconds}); };
  EXPECT_EQ(left(0), "round 1 · less than 1 s left");
  EXPECT_EQ(left(89.4), "round 1 · about 89 s left");
  EXPECT_EQ(left(150), "round 1 · about 3 min left");
  EXPECT_EQ(left(5 * 3600), "round 1 · about 5 h left");
}

}  // namespace
}  // namespace tributary::options
