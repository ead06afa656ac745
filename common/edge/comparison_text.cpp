#include <algorithm>
#include <functional>

#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/edge/comparison.h"
#include "common/edge/wording.h"
#include "common/page/page.h"

namespace tributary::edge {

namespace {

using nlohmann::ordered_json;

std::string time_text(double seconds) {
  return seconds < 0.01 ? fixed(seconds * 1e6, 0) + " us" : fixed(seconds * 1e3, 1) + " ms";
}

// One figure of a contender: its title, how it reads, and its value for the bars.
struct Figure {
  std::string title;
  std::function<std::string(const Contender&)> text;
  std::function<double(const Contender&)> value;
  unsigned colour = 1;
};

std::vector<Figure> figures_of(const Comparison& comparison) {
  std::vector<Figure> made{
      {"size", [](const Contender& c) { return human_bytes(static_cast<double>(c.file_bytes)); },
       [](const Contender& c) { return static_cast<double>(c.file_bytes); }, 1},
      {"sparsity", [](const Contender& c) { return percent(c.sparsity); },
       [](const Contender& c) { return c.sparsity; }, 5},
      {"accuracy", [](const Contender& c) { return percent(c.accuracy, 2); },
       [](const Contender& c) { return c.accuracy; }, 3},
      {"loss", [](const Contender& c) { return fixed(c.loss, 4); }, [](const Contender& c) { return c.loss; }, 6}};
  for (std::size_t i = 0; i < comparison.plan.batches.size(); ++i) {
    const std::string batch = "batch " + std::to_string(comparison.plan.batches[i]);
    made.push_back({batch + ", median", [i](const Contender& c) { return time_text(c.latency[i].median); },
                    [i](const Contender& c) { return c.latency[i].median; }, 2});
    made.push_back({batch + ", p99", [i](const Contender& c) { return time_text(c.latency[i].p99); },
                    [i](const Contender& c) { return c.latency[i].p99; }, 2});
  }
  made.push_back({"throughput", [](const Contender& c) { return fixed(c.examples_per_second, 0) + " /s"; },
                  [](const Contender& c) { return c.examples_per_second; }, 4});
  made.push_back(
      {"peak memory",
       [](const Contender& c) { return c.peak_memory == 0 ? "?" : human_bytes(static_cast<double>(c.peak_memory)); },
       [](const Contender& c) { return static_cast<double>(c.peak_memory); }, 6});
  return made;
}

std::string tiles(const Comparison& comparison) {
  std::string out = "<div class=\"tiles\">";
  const Contender& first = comparison.contenders.front();
  for (const Contender& c : comparison.contenders) {
    const double smaller = static_cast<double>(first.file_bytes) / static_cast<double>(c.file_bytes);
    const double faster = first.latency.front().median / c.latency.front().median;
    const std::string beside = &c == &first
                                   ? human_bytes(static_cast<double>(c.file_bytes))
                                   : fixed(smaller, 2) + " times smaller, " + fixed(faster, 2) + " times faster, " +
                                         fixed((c.accuracy - first.accuracy) * 100, 2) + " points";
    out += "<div class=\"tile\"><h3>" + page::escape_html(c.name) + "</h3><strong>" + percent(c.accuracy, 2) +
           "</strong><p>" + page::escape_html(beside) + "</p></div>";
  }
  return out + "</div>";
}

// A figure with a bar for each contender.
std::string bars(const Comparison& comparison, const Figure& figure) {
  constexpr double kLeft = 150, kWidth = 560, kRow = 26;
  double most = 0;
  for (const Contender& c : comparison.contenders) most = std::max(most, figure.value(c));
  const double height = kRow * static_cast<double>(comparison.contenders.size()) + 6;
  std::string out = "<figure><figcaption>" + page::escape_html(figure.title) + "</figcaption><svg viewBox=\"0 0 " +
                    fixed(kWidth, 0) + " " + fixed(height, 0) + "\" role=\"img\" aria-label=\"" +
                    page::escape_html(figure.title) + "\">";
  double y = 3;
  for (const Contender& c : comparison.contenders) {
    const double length = most > 0 ? figure.value(c) / most * (kWidth - kLeft - 90) : 0;
    out += "<text x=\"" + fixed(kLeft - 8, 0) + "\" y=\"" + fixed(y + 16, 0) + "\" text-anchor=\"end\">" +
           page::escape_html(c.name.size() > 22 ? c.name.substr(0, 21) + "…" : c.name) + "</text><rect class=\"s" +
           std::to_string(figure.colour) + "\" x=\"" + fixed(kLeft, 0) + "\" y=\"" + fixed(y + 3, 1) + "\" width=\"" +
           fixed(std::max(length, 1.0), 1) + "\" height=\"18\" rx=\"2\"/><text x=\"" + fixed(kLeft + length + 6, 1) +
           "\" y=\"" + fixed(y + 16, 0) + "\">" + page::escape_html(figure.text(c)) + "</text>";
    y += kRow;
  }
  return out + "</svg></figure>";
}

std::string table(const Comparison& comparison, const std::vector<Figure>& figures) {
  std::string out = "<h2>Every figure</h2><div class=\"card rounds\"><table><thead><tr><th>model</th>";
  for (const Figure& figure : figures) out += "<th>" + page::escape_html(figure.title) + "</th>";
  out += "</tr></thead><tbody>";
  for (const Contender& c : comparison.contenders) {
    out += "<tr><td>" + page::escape_html(c.name) + "</td>";
    for (const Figure& figure : figures) out += "<td>" + page::escape_html(figure.text(c)) + "</td>";
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

}  // namespace

std::string as_table(const Comparison& comparison) {
  const auto figures = figures_of(comparison);
  std::vector<std::vector<std::string>> rows{{"model"}};
  for (const Figure& figure : figures) rows[0].push_back(figure.title);
  for (const Contender& c : comparison.contenders) {
    rows.push_back({c.name});
    for (const Figure& figure : figures) rows.back().push_back(figure.text(c));
  }
  return columns(rows, 1);
}

std::string as_json(const Comparison& comparison) {
  ordered_json list = ordered_json::array();
  for (const Contender& c : comparison.contenders) {
    ordered_json one{{"name", c.name},         {"file_bytes", c.file_bytes}, {"parameters", c.parameters},
                     {"sparsity", c.sparsity}, {"accuracy", c.accuracy},     {"loss", c.loss}};
    for (std::size_t i = 0; i < c.latency.size(); ++i) {
      const std::string batch = "batch_" + std::to_string(comparison.plan.batches[i]);
      one[batch + "_median_seconds"] = c.latency[i].median;
      one[batch + "_p99_seconds"] = c.latency[i].p99;
    }
    one["examples_per_second"] = c.examples_per_second;
    one["peak_memory_bytes"] = c.peak_memory;
    list.push_back(one);
  }
  return ordered_json{{"examples", comparison.examples}, {"models", list}}.dump(
             2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

std::string as_html(const Comparison& comparison) {
  const auto figures = figures_of(comparison);
  page::Document document{
      "Models compared",
      "on " + grouped(comparison.examples) + " examples, one thread; against " + comparison.contenders.front().name,
      tiles(comparison) + "<h2>Side by side</h2><div class=\"plots\">",
      "Latencies are of one call, taken in turn; memory is what a model needed beyond the program."};
  for (const Figure& figure : figures) document.body += bars(comparison, figure);
  document.body += "</div>" + table(comparison, figures);
  return page::html(document);
}

}  // namespace tributary::edge
