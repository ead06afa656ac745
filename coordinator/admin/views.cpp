#include "coordinator/admin/views.h"

#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "coordinator/process_memory.h"

namespace tributary::coordinator {

namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string label(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

class Metrics {
 public:
  void family(std::string_view name, std::string_view kind, std::string_view help) {
    name_ = "tributary_" + std::string(name);
    text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " + std::string(kind) + "\n";
  }
  void sample(double value, std::string_view key = {}, std::string_view of = {}) {
    text_ += name_;
    if (!key.empty()) text_ += "{" + std::string(key) + "=\"" + label(of) + "\"}";
    text_ += " " + number(value) + "\n";
  }
  void one(std::string_view name, std::string_view kind, std::string_view help, double value) {
    family(name, kind, help);
    sample(value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string name_, text_;
};

// Connected, and how the last verdict was.
std::string state_of(const WatchedParticipant& participant) {
  if (!participant.connected) return "away";
  if (participant.last_round == 0) return "connected";
  return participant.last_accepted ? "contributing" : "refused";
}

void write_participants(Metrics& metrics, const Snapshot& snapshot) {
  std::map<std::string, double> states = {{"connected", 0}, {"contributing", 0}, {"refused", 0}, {"away", 0}};
  for (const auto& [name, participant] : snapshot.participants) ++states[state_of(participant)];
  metrics.family("participants", "gauge", "Participants seen in this run, by state.");
  for (const auto& [state, count] : states) metrics.sample(count, "state", state);
}

void write_last_round(Metrics& metrics, const RoundRecord& last) {
  metrics.one("edge_copy_bytes", "gauge", "Size of the edge copy.", static_cast<double>(last.edge_bytes));
  metrics.one("edge_copy_sparsity", "gauge", "Share of the edge copy's weights that are zero.", last.edge_sparsity);
  metrics.one("train_loss", "gauge", "Training loss of the last round.", last.train_loss);
}

void write_quality(Metrics& metrics, const Snapshot& snapshot) {
  for (auto at = snapshot.rounds.rbegin(); at != snapshot.rounds.rend(); ++at) {
    const RoundRecord& record = **at;
    if (!record.global || !record.edge) continue;
    metrics.family("accuracy", "gauge", "On held-out data, last evaluated.");
    metrics.sample(record.global->accuracy, "model", "global");
    metrics.sample(record.edge->accuracy, "model", "edge");
    metrics.family("loss", "gauge", "On held-out data, last evaluated.");
    metrics.sample(record.global->loss, "model", "global");
    metrics.sample(record.edge->loss, "model", "edge");
    return;
  }
}

}  // namespace

std::string metrics_text(const Snapshot& snapshot) {
  const WatchTotals& totals = snapshot.totals;
  Metrics metrics;
  metrics.family("rounds_total", "counter", "Rounds that have ended.");
  metrics.sample(static_cast<double>(totals.published), "outcome", "published");
  metrics.sample(static_cast<double>(totals.aborted), "outcome", "aborted");
  metrics.one("round", "gauge", "The round under way; 0 between rounds.", static_cast<double>(snapshot.run.round));
  metrics.one("round_updates", "gauge", "Updates of the round under way.", static_cast<double>(snapshot.run.arrived));
  metrics.one("round_goal", "gauge", "Updates that it wants.", static_cast<double>(snapshot.run.goal));
  metrics.one("paused", "gauge", "1 while an operator holds the rounds.", snapshot.run.paused ? 1 : 0);
  write_participants(metrics, snapshot);
  metrics.one("updates_accepted_total", "counter", "Updates that counted.", static_cast<double>(totals.accepted));
  metrics.one("examples_total", "counter", "Examples of those updates.", static_cast<double>(totals.examples));
  metrics.family("updates_refused_total", "counter", "Updates and participants that did not count, by reason.");
  for (const auto& [reason, count] : totals.refused) metrics.sample(static_cast<double>(count), "reason", reason);
  metrics.family("peers_refused_total", "counter", "Connections, messages and updates refused, by kind.");
  for (const auto& [kind, count] : totals.peers_refused) metrics.sample(static_cast<double>(count), "kind", kind);
  metrics.family("bytes_total", "counter", "Bytes on the wire.");
  metrics.sample(static_cast<double>(totals.bytes_down), "direction", "down");
  metrics.sample(static_cast<double>(totals.bytes_up), "direction", "up");
  metrics.family("phase_seconds_total", "counter", "Seconds of all rounds, by phase.");
  metrics.sample(totals.seconds.round, "phase", "round");
  metrics.sample(totals.seconds.train, "phase", "train");
  metrics.sample(totals.seconds.decode, "phase", "decode");
  metrics.sample(totals.seconds.encode, "phase", "encode");
  metrics.sample(totals.seconds.fold, "phase", "fold");
  metrics.sample(totals.seconds.evaluate, "phase", "evaluate");
  if (!snapshot.rounds.empty()) write_last_round(metrics, *snapshot.rounds.back());
  write_quality(metrics, snapshot);
  metrics.one("resident_bytes", "gauge", "Resident memory of the coordinator.", static_cast<double>(resident_bytes()));
  metrics.one("start_time_seconds", "gauge", "When the run began, since the Unix epoch.",
              static_cast<double>(snapshot.run.started_unix_seconds));
  return metrics.take();
}

std::string status_json(const Snapshot& snapshot) {
  const WatchedRun& run = snapshot.run;
  Json json;
  json["federation"] = run.federation;
  json["model"] = run.model;
  json["parameters"] = run.parameters;
  json["address"] = run.address;
  json["state"] = run.over ? "ended" : run.paused ? "paused" : run.round != 0 ? "running" : "waiting";
  json["paused"] = run.paused;
  json["ended"] = run.ended;
  json["started"] = iso_time(run.started_unix_seconds);
  json["round"] = run.round;
  json["rounds"] = run.rounds_wanted;
  json["selected"] = run.selected;
  json["arrived"] = run.arrived;
  json["goal"] = run.goal;
  std::size_t connected = 0;
  for (const auto& [name, participant] : snapshot.participants) connected += participant.connected ? 1 : 0;
  json["connected"] = connected;
  json["known"] = snapshot.participants.size();
  json["published"] = snapshot.totals.published;
  json["aborted"] = snapshot.totals.aborted;
  json["accepted"] = snapshot.totals.accepted;
  json["refused"] = snapshot.totals.refused;
  json["peers_refused"] = snapshot.totals.peers_refused;
  json["bytes_down"] = snapshot.totals.bytes_down;
  json["bytes_up"] = snapshot.totals.bytes_up;
  json["target_metric"] = run.target.metric;
  json["target_value"] = run.target.value;
  json["checkpoint"] = run.checkpoint;
  json["resident_bytes"] = resident_bytes();
  return dumped(json);
}

std::string participants_json(const Snapshot& snapshot) {
  Json list = Json::array();
  for (const auto& [name, participant] : snapshot.participants) {
    Json json;
    json["name"] = name;
    json["state"] = state_of(participant);
    json["address"] = participant.address;
    json["last_round"] = participant.last_round;
    json["examples"] = participant.examples;
    json["accepted"] = participant.accepted;
    json["refusals"] = participant.refusals;
    json["refused"] = participant.refused;
    list.push_back(std::move(json));
  }
  return dumped(list);
}

std::string rounds_json(const Snapshot& snapshot, std::uint64_t since) {
  std::string text = "[";
  for (const auto& record : snapshot.rounds) {
    if (record->round <= since) continue;
    if (text.size() > 1) text += ',';
    text += to_json(*record);
  }
  return text + "]";
}

}  // namespace tributary::coordinator
