#include "coordinator/report_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>

#include "common/base/text.h"
#include "coordinator/report.h"
#include "coordinator/report_plot.h"

namespace tributary::coordinator {

namespace {

using Value = std::function<std::optional<double>(const RoundRecord&)>;

double per(std::uint64_t total, std::uint64_t count) {
  return static_cast<double>(total) / static_cast<double>(count);
}

Series series(const Report& report, std::string name, unsigned colour, const Value& value) {
  Series result;
  result.name = std::move(name);
  result.colour = colour;
  for (const RoundRecord& record : report.rounds) result.y.push_back(value(record));
  return result;
}

Value above_zero(double PhaseSeconds::*phase) {
  return [phase](const RoundRecord& record) -> std::optional<double> {
    const double value = record.seconds.*phase;
    return value > 0 ? std::optional(value) : std::nullopt;
  };
}

Value quality(std::optional<Quality> RoundRecord::*model, double Quality::*figure) {
  return [model, figure](const RoundRecord& record) -> std::optional<double> {
    return record.*model ? std::optional((*(record.*model)).*figure) : std::nullopt;
  };
}

Value per_update(std::uint64_t RoundRecord::*bytes) {
  return [bytes](const RoundRecord& record) -> std::optional<double> {
    return record.published && record.accepted > 0 ? std::optional(per(record.*bytes, record.accepted)) : std::nullopt;
  };
}

Value published(std::function<double(const RoundRecord&)> value) {
  return [value = std::move(value)](const RoundRecord& record) -> std::optional<double> {
    return record.published ? std::optional(value(record)) : std::nullopt;
  };
}

std::uint64_t refusals(const RoundRecord& record) {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : record.refused) sum += count;
  return sum;
}

std::string reasons(const RoundRecord& record) {
  std::string text;
  for (const auto& [reason, count] : record.refused) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
  }
  return text;
}

// How the updates are written: one way as its name, more with how often; and how many were clipped.
std::string encodings(const RoundRecord& record) {
  std::string text;
  for (const auto& [encoding, count] : record.encodings) {
    text += (text.empty() ? "" : ", ") + (record.encodings.size() > 1 ? std::to_string(count) + " " : "") + encoding;
  }
  return record.clipped == 0 ? text : text + "; " + std::to_string(record.clipped) + " clipped";
}

bool learns_classes(const Report& report) {
  return std::none_of(report.configuration.begin(), report.configuration.end(), [](const auto& pair) {
    return pair.first == "training.loss" && pair.second == "mean_squared_error";
  });
}

std::vector<Reference> target_line(const Report& report, std::string_view figure) {
  if (!report.target.metric.ends_with(figure)) return {};
  return {{"target", report.target.value}};
}

std::vector<Reference> float32_line(const Report& report) {
  if (report.parameters == 0) return {};
  return {{"float32", 4.0 * static_cast<double>(report.parameters)}};
}

Plot plot(const Report& report, std::string title, std::string subtitle, Unit unit) {
  Plot result{std::move(title), std::move(subtitle), unit, {}, {}, {}, {}, {}, {}};
  for (const RoundRecord& record : report.rounds) result.x.push_back(record.round);
  return result;
}

const RoundRecord* last_with(const Report& report, std::optional<Quality> RoundRecord::*model) {
  const auto at = std::find_if(report.rounds.rbegin(), report.rounds.rend(),
                               [model](const RoundRecord& record) { return (record.*model).has_value(); });
  return at == report.rounds.rend() ? nullptr : &*at;
}

Plot accuracy_plot(const Report& report) {
  Plot result =
      plot(report, "Accuracy", "on held-out data: the global model and the edge copy made of it", Unit::Percent);
  result.scale = Plot::Scale::Fitted;
  result.series = {series(report, "global", 1, quality(&RoundRecord::global, &Quality::accuracy)),
                   series(report, "edge copy", 2, quality(&RoundRecord::edge, &Quality::accuracy))};
  if (last_with(report, &RoundRecord::student) != nullptr)
    result.series.push_back(series(report, "edge student", 4, quality(&RoundRecord::student, &Quality::accuracy)));
  result.references = target_line(report, ".accuracy");
  return result;
}

Plot loss_plot(const Report& report) {
  Plot result = plot(report, "Loss", "training: the participants' own, before each local step", Unit::Number);
  result.series = {series(report, "global", 1, quality(&RoundRecord::global, &Quality::loss)),
                   series(report, "edge copy", 2, quality(&RoundRecord::edge, &Quality::loss)),
                   series(report, "training", 3, [](const RoundRecord& record) -> std::optional<double> {
                     return record.accepted > 0 ? std::optional(record.train_loss) : std::nullopt;
                   })};
  result.references = target_line(report, ".loss");
  return result;
}

Plot bytes_plot(const Report& report) {
  Plot result =
      plot(report, "Bytes per participant", "on the wire, for each accepted update of a published round", Unit::Bytes);
  result.series = {series(report, "down", 1, per_update(&RoundRecord::bytes_down)),
                   series(report, "up", 2, per_update(&RoundRecord::bytes_up))};
  result.references = float32_line(report);
  return result;
}

Plot seconds_plot(const Report& report) {
  Plot result =
      plot(report, "Seconds by phase", "training and decoding: median of the participants; logarithmic", Unit::Seconds);
  result.scale = Plot::Scale::Logarithmic;
  result.series = {series(report, "round", 1, above_zero(&PhaseSeconds::round)),
                   series(report, "train", 2, above_zero(&PhaseSeconds::train)),
                   series(report, "evaluate", 3, above_zero(&PhaseSeconds::evaluate)),
                   series(report, "fold", 4, above_zero(&PhaseSeconds::fold)),
                   series(report, "encode", 5, above_zero(&PhaseSeconds::encode)),
                   series(report, "decode", 6, above_zero(&PhaseSeconds::decode))};
  return result;
}

Plot participants_plot(const Report& report) {
  Plot result = plot(report, "Participants", "of those asked in each round", Unit::Count);
  result.marks = Plot::Marks::StackedBars;
  result.series = {
      series(report, "accepted", 3, [](const RoundRecord& r) { return static_cast<double>(r.accepted); }),
      series(report, "not accepted", 6, [](const RoundRecord& r) { return static_cast<double>(refusals(r)); })};
  for (const RoundRecord& record : report.rounds) {
    result.notes.push_back("asked: " + std::to_string(record.selected) +
                           (record.refused.empty() ? "" : "|" + reasons(record)));
  }
  return result;
}

Plot edge_size_plot(const Report& report) {
  Plot result = plot(report, "Size of the edge copy", "quantised, pruned, entropy-coded", Unit::Bytes);
  result.series = {series(report, "edge copy", 2,
                          published([](const RoundRecord& record) { return static_cast<double>(record.edge_bytes); })),
                   series(report, "update", 5, [](const RoundRecord& record) -> std::optional<double> {
                     return record.accepted > 0 ? std::optional(static_cast<double>(record.update_bytes))
                                                : std::nullopt;
                   })};
  result.references = float32_line(report);
  return result;
}

Plot sparsity_plot(const Report& report) {
  Plot result = plot(report, "Sparsity of the edge copy", "share of the weights that are zero", Unit::Percent);
  result.series = {
      series(report, "sparsity", 2, published([](const RoundRecord& record) { return record.edge_sparsity; }))};
  return result;
}

Plot memory_plot(const Report& report) {
  Plot result = plot(report, "Memory", "resident; of the participants the largest process so far", Unit::Bytes);
  const auto shown = [](std::uint64_t RoundRecord::*bytes) {
    return [bytes](const RoundRecord& record) -> std::optional<double> {
      return record.*bytes > 0 ? std::optional(static_cast<double>(record.*bytes)) : std::nullopt;
    };
  };
  result.series = {series(report, "coordinator", 1, shown(&RoundRecord::coordinator_rss_bytes)),
                   series(report, "largest participant process", 3, shown(&RoundRecord::participant_peak_rss_bytes))};
  return result;
}

bool is_online(const Report& report) {
  return std::any_of(report.configuration.begin(), report.configuration.end(),
                     [](const auto& pair) { return pair.first == "training.online" && pair.second == "yes"; });
}

// In each round and over the stream so far, weighted by examples.
Plot prequential_plot(const Report& report) {
  Plot result =
      plot(report, "Prequential accuracy", "of the participants, each example before it is learnt", Unit::Percent);
  result.scale = Plot::Scale::Fitted;
  Series so_far{"so far", 1, {}};
  double right = 0, examples = 0;
  for (const RoundRecord& record : report.rounds) {
    right += record.train_accuracy * static_cast<double>(record.examples);
    examples += static_cast<double>(record.examples);
    so_far.y.push_back(examples > 0 ? std::optional(right / examples) : std::nullopt);
  }
  result.series = {std::move(so_far), series(report, "in the round", 3, [](const RoundRecord& record) {
                     return record.accepted > 0 ? std::optional(record.train_accuracy) : std::nullopt;
                   })};
  return result;
}

// Of the exits that have most in the end, as many as there are colours.
Plot alphas_plot(const Report& report) {
  constexpr std::size_t kColours = 6;
  Plot result =
      plot(report, "Weights of the exits", "those with most weight in the end, by their depth", Unit::Percent);
  const std::vector<double>& last = report.rounds.back().alphas;
  std::vector<std::size_t> exits(last.size());
  std::iota(exits.begin(), exits.end(), std::size_t{0});
  std::stable_sort(exits.begin(), exits.end(), [&](std::size_t a, std::size_t b) { return last[a] > last[b]; });
  exits.resize(std::min(exits.size(), kColours));
  std::sort(exits.begin(), exits.end());
  for (const std::size_t exit : exits) {
    result.series.push_back(
        series(report, "exit " + std::to_string(exit + 1), static_cast<unsigned>(result.series.size() + 1),
               [exit](const RoundRecord& record) -> std::optional<double> {
                 return exit < record.alphas.size() ? std::optional(record.alphas[exit]) : std::nullopt;
               }));
  }
  return result;
}

std::string tile(std::string_view heading, const std::string& figure, const std::string& more) {
  return "<div class=\"tile\"><h3>" + escape_html(heading) + "</h3><strong>" + escape_html(figure) + "</strong><p>" +
         escape_html(more) + "</p></div>";
}

std::string student_tile(const Report& report) {
  const RoundRecord* last = last_with(report, &RoundRecord::student);
  if (last == nullptr) return "";
  return tile("Edge student's accuracy", with_unit(last->student->accuracy, Unit::Percent),
              "distilled from the global model of round " + std::to_string(last->round));
}

std::string quality_tiles(const Report& report) {
  const RoundRecord* edge = last_with(report, &RoundRecord::edge);
  const RoundRecord* global = last_with(report, &RoundRecord::global);
  if (edge == nullptr || global == nullptr) return "";
  const std::string loss = "loss " + with_unit(edge->edge->loss, Unit::Number);
  if (!learns_classes(report)) {
    return tile("Edge copy's loss", with_unit(edge->edge->loss, Unit::Number),
                "global model " + with_unit(global->global->loss, Unit::Number));
  }
  const double gap = (global->global->accuracy - edge->edge->accuracy) * 100;
  std::array<char, 64> difference{};
  std::snprintf(difference.data(), difference.size(), "%.2f points %s", std::abs(gap),
                gap >= 0 ? "above it" : "below it");
  return tile("Edge copy's accuracy", with_unit(edge->edge->accuracy, Unit::Percent), loss) +
         tile("Global accuracy", with_unit(global->global->accuracy, Unit::Percent), difference.data()) +
         student_tile(report);
}

std::string target_tile(const Report& report, const Totals& totals) {
  if (report.target.metric.empty()) return "";
  const std::string value =
      with_unit(report.target.value, report.target.metric.ends_with(".accuracy") ? Unit::Percent : Unit::Number);
  const bool loss = report.target.metric.ends_with(".loss");
  const std::string heading = report.target.metric + (loss ? " ≤ " : " ≥ ") + value;
  if (!totals.rounds_to_target) return tile(heading, "not met", "in " + std::to_string(totals.rounds) + " rounds");
  return tile(
      heading, "round " + std::to_string(*totals.rounds_to_target),
      human_bytes(static_cast<double>(*totals.bytes_to_target)) + ", " + human_seconds(*totals.seconds_to_target));
}

std::string bytes_tile(std::string_view heading, const std::optional<double>& share, std::uint64_t bytes) {
  const std::string sum = human_bytes(static_cast<double>(bytes));
  if (!share) return tile(heading, sum, "in all");
  return tile(heading, with_unit(*share, Unit::Percent), "of float32's bytes; " + sum + " in all");
}

std::string edge_tile(const Report& report) {
  const auto last = std::find_if(report.rounds.rbegin(), report.rounds.rend(),
                                 [](const RoundRecord& record) { return record.published && record.edge_bytes > 0; });
  if (last == report.rounds.rend()) return "";
  const double smaller = 4.0 * static_cast<double>(report.parameters) / static_cast<double>(last->edge_bytes);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.1f times smaller than float32", smaller);
  return tile("Edge copy", human_bytes(static_cast<double>(last->edge_bytes)), text.data());
}

std::string summary(const Report& report) {
  const Totals totals = totals_of(report);
  std::uint64_t refused = 0;
  for (const RoundRecord& record : report.rounds) refused += refusals(record);
  std::string out = "<div class=\"tiles\">" + quality_tiles(report) + target_tile(report, totals);
  const std::string pace =
      totals.rounds == 0 ? "" : human_seconds(report.seconds / static_cast<double>(totals.rounds)) + " a round";
  out += tile("Time of the rounds", human_seconds(report.seconds), pace);
  out += tile("Rounds", std::to_string(totals.published),
              totals.rounds == totals.published ? "all published"
                                                : std::to_string(totals.rounds - totals.published) + " more aborted");
  out += tile("Updates", std::to_string(totals.updates),
              refused == 0 ? "none refused or lost" : std::to_string(refused) + " refused or lost");
  out += bytes_tile("Down", totals.down_share, totals.bytes_down) + bytes_tile("Up", totals.up_share, totals.bytes_up);
  out += edge_tile(report);
  out += tile(
      "Peak memory", human_bytes(static_cast<double>(report.coordinator_peak_rss_bytes)),
      report.participant_peak_rss_bytes == 0
          ? "of the coordinator"
          : "coordinator; largest participant " + human_bytes(static_cast<double>(report.participant_peak_rss_bytes)));
  return out + "</div>";
}

std::string plots(const Report& report) {
  std::string out = "<h2>Rounds</h2><div class=\"plots\">";
  if (is_online(report)) out += plot_html(prequential_plot(report));
  if (!report.rounds.empty() && report.rounds.back().alphas.size() > 1) out += plot_html(alphas_plot(report));
  if (learns_classes(report)) out += plot_html(accuracy_plot(report));
  out += plot_html(loss_plot(report)) + plot_html(bytes_plot(report)) + plot_html(seconds_plot(report)) +
         plot_html(participants_plot(report)) + plot_html(edge_size_plot(report)) + plot_html(sparsity_plot(report)) +
         plot_html(memory_plot(report));
  return out + "</div>";
}

std::string cell(const std::string& text) {
  return "<td>" + text + "</td>";
}

std::string accuracy_cell(const std::optional<Quality>& quality) {
  return cell(quality ? with_unit(quality->accuracy, Unit::Percent) : "–");
}

std::string table_row(const RoundRecord& record) {
  std::string out = record.published ? "<tr>" : "<tr class=\"aborted\">";
  out += cell(std::to_string(record.round));
  out += cell(std::to_string(record.accepted) + " / " + std::to_string(record.selected));
  out += accuracy_cell(record.global) + accuracy_cell(record.edge);
  out += cell(record.edge ? with_unit(record.edge->loss, Unit::Number) : "–");
  out += cell(record.accepted > 0 ? with_unit(record.train_loss, Unit::Number) : "–");
  out += cell(human_bytes(static_cast<double>(record.bytes_down)));
  out += cell(human_bytes(static_cast<double>(record.bytes_up)));
  out += cell(record.published ? human_bytes(static_cast<double>(record.edge_bytes)) : "–");
  out += cell(human_seconds(record.seconds.round));
  out += "<td class=\"code\" title=\"" + record.model_digest.hex() + "\">" + record.model_digest.hex().substr(0, 10) +
         "</td>";
  out += cell(escape_html(encodings(record)));
  const std::string why = record.published ? reasons(record) : "aborted: " + reasons(record);
  return out + "<td class=\"why\">" + escape_html(why) + "</td></tr>";
}

std::string table(const Report& report) {
  std::string out =
      "<h2>Every round</h2><div class=\"card rounds\"><table><thead><tr><th>round</th><th>updates</th><th>global</th>"
      "<th>edge copy</th><th>edge loss</th><th>training loss</th><th>down</th><th>up</th><th>edge "
      "size</th><th>time</th>"
      "<th>model</th><th>written as</th><th></th></tr></thead><tbody>";
  for (const RoundRecord& record : report.rounds) out += table_row(record);
  return out + "</tbody></table></div>";
}

std::string pairs_table(std::string_view heading, const std::vector<std::pair<std::string, std::string>>& pairs) {
  if (pairs.empty()) return "";
  std::string out = "<details><summary>" + escape_html(heading) + "</summary><div class=\"card keys\"><table>";
  for (const auto& [key, value] : pairs) {
    out += "<tr><td>" + escape_html(key) + "</td><td>" + escape_html(value) + "</td></tr>";
  }
  return out + "</table></div></details>";
}

}  // namespace

std::string report_html(const Report& report) {
  page::Document document{report.title, "ended: " + report.ended, summary(report) + plots(report),
                          "The same figures, for scripts: report.json and rounds.jsonl beside this file. The models: "
                          "global.onnx and edge.onnx."};
  for (const auto& [heading, fragment] : report.sections)
    document.body += "<h2>" + escape_html(heading) + "</h2>" + fragment;
  document.body +=
      table(report) + pairs_table("Configuration", report.configuration) + pairs_table("Versions", report.versions);
  return page::html(document);
}

}  // namespace tributary::coordinator
