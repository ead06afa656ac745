#include "coordinator/admin_commands.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <thread>

#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/client.h"
#include "common/options/terminal.h"

namespace tributary::coordinator {

namespace {

using nlohmann::json;

options::Command admin_command(std::string name, std::string summary, bool has_json) {
  options::Command command;
  command.name = std::move(name);
  command.summary = std::move(summary);
  command.positional = {"WHERE"};
  command.options = {
      {"token-file", "FILE", "file that holds the listener's token"},
      {"authority", "FILE",
       "PEM file of who vouches for the listener's certificate; default: the system's authorities"},
  };
  if (has_json) command.options.push_back({"json", "", "prints what the daemon says, as JSON"});
  command.examples = "  tributary-coordinator " + command.name + " runs/1\n  tributary-coordinator " + command.name +
                     " http://127.0.0.1:7144\n"
                     "WHERE is the folder of a run on this machine, or the URL of its admin listener (admin.listen).\n";
  return command;
}

// The listener that WHERE means.
http::Address address_of(const options::Arguments& arguments) {
  std::string where = arguments.positional.at(0);
  if (where.find("://") == std::string::npos) {
    const Path file = Path(where) / "admin.address";
    if (!std::filesystem::exists(file))
      fail(Error::Kind::Unavailable,
           where + ": no run with an admin listener wrote here; start it with --admin.listen=127.0.0.1:7144");
    where = std::string(trim(read_text_file(file, 4096)));
  }
  http::Address address = http::parse_url(where, "WHERE");
  address.authority = arguments.get("authority");
  return address;
}

std::string ask(const options::Arguments& arguments, const std::string& method, const std::string& target) {
  http::Call call;
  call.method = method;
  call.target = target;
  call.fields.emplace_back("X-Tributary", "1");
  if (arguments.has("token-file"))
    call.fields.emplace_back("Authorization",
                             "Bearer " + std::string(trim(read_text_file(arguments.get("token-file"), 4096))));
  const http::Response answer = http::call(address_of(arguments), call);
  if (answer.status == 200) return answer.body;
  const json said = json::parse(answer.body, nullptr, false);
  const std::string why = said.is_object() && said.contains("error") ? said["error"].get<std::string>() : "";
  if (answer.status == 401) fail(Error::Kind::Refused, why + "; give it with --token-file FILE");
  fail(answer.status < 500 ? Error::Kind::Refused : Error::Kind::Unavailable,
       "the daemon answers " + std::to_string(answer.status) + (why.empty() ? "" : ": " + why));
}

json ask_json(const options::Arguments& arguments, const std::string& target) {
  const json answer = json::parse(ask(arguments, "GET", target), nullptr, false);
  if (answer.is_discarded()) fail(Error::Kind::Malformed, "what answers there is no coordinator");
  return answer;
}

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string progress_of(const json& s) {
  if (s["state"] == "ended") return "ended: " + s["ended"].get<std::string>();
  if (s["round"] == 0) return s["state"].get<std::string>();
  options::Progress progress;
  progress.round = s["round"];
  progress.rounds = s["rounds"];
  progress.updates = s["arrived"];
  progress.wanted = s["goal"];
  return (s["paused"] == true ? "paused after this: " : "") + options::describe(progress);
}

std::string refusals_of(const json& refused) {
  std::string text;
  for (const auto& [reason, count] : refused.items())
    text += (text.empty() ? "" : ", ") + std::to_string(count.get<std::uint64_t>()) + " " + reason;
  return text.empty() ? "none" : text;
}

void print_status(const json& s) {
  const auto bytes = [&](const char* key) { return human_bytes(s[key].get<double>()); };
  std::cout << s["federation"].get<std::string>() << ", " << s["model"].get<std::string>() << ", at "
            << s["address"].get<std::string>() << "\n"
            << "now           " << progress_of(s) << "\n"
            << "rounds        " << s["published"] << " published, " << s["aborted"] << " given up\n"
            << "participants  " << s["connected"] << " connected, " << s["known"] << " seen\n"
            << "updates       " << s["accepted"] << " counted; not counted: " << refusals_of(s["refused"]) << "\n"
            << "bytes         " << bytes("bytes_down") << " down, " << bytes("bytes_up") << " up\n"
            << "memory        " << bytes("resident_bytes") << "\n";
  if (!s["checkpoint"].get<std::string>().empty())
    std::cout << "checkpoint    " << s["checkpoint"].get<std::string>() << "\n";
  std::cout.flush();
}

std::string quality_of(const json& record, const char* model) {
  return record[model].is_null() ? "-" : fixed(record[model]["accuracy"], 4);
}

std::vector<std::string> round_cells(const json& r) {
  return {std::to_string(r["round"].get<std::uint64_t>()),
          std::to_string(r["accepted"].get<std::uint64_t>()) + "/" + std::to_string(r["selected"].get<std::uint64_t>()),
          quality_of(r, "global"),
          quality_of(r, "edge"),
          r["accepted"] == 0 ? "-" : fixed(r["train_loss"], 4),
          human_bytes(r["bytes_down"].get<double>()),
          human_bytes(r["bytes_up"].get<double>()),
          human_seconds(r["seconds"]["round"].get<double>())};
}

int order(const options::Arguments& arguments, const std::string& what, const std::string& done) {
  ask(arguments, "POST", "/api/" + what);
  std::cout << done << "\n";
  return 0;
}

}  // namespace

options::Command status_command() {
  return admin_command("status", "says how a running federation is", true);
}

int status(const options::Arguments& arguments) {
  if (arguments.has("json"))
    std::cout << ask(arguments, "GET", "/api/status");
  else
    print_status(ask_json(arguments, "/api/status"));
  return 0;
}

options::Command participants_command() {
  return admin_command("participants", "lists the participants of a running federation, and how their updates fared",
                       true);
}

int participants(const options::Arguments& arguments) {
  if (arguments.has("json")) {
    std::cout << ask(arguments, "GET", "/api/participants");
    return 0;
  }
  options::LiveTable table(std::cout, options::standard_output(),
                           {"name", "state", "last round", "examples", "accepted", "refused", "why"});
  for (const json& p : ask_json(arguments, "/api/participants")) {
    const auto number = [&](const char* key) { return std::to_string(p[key].get<std::uint64_t>()); };
    table.row({p["name"], p["state"], number("last_round"), number("examples"), number("accepted"), number("refusals"),
               p["refused"]});
  }
  return 0;
}

options::Command rounds_command() {
  options::Command command = admin_command("rounds", "lists the rounds of a running federation", true);
  command.options.push_back({"follow", "", "goes on until the run is over, with the round under way below the table"});
  return command;
}

int rounds(const options::Arguments& arguments) {
  const bool as_json = arguments.has("json"), follow = arguments.has("follow");
  options::LiveTable table(std::cout, as_json ? options::Terminal{} : options::standard_output(),
                           {"round", "updates", "global acc", "edge acc", "train loss", "down", "up", "time"},
                           {5, 7, 0, 0, 0, 8, 8, 8});
  std::uint64_t last = 0;
  while (true) {
    const json state = ask_json(arguments, "/api/status");
    for (const json& record : ask_json(arguments, "/api/rounds?since=" + std::to_string(last))) {
      last = record["round"];
      if (as_json)
        std::cout << record.dump() << std::endl;
      else
        table.row(round_cells(record));
    }
    if (!follow || state["state"] == "ended") return 0;
    if (!as_json) table.status(progress_of(state));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

options::Command pause_command() {
  return admin_command("pause", "lets no further round begin; the one under way ends as it would", false);
}
int pause(const options::Arguments& arguments) {
  return order(arguments, "pause", "no further round begins");
}

options::Command resume_command() {
  return admin_command("resume", "lets rounds begin again", false);
}
int resume(const options::Arguments& arguments) {
  return order(arguments, "resume", "the rounds go on");
}

options::Command checkpoint_command() {
  return admin_command("checkpoint", "writes global.onnx and edge.onnx to the run's folder, after the round under way",
                       false);
}
int checkpoint(const options::Arguments& arguments) {
  return order(arguments, "checkpoint", "the models will be written when the round under way has ended; see status");
}

}  // namespace tributary::coordinator
