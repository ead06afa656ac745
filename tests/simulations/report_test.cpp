#include "coordinator/report.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "coordinator/report_page.h"
#include "coordinator/report_plot.h"
#include "tests/simulations/support.h"

namespace tributary::coordinator {
namespace {

using simulation::fault_of_html;
using testing::HasSubstr;
using testing::Not;

RoundRecord round(std::uint64_t number, double edge_accuracy) {
  RoundRecord record;
  record.round = number;
  record.published = true;
  record.selected = 10;
  record.accepted = 8;
  record.refused = {{"late", 1}, {"not_finite", 1}};
  record.bytes_down = 8'000;
  record.bytes_up = 16'000;
  record.global = Quality{0.4, edge_accuracy + 0.01};
  record.edge = Quality{0.5, edge_accuracy};
  record.edge_bytes = 900;
  record.seconds.round = 2;
  record.seconds.train = 1.5;
  record.model_digest = sha256(as_bytes("model " + std::to_string(number)));
  record.edge_digest = sha256(as_bytes("edge " + std::to_string(number)));
  return record;
}

Report three_rounds() {
  Report report;
  report.title = "harbour";
  report.ended = "3 rounds";
  report.target = {"edge.accuracy", 0.8};
  report.parameters = 1000;
  report.seconds = 6.5;
  report.configuration = {{"zebra", "1"}, {"model", "linear"}};
  report.versions = {{"tributary", "0.1.0"}};
  report.rounds = {round(1, 0.7), round(2, 0.8), round(3, 0.9)};
  return report;
}

TEST(TotalsTest, AreSumsAndSharesOfFloat32ForEachAcceptedUpdate) {
  const Totals totals = totals_of(three_rounds());
  EXPECT_EQ(totals.rounds, 3);
  EXPECT_EQ(totals.published, 3);
  EXPECT_EQ(totals.updates, 24);
  EXPECT_EQ(totals.bytes_down, 24'000);
  EXPECT_EQ(totals.bytes_up, 48'000);
  EXPECT_DOUBLE_EQ(totals.down_share.value(), 24'000 / (24 * 4000.0));
  EXPECT_DOUBLE_EQ(totals.up_share.value(), 0.5);
}

TEST(TotalsTest, TheTargetIsMetInTheFirstRoundThatReachesIt) {
  const Totals totals = totals_of(three_rounds());
  EXPECT_EQ(totals.rounds_to_target, 2);
  EXPECT_EQ(totals.bytes_to_target, 48'000);
  EXPECT_DOUBLE_EQ(totals.seconds_to_target.value(), 4);
}

TEST(TotalsTest, WithoutUpdatesOrTargetNothingIsMadeUp) {
  const Totals totals = totals_of(Report{});
  EXPECT_EQ(totals.down_share, std::nullopt);
  EXPECT_EQ(totals.rounds_to_target, std::nullopt);
}

TEST(TargetTest, AccuracyIsReachedFromBelowAndLossFromAbove) {
  const RoundRecord record = round(1, 0.8);
  EXPECT_TRUE(meets({"edge.accuracy", 0.8}, record));
  EXPECT_FALSE(meets({"edge.accuracy", 0.801}, record));
  EXPECT_TRUE(meets({"global.accuracy", 0.805}, record));
  EXPECT_TRUE(meets({"edge.loss", 0.5}, record));
  EXPECT_FALSE(meets({"global.loss", 0.39}, record));
  EXPECT_FALSE(meets({"", 0}, record));
}

TEST(TargetTest, ARoundThatWasNotEvaluatedMeetsNothing) {
  RoundRecord record = round(1, 0.9);
  record.edge.reset();
  EXPECT_FALSE(meets({"edge.accuracy", 0.1}, record));
}

TEST(ReportJsonTest, HoldsWhatScriptsLookFor) {
  const auto json = nlohmann::json::parse(report_json(three_rounds()));
  EXPECT_EQ(json["title"], "harbour");
  EXPECT_EQ(json["ended"], "3 rounds");
  EXPECT_EQ(json["final"]["edge"]["accuracy"], 0.9);
  EXPECT_EQ(json["final"]["model_digest"], sha256(as_bytes("model 3")).hex());
  EXPECT_EQ(json["totals"]["rounds_to_target"], 2);
  EXPECT_EQ(json["configuration"]["model"], "linear");
  EXPECT_EQ(json["rounds"].size(), 3);
  EXPECT_EQ(json["rounds"][0]["refused"]["late"], 1);
}

TEST(ReportJsonTest, ReadsBackAsItWasAndKeepsTheOrderOfKeys) {
  const Report report = three_rounds();
  const Report again = report_from_json(report_json(report), "report.json");
  EXPECT_EQ(report_json(again), report_json(report));
  EXPECT_EQ(again.configuration, report.configuration);
  EXPECT_EQ(again.target.metric, "edge.accuracy");
  EXPECT_EQ(again.rounds.at(1).model_digest, report.rounds.at(1).model_digest);
}

TEST(ReportJsonTest, WhatIsNoReportIsRefusedByName) {
  for (const char* text : {"", "[]", "{\"title\": 3}", "{\"title\": \"x\"}"}) {
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { report_from_json(text, "old/report.json"); }),
                HasSubstr("old/report.json"));
  }
}

TEST(ReportJsonTest, TheStudentsLastFigureIsToldWhereThereIsOne) {
  Report report = three_rounds();
  EXPECT_TRUE(nlohmann::json::parse(report_json(report))["final"]["student"].is_null());
  EXPECT_THAT(report_html(report), Not(HasSubstr("tudent")));
  report.rounds[1].student = Quality{0.6, 0.77};
  EXPECT_EQ(nlohmann::json::parse(report_json(report))["final"]["student"]["accuracy"], 0.77);
  const std::string page = report_html(report);
  EXPECT_EQ(fault_of_html(page), "");
  EXPECT_THAT(page, HasSubstr("Edge student&#39;s accuracy"));
  EXPECT_THAT(page, HasSubstr("distilled from the global model of round 2"));
}

TEST(ReportJsonTest, AnAbortedLastRoundLeavesTheModelBeforeIt) {
  Report report = three_rounds();
  report.rounds.back().published = false;
  report.rounds.back().global.reset();
  report.rounds.back().edge.reset();
  const auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json["final"]["model_digest"], sha256(as_bytes("model 2")).hex());
  EXPECT_EQ(json["final"]["edge"]["accuracy"], 0.8);
}

TEST(ReportPageTest, IsWellFormedAndHasEveryPlot) {
  const std::string html = report_html(three_rounds());
  EXPECT_EQ(fault_of_html(html), "");
  for (const char* plot : {"Accuracy", "Loss", "Bytes per participant", "Seconds by phase", "Participants",
                           "Size of the edge copy", "Sparsity of the edge copy", "Memory"}) {
    EXPECT_THAT(html, HasSubstr(std::string("<figcaption>") + plot)) << plot;
  }
  EXPECT_THAT(html, HasSubstr("1 late, 1 not_finite"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
}

TEST(ReportPageTest, AsksNobodyForAnything) {
  const std::string html = report_html(three_rounds());
  for (const char* request : {"http:", "https:", "src=", "url(", "@import", "fetch(", "XMLHttp", "href=\"/"}) {
    EXPECT_THAT(html, Not(HasSubstr(request)));
  }
}

TEST(ReportPageTest, NamesAreTextAndNeverMarkup) {
  const std::string hostile = "<img src=x onerror=\"alert('1')\">&";
  Report report = three_rounds();
  report.title = report.ended = hostile;
  report.configuration = {{hostile, hostile}};
  report.rounds[0].refused = {{hostile, 2}};
  const std::string html = report_html(report);
  EXPECT_EQ(fault_of_html(html), "");
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_THAT(html, HasSubstr("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;"));
}

TEST(ReportPageTest, ARunWithoutARoundHasAPageToo) {
  const std::string html = report_html(Report{});
  EXPECT_EQ(fault_of_html(html), "");
  EXPECT_THAT(html, HasSubstr("no values in this run"));
}

TEST(ReportPageTest, SectionsStandAsTheyWereGiven) {
  Report report = three_rounds();
  report.sections = {{"Who & what", "<figure>picture</figure>"}};
  EXPECT_THAT(report_html(report), HasSubstr("<h2>Who &amp; what</h2><figure>picture</figure>"));
}

TEST(ReportPageTest, OnlineRunsShowPrequentialAccuracyAndTheWeightsOfTheExits) {
  Report report = three_rounds();
  EXPECT_THAT(report_html(report), Not(HasSubstr("Prequential accuracy")));
  report.configuration.emplace_back("training.online", "yes");
  for (auto& record : report.rounds) record.alphas = {0.3, 0.7};
  const std::string html = report_html(report);
  EXPECT_THAT(html, HasSubstr("<figcaption>Prequential accuracy"));
  EXPECT_THAT(html, HasSubstr("<figcaption>Weights of the exits"));
  EXPECT_THAT(html, HasSubstr("exit 2"));
}

TEST(ReportPageTest, RealTargetsShowLossAndNoAccuracy) {
  Report report = three_rounds();
  report.configuration.emplace_back("training.loss", "mean_squared_error");
  const std::string html = report_html(report);
  EXPECT_THAT(html, Not(HasSubstr("<figcaption>Accuracy")));
  EXPECT_THAT(html, HasSubstr("Edge copy&#39;s loss"));
}

TEST(PlotTest, ThousandsOfRoundsDoNotMakeThousandsOfMarks) {
  Plot plot;
  plot.title = "long";
  Series series{"s", 1, {}};
  for (std::uint64_t i = 1; i <= 5000; ++i) {
    plot.x.push_back(i);
    series.y.emplace_back(static_cast<double>(i % 7));
  }
  plot.series = {series};
  const std::string html = plot_html(plot);
  EXPECT_EQ(fault_of_html(html), "");
  EXPECT_LT(html.size(), 250'000u);
}

TEST(PlotTest, ValuesThatAreNotFiniteAreGapsAndNotCoordinates) {
  Plot plot;
  plot.x = {1, 2, 3, 4};
  plot.series = {
      {"s", 1, {1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 2.0}}};
  for (const auto scale : {Plot::Scale::FromZero, Plot::Scale::Fitted, Plot::Scale::Logarithmic}) {
    plot.scale = scale;
    const std::string html = plot_html(plot);
    const std::string drawing =
        html.substr(html.find("<path class=\"line"), html.find("<rect class=\"tip") - html.find("<path class=\"line"));
    EXPECT_THAT(drawing, Not(HasSubstr("nan")));
    EXPECT_THAT(drawing, Not(HasSubstr("inf")));
  }
}

TEST(PlotTest, OneRoundAndEqualValuesHaveAnAxis) {
  Plot plot;
  plot.x = {1};
  plot.series = {{"s", 1, {0.0}}};
  for (const auto scale : {Plot::Scale::FromZero, Plot::Scale::Fitted, Plot::Scale::Logarithmic}) {
    plot.scale = scale;
    EXPECT_THAT(plot_html(plot), Not(HasSubstr("nan")));
  }
}

TEST(UnitTest, FiguresCarryTheirUnit) {
  EXPECT_EQ(with_unit(0.8412, Unit::Percent), "84.1 %");
  EXPECT_EQ(with_unit(1'200'000, Unit::Bytes), "1.20 MB");
  EXPECT_EQ(with_unit(0.0123, Unit::Seconds), "12.3 ms");
  EXPECT_EQ(with_unit(0.000004, Unit::Seconds), "4 µs");
  EXPECT_EQ(with_unit(0.0417, Unit::Number), "0.0417");
  EXPECT_EQ(with_unit(12, Unit::Count), "12");
}

}  // namespace
}  // namespace tributary::coordinator
