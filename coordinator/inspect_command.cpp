#include "coordinator/inspect_command.h"

#include <iostream>

#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "coordinator/round.h"
#include "coordinator/store/inspection.h"

namespace tributary::coordinator {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShortDigest = 16;

Json json_of(const store::PastRound& round) {
  const Json record = Json::parse(round.record, nullptr, false);
  return {{"round", round.ended.round},
          {"published", round.ended.published},
          {"model_digest", round.ended.model.hex()},
          {"edge_digest", round.ended.edge.hex()},
          {"chain", store::chain_of(round.ended).hex()},
          {"accepted", record.is_object() ? record.value("accepted", Json()) : Json()},
          {"selected", record.is_object() ? record.value("selected", Json()) : Json()}};
}

Json json_of(const store::RoundContents& open) {
  Json accepted = Json::array(), settled = Json::object();
  for (const auto& each : open.accepted) {
    accepted.push_back({{"participant", each.participant},
                        {"examples", each.announced.examples},
                        {"bytes", each.announced.blob_bytes},
                        {"checksum", each.announced.checksum.hex()}});
  }
  for (const auto& each : open.settled) {
    settled[each.participant] = each.reason.empty() ? name_of(static_cast<Fate>(each.fate)) : each.reason;
  }
  return {{"round", open.opened.round},           {"goal", open.opened.goal}, {"quorum", open.opened.quorum},
          {"selected", open.opened.selected},     {"accepted", accepted},     {"refused", settled},
          {"edge_digest", open.opened.edge.hex()}};
}

Json json_of(const store::Inspection& it) {
  Json json;
  json["whole"] = it.damage.empty();
  json["damage"] = it.damage;
  json["notes"] = it.notes;
  json["files_checked"] = it.files_checked;
  json["bytes_checked"] = it.bytes_checked;
  json["updates_checked"] = it.updates_checked;
  if (it.history.run) {
    json["run"] = it.history.run->run;
    json["federation"] = it.history.run->federation;
    json["begun"] = iso_time(it.history.run->unix_seconds);
  }
  json["ended"] = it.history.ended ? Json(*it.history.ended) : Json(nullptr);
  json["rounds"] = Json::array();
  for (const auto& round : it.history.rounds) json["rounds"].push_back(json_of(round));
  json["open_round"] = it.unfinished ? json_of(*it.unfinished) : Json(nullptr);
  return json;
}

void show_round(const store::PastRound& round) {
  const Json json = json_of(round);
  std::cout << "round " << round.ended.round << (round.ended.published ? " published " : " aborted   ")
            << json["accepted"].dump() << " of " << json["selected"].dump() << " updates, model "
            << round.ended.model.hex().substr(0, kShortDigest) << ", edge copy "
            << round.ended.edge.hex().substr(0, kShortDigest) << ", chain "
            << store::chain_of(round.ended).hex().substr(0, kShortDigest) << "\n";
}

void show_open(const store::RoundContents& open) {
  std::cout << "round " << open.opened.round << " is open: " << open.accepted.size() << " of " << open.opened.goal
            << " updates, quorum " << open.opened.quorum << "\n";
  for (const auto& each : open.accepted) {
    std::cout << "  " << each.participant << ": " << each.announced.examples << " examples, "
              << human_bytes(static_cast<double>(each.announced.blob_bytes)) << ", checksum "
              << each.announced.checksum.hex().substr(0, kShortDigest) << "\n";
  }
  for (const auto& each : open.settled) {
    std::cout << "  " << each.participant << ": " << name_of(static_cast<Fate>(each.fate))
              << (each.reason.empty() ? "" : ", " + each.reason) << "\n";
  }
}

void show(const store::Inspection& it, const Path& folder) {
  if (it.history.run) {
    std::cout << "run " << it.history.run->run << " of " << it.history.run->federation << ", begun "
              << iso_time(it.history.run->unix_seconds) << "\n";
  }
  for (const auto& round : it.history.rounds) show_round(round);
  if (it.unfinished) show_open(*it.unfinished);
  std::cout << (it.history.ended ? "ended: " + *it.history.ended : std::string("not ended")) << "\n";
  for (const std::string& note : it.notes) std::cout << "note: " << note << "\n";
  for (const std::string& damage : it.damage) std::cout << "damaged: " << damage << "\n";
  if (it.damage.empty()) {
    std::cout << folder.string() << " is whole: " << it.files_checked << " files, "
              << human_bytes(static_cast<double>(it.bytes_checked)) << "\n";
  }
}

}  // namespace

options::Command inspect_command() {
  options::Command command;
  command.name = "inspect";
  command.summary = "shows a run's rounds, participants and digests, and verifies its whole store";
  command.positional = {"DIR"};
  command.options = {{"json", "", "prints one JSON object"}};
  command.examples =
      "  tributary-coordinator inspect runs/1\n"
      "  tributary-coordinator inspect runs/1 --json\n"
      "DIR is what was given to run with --out. Ends with 1, and names the file, when something is damaged.\n";
  return command;
}

int inspect(const options::Arguments& arguments) {
  const Path folder = arguments.positional.at(0);
  const RealFiles files;
  const store::Inspection it = store::inspect(files, folder / "store");
  if (arguments.has("json")) {
    std::cout << json_of(it).dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    show(it, folder);
  }
  return it.damage.empty() ? 0 : 1;
}

}  // namespace tributary::coordinator
