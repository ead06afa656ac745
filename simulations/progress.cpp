#include "simulations/progress.h"

#include <array>
#include <cstdio>
#include <fstream>

#include "common/base/text.h"

namespace tributary::simulation {

namespace {

using coordinator::Report;
using coordinator::RoundRecord;
using coordinator::Totals;

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 512> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

std::string accuracy(const std::optional<coordinator::Quality>& quality) {
  return quality ? formatted("%.2f %%", quality->accuracy * 100) : "-";
}

std::string share(const std::optional<double>& part) {
  return part ? formatted("%.1f %%", *part * 100) : "-";
}

const RoundRecord* last_evaluated(const Report& report) {
  for (auto at = report.rounds.rbegin(); at != report.rounds.rend(); ++at) {
    if (at->edge && at->global) return &*at;
  }
  return nullptr;
}

}  // namespace

std::vector<RoundRecord> RoundTail::next() {
  std::ifstream in(file_, std::ios::binary);
  if (!in) return {};
  in.seekg(static_cast<std::streamoff>(read_));
  std::string fresh{std::istreambuf_iterator<char>(in), {}};
  read_ += fresh.size();
  rest_ += fresh;
  std::vector<RoundRecord> records;
  for (std::size_t end; (end = rest_.find('\n')) != std::string::npos; rest_.erase(0, end + 1)) {
    const std::string line = rest_.substr(0, end);
    if (!line.empty()) records.push_back(coordinator::record_from_json(line, file_.string()));
  }
  return records;
}

std::string table_head() {
  return formatted("%6s %11s %9s %9s %10s %9s %9s %9s %9s", "round", "updates", "global", "edge", "train loss", "down",
                   "up", "edge size", "time");
}

std::string table_row(const RoundRecord& record) {
  const std::string updates = std::to_string(record.accepted) + "/" + std::to_string(record.selected);
  std::string row = formatted(
      "%6llu %11s %9s %9s %10.4f %9s %9s %9s %9s", static_cast<unsigned long long>(record.round), updates.c_str(),
      accuracy(record.global).c_str(), accuracy(record.edge).c_str(), record.train_loss,
      human_bytes(static_cast<double>(record.bytes_down)).c_str(),
      human_bytes(static_cast<double>(record.bytes_up)).c_str(),
      human_bytes(static_cast<double>(record.edge_bytes)).c_str(), human_seconds(record.seconds.round).c_str());
  if (!record.published) row += "  aborted";
  for (const auto& [reason, count] : record.refused) row += "  " + std::to_string(count) + " " + reason;
  return row;
}

std::string closing_words(const Report& report, const Path& out) {
  const Totals totals = coordinator::totals_of(report);
  std::string words = "ended: " + report.ended + ", " + human_seconds(report.seconds) + "\n";
  if (const RoundRecord* last = last_evaluated(report)) {
    words += "edge copy " + accuracy(last->edge) + ", global model " + accuracy(last->global) + " on held-out data\n";
  }
  words += "bytes of float32's: down " + share(totals.down_share) + ", up " + share(totals.up_share) + "; in all " +
           human_bytes(static_cast<double>(totals.bytes_down + totals.bytes_up)) + "\n";
  words += "peak memory: coordinator " + human_bytes(static_cast<double>(report.coordinator_peak_rss_bytes)) +
           ", largest participant process " + human_bytes(static_cast<double>(report.participant_peak_rss_bytes)) +
           "\n";
  words += "report: " + (out / "report.html").string() + "   models: " + (out / "global.onnx").string() + ", " +
           (out / "edge.onnx").string() + "\n";
  return words;
}

}  // namespace tributary::simulation
