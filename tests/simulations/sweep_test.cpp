#include "simulations/sweep.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "simulations/sweep_report.h"
#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(AxisTest, IsAKeyAndItsValues) {
  const Axis axis = parse_axis("training.learning_rate=0.1,0.2");
  EXPECT_EQ(axis.key, "training.learning_rate");
  EXPECT_THAT(axis.values, ElementsAre("0.1", "0.2"));
  EXPECT_THAT(parse_axis("simulation.latency_ms=constant:1,uniform:1\\,2").values,
              ElementsAre("constant:1", "uniform:1,2"));
}

TEST(AxisTest, WhatIsNoneIsRefused) {
  for (const char* text : {"rounds", "=1,2", "rounds=1,1", "rounds=", "rounds=1,,2", "seed=1,2"}) {
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { parse_axis(text); }), HasSubstr(text)) << text;
  }
}

TEST(CombinationsTest, AreAllOfThemAndTheLastKeyTurnsFastest) {
  Sweep sweep;
  sweep.axes = {{"a.rate", {"1", "2"}}, {"b.size", {"x", "y"}}};
  std::vector<std::string> names;
  for (const Combination& one : combinations(sweep)) names.push_back(one.name);
  EXPECT_THAT(names, ElementsAre("rate=1 size=x", "rate=1 size=y", "rate=2 size=x", "rate=2 size=y"));
  EXPECT_THAT(combinations(sweep)[1].settings, ElementsAre(Setting{"a.rate", "1"}, Setting{"b.size", "y"}));
}

TEST(CombinationsTest, WithoutAGridThereIsOne) {
  ASSERT_EQ(combinations({}).size(), 1);
  EXPECT_EQ(combinations({})[0].name, "base");
}

TEST(CombinationsTest, NamesAreFilesInOneFolder) {
  Sweep sweep;
  sweep.axes = {{"data.file", {"../../etc/x", std::string(400, 'y'), std::string(400, 'y') + "z"}}};
  const auto all = combinations(sweep);
  EXPECT_EQ(all[0].name, "file=.._.._etc_x");
  EXPECT_LE(all[1].name.size(), 160);
  EXPECT_NE(all[1].name, all[2].name);
}

TEST(CombinationsTest, TooManyOrTwiceTheSameKeyIsRefused) {
  Sweep sweep;
  sweep.axes = {{"a", {"1"}}, {"a", {"2"}}};
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { combinations(sweep); }), HasSubstr("given twice"));
  sweep.axes = {{"a", std::vector<std::string>(200, "1")}, {"b", std::vector<std::string>(200, "1")}};
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { combinations(sweep); }), HasSubstr("10000"));
}

TEST(SpreadTest, IsMedianAndRange) {
  EXPECT_EQ(spread_of({}).count, 0);
  const Spread odd = spread_of({5, 1, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.least, 1);
  EXPECT_EQ(odd.largest, 5);
  EXPECT_EQ(spread_of({4, 1, 2, 3}).median, 2.5);
}

class SweepReportTest : public testing::Test {
 protected:
  SweepReportTest() {
    Sweep sweep;
    sweep.axes = {{"training.rate", {"0.1", "0.2"}}};
    sweep.seeds = 3;
    report_.title = "harbour & co";
    report_.target = {"edge.accuracy", 0.9};
    report_.combinations = combinations(sweep);
    report_.runs = 6;
    add(0, 1, {0.5, 0.8, 0.9});
    add(0, 2, {0.6, 0.9});
    add(0, 3, {0.4, 0.7, 0.8});  // never there
    add(1, 1, {0.9});
  }
  void add(std::size_t combination, std::uint64_t seed, const std::vector<double>& accuracies) {
    coordinator::Report run;
    run.ended = "3 rounds";
    run.target = report_.target;
    for (const double accuracy : accuracies) {
      coordinator::RoundRecord record;
      record.round = run.rounds.size() + 1;
      record.published = true;
      record.bytes_down = 600;
      record.bytes_up = 400;
      record.edge = record.global = coordinator::Quality{1 - accuracy, accuracy};
      record.seconds.round = 2;
      run.rounds.push_back(record);
    }
    report_.results.push_back(result_of(run, combination, seed, "somewhere"));
  }
  SweepReport report_;
};

TEST_F(SweepReportTest, TheTableHasMedianAndRangeOfThoseThatReachedTheTarget) {
  const std::string table = sweep_table(report_);
  EXPECT_THAT(table, HasSubstr("2/3"));
  EXPECT_THAT(table, HasSubstr("2.5 (2 - 3)"));
  EXPECT_THAT(table, HasSubstr("2.50 kB (2.00 kB - 3.00 kB)"));
  EXPECT_THAT(table, HasSubstr("1/1"));
}

TEST_F(SweepReportTest, JsonHasTheFiguresOfEveryRunAndCombination) {
  const auto json = nlohmann::json::parse(sweep_json(report_));
  EXPECT_EQ(json["runs"], 6);
  EXPECT_EQ(json["finished"], 4);
  const auto& first = json["combinations"][0];
  EXPECT_EQ(first["settings"]["training.rate"], "0.1");
  EXPECT_EQ(first["rounds_to_target"]["median"], 2.5);
  EXPECT_EQ(first["rounds_to_target"]["runs"], 2);
  EXPECT_EQ(first["runs"][2]["seed"], 3);
  EXPECT_TRUE(first["runs"][2]["rounds_to_target"].is_null());
  EXPECT_EQ(json["combinations"][1]["seconds_to_target"]["least"], 2.0);
}

TEST_F(SweepReportTest, CsvHasALineForEachRun) {
  const std::string csv = sweep_csv(report_);
  EXPECT_TRUE(csv.starts_with("training.rate,seed,ended,rounds,")) << csv;
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
  EXPECT_THAT(csv, HasSubstr("\n0.1,2,3 rounds,2,2000,"));
}

TEST_F(SweepReportTest, ThePageIsWellFormedAndDrawsABandForEachCombination) {
  const std::string html = sweep_html(report_);
  EXPECT_EQ(fault_of_html(html), "");
  EXPECT_THAT(html, HasSubstr("harbour &amp; co"));
  EXPECT_THAT(html, HasSubstr("class=\"band s1\""));
  EXPECT_THAT(html, HasSubstr("class=\"band s2\""));
  EXPECT_THAT(html, Not(HasSubstr("http:")));
}

TEST(FinishedRunTest, IsOneOfTheSameConfigurationThatWasNotInterrupted) {
  Folder folder;
  coordinator::Report report;
  report.title = "tiny";
  report.configuration = {{"rounds", "3"}};
  report.ended = "3 rounds";
  const auto found = [&](const char* rounds) {
    folder.write("report.json", coordinator::report_json(report));
    return finished_run(folder.path(), "tiny", {{"rounds", rounds}}).has_value();
  };
  EXPECT_FALSE(finished_run(folder.path(), "tiny", report.configuration).has_value());
  EXPECT_TRUE(found("3"));
  EXPECT_FALSE(found("4"));
  report.ended = "interrupted";
  EXPECT_FALSE(found("3"));
  folder.write("report.json", "{\"title\": \"ti");
  EXPECT_FALSE(finished_run(folder.path(), "tiny", report.configuration).has_value());
}

}  // namespace
}  // namespace tributary::simulation
