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

std::vector<std::string> table_titles() {
  return {"round", "updates", "global", "edge", "train loss", "down", "up", "edge size", "time"};
}

std::vector<std::string> table_cells(const RoundRecord& record) {
  const auto bytes = [](std::uint64_t count) { return human_bytes(static_cast<double>(count)); };
  return {std::to_string(record.round),
          std::to_string(record.accepted) + "/" + std::to_string(record.selected),
          accuracy(record.global),
          accuracy(record.edge),
          formatted("%.4f", record.train_loss),
          bytes(record.bytes_down),
          bytes(record.bytes_up),
          bytes(record.edge_bytes),
          human_seconds(record.seconds.round)};
}

std::string table_remark(const RoundRecord& record) {
  std::string text = record.published ? "" : "aborted";
  for (const auto& [reason, count] : record.refused) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
  }
  return text;
}

std::string closing_words(const Report& report, const Path& out) {
  const Totals totals = coordinator::totals_of(report);
  std::string words = "ended: " + report.ended + ", " + human_seconds(report.seconds) + "\n";
  if (const RoundRecord* last = last_evaluated(report)) {
    words += "edge copy " + accuracy(last->edge) + ", global model " + accuracy(last->global) + " on held-out data\n";
  }
  const auto taught = std::find_if(report.rounds.rbegin(), report.rounds.rend(),
                                   [](const RoundRecord& record) { return record.student.has_value(); });
  if (taught != report.rounds.rend()) words += "edge student " + accuracy(taught->student) + "\n";
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
