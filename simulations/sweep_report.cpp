#include "simulations/sweep_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>

#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "coordinator/report_page.h"
#include "coordinator/report_plot.h"

namespace tributary::simulation {

namespace {

using coordinator::Unit;
using Json = nlohmann::ordered_json;

// More than the page has colours is not drawn; the table has all.
constexpr std::size_t kMaxDrawn = 6;

// A figure of a run, if it has it.
using Figure = std::function<std::optional<double>(const Result&)>;

template <class T>
std::optional<double> number(const std::optional<T>& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

struct Column {
  const char* key;      // in sweep.json
  const char* heading;  // in tables
  Unit unit;
  Figure figure;
};

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {
      {"rounds_to_target", "rounds to target", Unit::Count,
       [](const Result& r) { return number(r.totals.rounds_to_target); }},
      {"bytes_to_target", "bytes to target", Unit::Bytes,
       [](const Result& r) { return number(r.totals.bytes_to_target); }},
      {"seconds_to_target", "seconds to target", Unit::Seconds,
       [](const Result& r) { return r.totals.seconds_to_target; }},
      {"edge_accuracy", "edge accuracy", Unit::Percent,
       [](const Result& r) { return r.edge ? std::optional(r.edge->accuracy) : std::nullopt; }},
      {"global_accuracy", "global accuracy", Unit::Percent,
       [](const Result& r) { return r.global ? std::optional(r.global->accuracy) : std::nullopt; }},
  };
  return all;
}

std::vector<const Result*> runs_of(const SweepReport& report, std::size_t combination) {
  std::vector<const Result*> runs;
  for (const Result& result : report.results) {
    if (result.combination == combination) runs.push_back(&result);
  }
  std::sort(runs.begin(), runs.end(), [](const Result* a, const Result* b) { return a->seed < b->seed; });
  return runs;
}

Spread spread(const std::vector<const Result*>& runs, const Figure& figure) {
  std::vector<double> values;
  for (const Result* run : runs) {
    if (const auto value = figure(*run)) values.push_back(*value);
  }
  return spread_of(std::move(values));
}

std::string text_of(const Spread& spread, Unit unit) {
  if (spread.count == 0) return "-";
  const bool between = unit == Unit::Count && spread.median != std::floor(spread.median);  // of two counts
  std::string text = between ? coordinator::with_unit(std::floor(spread.median), unit) + ".5"
                             : coordinator::with_unit(spread.median, unit);
  if (spread.least == spread.largest) return text;
  return text + " (" + coordinator::with_unit(spread.least, unit) + " - " +
         coordinator::with_unit(spread.largest, unit) + ")";
}

// Heading and a row for each combination.
std::vector<std::vector<std::string>> rows(const SweepReport& report) {
  std::vector<std::vector<std::string>> rows = {{"combination", "runs", "met"}};
  for (const Column& column : columns()) rows[0].push_back(column.heading);
  for (std::size_t c = 0; c < report.combinations.size(); ++c) {
    const auto runs = runs_of(report, c);
    const auto met = spread(runs, columns()[0].figure).count;
    rows.push_back({report.combinations[c].name, std::to_string(runs.size()),
                    report.target.metric.empty() ? "-" : std::to_string(met) + "/" + std::to_string(runs.size())});
    for (const Column& column : columns()) rows.back().push_back(text_of(spread(runs, column.figure), column.unit));
  }
  return rows;
}

// Columns of a text are characters, not bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_number(const std::optional<double>& value) {
  if (!value) return "";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.10g", *value);
  return text.data();
}

Json settings_json(const Combination& combination) {
  Json settings = Json::object();
  for (const auto& [key, value] : combination.settings) settings[key] = value;
  return settings;
}

Json run_json(const Result& run) {
  Json json = {{"seed", run.seed},
               {"folder", run.folder},
               {"ended", run.ended},
               {"seconds", run.seconds},
               {"rounds", run.totals.rounds},
               {"bytes", run.totals.bytes_down + run.totals.bytes_up},
               {"model_digest", run.model_digest}};
  for (const Column& column : columns()) {
    const auto value = column.figure(run);
    json[column.key] = value ? Json(*value) : Json(nullptr);
  }
  return json;
}

// Median and range over the seeds, for each round that any of them evaluated. A run that has ended keeps its last
// value.
coordinator::Series curve(const std::vector<const Result*>& runs, const std::vector<std::uint64_t>& rounds) {
  coordinator::Series series;
  for (const std::uint64_t round : rounds) {
    std::vector<double> values;
    std::uint64_t last = 0;
    for (const Result* run : runs) {
      const auto after = std::upper_bound(run->curve.begin(), run->curve.end(), round,
                                          [](std::uint64_t r, const auto& point) { return r < point.first; });
      if (!run->curve.empty()) last = std::max(last, run->curve.back().first);
      if (after != run->curve.begin()) values.push_back(std::prev(after)->second);
    }
    const Spread at = spread_of(std::move(values));
    const bool shown = at.count > 0 && round <= last;
    series.y.push_back(shown ? std::optional(at.median) : std::nullopt);
    series.low.push_back(shown ? std::optional(at.least) : std::nullopt);
    series.high.push_back(shown ? std::optional(at.largest) : std::nullopt);
  }
  return series;
}

// The combinations that are drawn: those that come to the target in fewest rounds, then those of the best accuracy.
std::vector<std::size_t> drawn(const SweepReport& report) {
  std::vector<std::pair<std::pair<double, double>, std::size_t>> ranked;
  for (std::size_t c = 0; c < report.combinations.size(); ++c) {
    const auto runs = runs_of(report, c);
    const Spread rounds = spread(runs, columns()[0].figure), accuracy = spread(runs, columns()[3].figure);
    if (!runs.empty()) ranked.push_back({{rounds.count > 0 ? rounds.median : 1e18, -accuracy.median}, c});
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::size_t> best;
  for (const auto& [rank, c] : ranked) {
    if (best.size() < kMaxDrawn) best.push_back(c);
  }
  return best;
}

std::string plot(const SweepReport& report) {
  coordinator::Plot plot;
  plot.title = "The edge copy on held-out data";
  plot.subtitle = "median over the seeds; the band is the range; the best combinations";
  plot.unit = Unit::Percent;
  plot.scale = coordinator::Plot::Scale::Fitted;
  for (const Result& result : report.results) {
    for (const auto& [round, value] : result.curve) plot.x.push_back(round);
    if (result.edge && result.edge->accuracy <= 0) plot.unit = Unit::Number;
  }
  std::sort(plot.x.begin(), plot.x.end());
  plot.x.erase(std::unique(plot.x.begin(), plot.x.end()), plot.x.end());
  unsigned colour = 0;
  for (const std::size_t c : drawn(report)) {
    coordinator::Series series = curve(runs_of(report, c), plot.x);
    series.name = report.combinations[c].name;
    series.colour = ++colour;
    plot.series.push_back(std::move(series));
  }
  if (report.target.metric.ends_with(".accuracy")) plot.references = {{"target", report.target.value}};
  return coordinator::plot_html(plot);
}

std::string html_table(const SweepReport& report) {
  std::string out = "<div class=\"card rounds\"><table>";
  const auto all = rows(report);
  for (std::size_t r = 0; r < all.size(); ++r) {
    out += r == 0 ? "<thead><tr>" : "<tr>";
    for (const std::string& cell : all[r]) {
      const std::string text = coordinator::escape_html(cell);
      out += r == 0 ? "<th>" + text + "</th>" : "<td>" + text + "</td>";
    }
    out += r == 0 ? "</tr></thead><tbody>" : "</tr>";
  }
  return out + "</tbody></table></div>";
}

}  // namespace

std::string sweep_table(const SweepReport& report) {
  const auto all = rows(report);
  std::vector<std::size_t> widths(all[0].size());
  for (const auto& row : all) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string out;
  for (const auto& row : all) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string space(widths[c] - width_of(row[c]), ' ');
      out += c == 0 ? row[c] + space : "  " + space + row[c];
    }
    out += "\n";
  }
  return out;
}

std::string sweep_csv(const SweepReport& report) {
  std::string out;
  if (!report.combinations.empty()) {
    for (const auto& [key, value] : report.combinations[0].settings) out += csv_field(key) + ",";
  }
  out +=
      "seed,ended,rounds,bytes,seconds,rounds_to_target,bytes_to_target,seconds_to_target,edge_accuracy,"
      "global_accuracy,model_digest,folder\n";
  for (std::size_t c = 0; c < report.combinations.size(); ++c) {
    for (const Result* run : runs_of(report, c)) {
      for (const auto& [key, value] : report.combinations[c].settings) out += csv_field(value) + ",";
      out += std::to_string(run->seed) + "," + csv_field(run->ended) + "," + std::to_string(run->totals.rounds) + "," +
             std::to_string(run->totals.bytes_down + run->totals.bytes_up) + "," + csv_number(run->seconds);
      for (const Column& column : columns()) out += "," + csv_number(column.figure(*run));
      out += "," + run->model_digest + "," + csv_field(run->folder) + "\n";
    }
  }
  return out;
}

std::string sweep_json(const SweepReport& report) {
  Json json = {{"title", report.title}, {"runs", report.runs}, {"finished", report.results.size()}};
  json["target"] = report.target.metric.empty()
                       ? Json(nullptr)
                       : Json{{"metric", report.target.metric}, {"value", report.target.value}};
  json["combinations"] = Json::array();
  for (std::size_t c = 0; c < report.combinations.size(); ++c) {
    const auto runs = runs_of(report, c);
    Json one = {{"name", report.combinations[c].name}, {"settings", settings_json(report.combinations[c])}};
    for (const Column& column : columns()) {
      const Spread s = spread(runs, column.figure);
      one[column.key] = s.count == 0
                            ? Json(nullptr)
                            : Json{{"runs", s.count}, {"median", s.median}, {"least", s.least}, {"largest", s.largest}};
    }
    one["runs"] = Json::array();
    for (const Result* run : runs) one["runs"].push_back(run_json(*run));
    json["combinations"].push_back(std::move(one));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string sweep_html(const SweepReport& report) {
  const std::string title = coordinator::escape_html(report.title);
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">"
      "<link rel=\"icon\" href=\"data:,\"><title>" +
      title + " – Tributary sweep</title><style>";
  out += coordinator::report_style();
  out += "</style></head><body><main><header><h1>" + title + "</h1><p>" + std::to_string(report.results.size()) +
         " of " + std::to_string(report.runs) + " runs";
  if (!report.target.metric.empty()) {
    out += "; target: " + coordinator::escape_html(report.target.metric) + " " +
           coordinator::with_unit(report.target.value,
                                  report.target.metric.ends_with(".accuracy") ? Unit::Percent : Unit::Number);
  }
  out +=
      "</p></header><h2>Combinations</h2>" + html_table(report) + "<h2>Rounds</h2><div class=\"plots\">" +
      plot(report) +
      "</div><footer>The same figures, for scripts: sweep.json and sweep.csv beside this file; each run has a folder "
      "with its own report.</footer></main><div id=\"tip\"></div><script>";
  out += coordinator::report_script();
  return out + "</script></body></html>\n";
}

}  // namespace tributary::simulation
