#include "simulations/progress.h"

#include <fstream>

#include <gmock/gmock.h>

#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using coordinator::RoundRecord;
using testing::Contains;
using testing::HasSubstr;

class RoundTailTest : public testing::Test {
 protected:
  void append(const std::string& text) { std::ofstream(file_, std::ios::app) << text; }
  static std::string line(std::uint64_t round) {
    RoundRecord record;
    record.round = round;
    return coordinator::to_json(record) + "\n";
  }

  Folder folder_;
  Path file_ = folder_ / "rounds.jsonl";
  RoundTail tail_{file_};
};

TEST_F(RoundTailTest, AFileThatIsNotThereYetHasNoRounds) {
  EXPECT_TRUE(tail_.next().empty());
}

TEST_F(RoundTailTest, EachRoundComesOnce) {
  append(line(1) + line(2));
  EXPECT_EQ(tail_.next().size(), 2);
  EXPECT_TRUE(tail_.next().empty());
  append(line(3));
  const auto records = tail_.next();
  ASSERT_EQ(records.size(), 1);
  EXPECT_EQ(records[0].round, 3);
}

TEST_F(RoundTailTest, AHalfWrittenLineWaits) {
  const std::string text = line(1);
  append(text.substr(0, 20));
  EXPECT_TRUE(tail_.next().empty());
  append(text.substr(20));
  EXPECT_EQ(tail_.next().size(), 1);
}

TEST(TableTest, EveryColumnHasACell) {
  RoundRecord record;
  record.round = 12;
  record.published = true;
  record.selected = 10;
  record.accepted = 9;
  record.edge = coordinator::Quality{0.5, 0.8412};
  EXPECT_EQ(table_cells(record).size(), table_titles().size());
  EXPECT_THAT(table_cells(record), Contains("9/10"));
  EXPECT_THAT(table_cells(record), Contains("84.12 %"));
  EXPECT_EQ(table_remark(record), "");
}

TEST(TableTest, AnAbortedRoundSaysSoAndWhy) {
  RoundRecord record;
  record.refused = {{"late", 1}, {"vanished", 3}};
  EXPECT_EQ(table_remark(record), "aborted, 1 late, 3 vanished");
}

TEST(ClosingWordsTest, SayWhatWasReachedAndWhereToLook) {
  coordinator::Report report;
  report.ended = "10 rounds";
  report.seconds = 12.5;
  RoundRecord record;
  record.global = coordinator::Quality{0.4, 0.86};
  record.edge = coordinator::Quality{0.5, 0.85};
  report.rounds = {record};
  const std::string words = closing_words(report, "runs/x");
  EXPECT_THAT(words, HasSubstr("ended: 10 rounds, 12.5 s"));
  EXPECT_THAT(words, HasSubstr("edge copy 85.00 %"));
  EXPECT_THAT(words, HasSubstr("runs/x/report.html"));
}

}  // namespace
}  // namespace tributary::simulation
