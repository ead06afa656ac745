#include "coordinator/report.h"

#include <nlohmann/json.hpp>

#include "common/base/error.h"

namespace tributary::coordinator {

namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json quality_json(const std::optional<Quality>& quality) {
  return quality ? Json{{"loss", quality->loss}, {"accuracy", quality->accuracy}} : Json(nullptr);
}

Json pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Json object = Json::object();
  for (const auto& [key, value] : pairs) object[key] = value;
  return object;
}

std::vector<std::pair<std::string, std::string>> pairs_from(const Json& object) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : object.items()) pairs.emplace_back(key, value.get<std::string>());
  return pairs;
}

Json totals_json(const Totals& totals) {
  return {{"rounds", totals.rounds},
          {"published", totals.published},
          {"updates", totals.updates},
          {"bytes_down", totals.bytes_down},
          {"bytes_up", totals.bytes_up},
          {"down_share", or_null(totals.down_share)},
          {"up_share", or_null(totals.up_share)},
          {"rounds_to_target", or_null(totals.rounds_to_target)},
          {"bytes_to_target", or_null(totals.bytes_to_target)},
          {"seconds_to_target", or_null(totals.seconds_to_target)}};
}

// What the run ended with: the last evaluation of each kind and the last published model.
Json final_json(const std::vector<RoundRecord>& rounds) {
  std::optional<Quality> global, edge, student;
  Json digests = {{"model_digest", nullptr}, {"edge_digest", nullptr}};
  for (const RoundRecord& record : rounds) {
    if (record.global) global = record.global;
    if (record.edge) edge = record.edge;
    if (record.student) student = record.student;
    if (!record.published) continue;
    digests = {{"model_digest", record.model_digest.hex()}, {"edge_digest", record.edge_digest.hex()}};
  }
  Json last = {{"global", quality_json(global)}, {"edge", quality_json(edge)}, {"student", quality_json(student)}};
  last.update(digests);
  return last;
}

Report from(const Json& json, std::string_view source) {
  Report report;
  report.title = json.at("title");
  report.ended = json.at("ended");
  if (const Json& target = json.at("target"); !target.is_null()) {
    report.target = {target.at("metric"), target.at("value")};
  }
  report.configuration = pairs_from(json.at("configuration"));
  report.versions = pairs_from(json.at("versions"));
  report.parameters = json.at("parameters");
  report.seconds = json.at("seconds");
  report.coordinator_peak_rss_bytes = json.at("coordinator_peak_rss_bytes");
  report.participant_peak_rss_bytes = json.at("participant_peak_rss_bytes");
  for (const Json& record : json.at("rounds")) report.rounds.push_back(record_from_json(record.dump(), source));
  return report;
}

}  // namespace

bool meets(const Target& target, const RoundRecord& record) {
  const bool of_edge = target.metric.starts_with("edge.");
  if (!of_edge && !target.metric.starts_with("global.")) return false;
  const std::optional<Quality>& quality = of_edge ? record.edge : record.global;
  if (!quality) return false;
  if (target.metric.ends_with(".loss")) return quality->loss <= target.value;
  return quality->accuracy >= target.value;
}

Totals totals_of(const Report& report) {
  Totals totals;
  double seconds = 0;
  for (const RoundRecord& record : report.rounds) {
    ++totals.rounds;
    totals.published += record.published ? 1 : 0;
    totals.bytes_down += record.bytes_down;
    totals.bytes_up += record.bytes_up;
    totals.updates += record.accepted;
    seconds += record.seconds.round;
    if (totals.rounds_to_target || !meets(report.target, record)) continue;
    totals.rounds_to_target = record.round;
    totals.bytes_to_target = totals.bytes_down + totals.bytes_up;
    totals.seconds_to_target = seconds;
  }
  const double float32 = 4.0 * static_cast<double>(report.parameters) * static_cast<double>(totals.updates);
  if (float32 > 0) {
    totals.down_share = static_cast<double>(totals.bytes_down) / float32;
    totals.up_share = static_cast<double>(totals.bytes_up) / float32;
  }
  return totals;
}

std::string report_json(const Report& report) {
  Json json = {{"title", report.title}, {"ended", report.ended}};
  json["target"] = report.target.metric.empty()
                       ? Json(nullptr)
                       : Json{{"metric", report.target.metric}, {"value", report.target.value}};
  json["final"] = final_json(report.rounds);
  json["totals"] = totals_json(totals_of(report));
  json["parameters"] = report.parameters;
  json["seconds"] = report.seconds;
  json["coordinator_peak_rss_bytes"] = report.coordinator_peak_rss_bytes;
  json["participant_peak_rss_bytes"] = report.participant_peak_rss_bytes;
  json["versions"] = pairs_json(report.versions);
  json["configuration"] = pairs_json(report.configuration);
  json["rounds"] = Json::array();
  for (const RoundRecord& record : report.rounds) json["rounds"].push_back(Json::parse(to_json(record)));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Report report_from_json(std::string_view json, std::string_view source) {
  try {
    return from(Json::parse(json), source);
  } catch (const Json::exception& error) {
    fail(Error::Kind::Malformed, std::string(source) + ": not the report of a run: " + error.what());
  }
}

}  // namespace tributary::coordinator
