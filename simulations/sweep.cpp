#include "simulations/sweep.h"

#include <algorithm>
#include <filesystem>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace tributary::simulation {

namespace {

constexpr std::size_t kMaxRuns = 10'000;
constexpr std::size_t kMaxNameBytes = 160;

// Commas part values unless a backslash stands before them.
std::vector<std::string> values_of(std::string_view list) {
  std::vector<std::string> values(1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\' && i + 1 < list.size() && list[i + 1] == ',') {
      values.back() += list[++i];
    } else if (list[i] == ',') {
      values.emplace_back();
    } else {
      values.back() += list[i];
    }
  }
  return values;
}

// The last part of a key says enough, unless another axis ends so too.
std::string short_name(const std::vector<Axis>& axes, const std::string& key) {
  const auto tail = [](const std::string& full) { return full.substr(full.rfind('.') + 1); };
  const auto same = std::count_if(axes.begin(), axes.end(), [&](const Axis& a) { return tail(a.key) == tail(key); });
  return same > 1 ? key : tail(key);
}

// A file's name: what may not stand in one, or would be read as a switch or a path, becomes '_'.
std::string as_file_name(std::string text) {
  for (char& c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("=.,:+-_ ").find(c) != std::string_view::npos;
    if (!plain) c = '_';
  }
  if (text.size() > kMaxNameBytes) {
    text = text.substr(0, kMaxNameBytes - 17) + "-" + sha256(as_bytes(text)).hex().substr(0, 16);
  }
  return text;
}

std::string name_of(const std::vector<Axis>& axes, const std::vector<Setting>& settings) {
  std::string name;
  for (const auto& [key, value] : settings) name += (name.empty() ? "" : " ") + short_name(axes, key) + "=" + value;
  return name.empty() ? "base" : as_file_name(name);
}

}  // namespace

Axis parse_axis(std::string_view text) {
  const std::size_t equals = text.find('=');
  const auto malformed = [&](const std::string& what) {
    fail(Error::Kind::Malformed, "--grid \"" + std::string(text) + "\": " + what);
  };
  if (equals == std::string_view::npos || equals == 0) malformed("KEY=VALUE,VALUE,... expected");
  Axis axis{std::string(trim(text.substr(0, equals))), values_of(text.substr(equals + 1))};
  if (axis.key == "seed") malformed("use --seeds N for seeds");
  std::vector<std::string> sorted = axis.values;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.front().empty()) malformed("a value is empty");
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) malformed("the value " + *twice + " is there twice");
  return axis;
}

std::vector<Combination> combinations(const Sweep& sweep) {
  std::size_t count = 1;
  for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      if (sweep.axes[a].key != sweep.axes[b].key) continue;
      fail(Error::Kind::Malformed, "--grid " + sweep.axes[a].key + " is given twice: put all its values into one");
    }
    count *= sweep.axes[a].values.size();
    if (count * sweep.seeds > kMaxRuns) {
      fail(Error::Kind::Malformed, "the sweep has more than " + std::to_string(kMaxRuns) + " runs: give fewer values");
    }
  }
  std::vector<Combination> all;
  for (std::size_t i = 0; i < count; ++i) {
    Combination one;
    std::size_t rest = i;
    for (auto axis = sweep.axes.rbegin(); axis != sweep.axes.rend(); ++axis) {
      one.settings.insert(one.settings.begin(), {axis->key, axis->values[rest % axis->values.size()]});
      rest /= axis->values.size();
    }
    one.name = name_of(sweep.axes, one.settings);
    all.push_back(std::move(one));
  }
  return all;
}

Result result_of(const coordinator::Report& report, std::size_t combination, std::uint64_t seed, std::string folder) {
  Result result;
  result.combination = combination;
  result.seed = seed;
  result.folder = std::move(folder);
  result.ended = report.ended;
  result.totals = coordinator::totals_of(report);
  result.seconds = report.seconds;
  for (const coordinator::RoundRecord& record : report.rounds) {
    if (record.published) result.model_digest = record.model_digest.hex();
    if (record.global) result.global = record.global;
    if (!record.edge) continue;
    result.edge = record.edge;
    result.curve.emplace_back(record.round, record.edge->accuracy > 0 ? record.edge->accuracy : record.edge->loss);
  }
  return result;
}

std::optional<coordinator::Report> finished_run(const Path& folder, const std::string& title,
                                                const std::vector<std::pair<std::string, std::string>>& configuration) {
  const Path file = folder / "report.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  try {
    coordinator::Report report = coordinator::report_from_json(read_text_file(file), file.string());
    if (report.title != title || report.configuration != configuration) return std::nullopt;
    if (report.ended == "interrupted" || report.ended.starts_with("failed")) return std::nullopt;
    return report;
  } catch (const Error&) {
    return std::nullopt;  // half of one: the run is made again
  }
}

Spread spread_of(std::vector<double> values) {
  Spread spread;
  spread.count = values.size();
  if (values.empty()) return spread;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  spread.median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  spread.least = values.front();
  spread.largest = values.back();
  return spread;
}

}  // namespace tributary::simulation
