#include "coordinator/operator_commands.h"

#include <iostream>

#include "common/base/error.h"
#include "common/base/text.h"
#include "coordinator/pki.h"

namespace tributary::coordinator {

namespace {

constexpr const char* kDefaultPort = "7143";

std::int64_t whole_number(const options::Arguments& arguments, const std::string& option, const std::string& fallback,
                          std::int64_t low, std::int64_t high) {
  const std::string text = arguments.get(option, fallback);
  const auto number = parse_int(text);
  if (!number || *number < low || *number > high) {
    fail(Error::Kind::Malformed,
         "--" + option + " " + text + ": must be a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return *number;
}

}  // namespace

options::Command init_command() {
  options::Command command;
  command.name = "init";
  command.summary = "makes a federation: a folder with its authority and the coordinator's certificate";
  command.positional = {"FOLDER"};
  command.options = {
      {"name", "NAME", "name of the federation"},
      {"host", "HOST", "name or address at which participants find the coordinator; default: 127.0.0.1"},
      {"port", "PORT", "its port; default: 7143"},
      {"also", "HOST", "a further name or address in the coordinator's certificate", true},
  };
  command.examples =
      "  tributary-coordinator init orchard --name orchard\n"
      "  tributary-coordinator init clinic --name clinic --host fl.example.org --port 7143 --also 10.0.0.5\n";
  return command;
}

int init(const options::Arguments& arguments) {
  if (!arguments.has("name")) fail(Error::Kind::Malformed, "give the federation a --name");
  Federation federation;
  federation.name = arguments.get("name");
  federation.host = arguments.get("host", "127.0.0.1");
  federation.port = static_cast<std::uint16_t>(whole_number(arguments, "port", kDefaultPort, 1, 65535));
  if (arguments.has("also")) federation.hosts = arguments.options.at("also");
  const Path folder = arguments.positional.at(0);
  init_federation(folder, federation, SystemClock());
  std::cout << "made the federation " << federation.name << " in " << folder.string()
            << "\nnext: tributary-coordinator "
            << "enroll " << folder.string() << " NAME... --out DIR\n";
  return 0;
}

options::Command enroll_command() {
  options::Command command;
  command.name = "enroll";
  command.summary = "lets participants in: writes for each the bundle with which it joins";
  command.positional = {"FOLDER", "NAME..."};
  command.options = {
      {"bundle", "FILE", "where the bundle goes, for one NAME"},
      {"out", "DIR", "folder for the bundles, DIR/NAME.bundle"},
      {"days", "N", "how long the certificates are valid; default: 730"},
  };
  command.examples =
      "  tributary-coordinator enroll orchard alice --bundle alice.bundle\n"
      "  tributary-coordinator enroll orchard alice bob carol --out bundles\n"
      "A bundle holds a private key: hand it over as you would a password.\n";
  return command;
}

int enroll(const options::Arguments& arguments) {
  if (arguments.has("bundle") == arguments.has("out")) {
    fail(Error::Kind::Malformed, "give either --bundle FILE or --out DIR");
  }
  const Path folder = arguments.positional.at(0);
  const std::vector<std::string> names(arguments.positional.begin() + 1, arguments.positional.end());
  const EnrollOptions options{whole_number(arguments, "days", std::to_string(kParticipantDays), 1, 36500)};
  const SystemClock clock;
  if (arguments.has("out")) {
    enroll_many(folder, names, arguments.get("out"), clock, options);
    std::cout << "enrolled " << names.size() << (names.size() == 1 ? " participant" : " participants")
              << "; bundles are in " << arguments.get("out") << "\n";
    return 0;
  }
  if (names.size() != 1) fail(Error::Kind::Malformed, "--bundle is for one NAME; give --out DIR for several");
  enroll(folder, names.front(), arguments.get("bundle"), clock, options);
  std::cout << "enrolled " << names.front() << "; its bundle is " << arguments.get("bundle") << "\n";
  return 0;
}

options::Command revoke_command() {
  options::Command command;
  command.name = "revoke";
  command.summary = "shuts a participant out, at once and for good; it may be enrolled anew";
  command.positional = {"FOLDER", "NAME"};
  command.examples = "  tributary-coordinator revoke orchard mallory\n";
  return command;
}

int revoke(const options::Arguments& arguments) {
  revoke(arguments.positional.at(0), arguments.positional.at(1), SystemClock());
  std::cout << "revoked " << arguments.positional.at(1) << "\n";
  return 0;
}

options::Command enrolled_command() {
  options::Command command;
  command.name = "enrolled";
  command.summary = "lists who may come in";
  command.positional = {"FOLDER"};
  command.options = {{"json", "", "as a JSON array of objects with name and serial"}};
  command.examples = "  tributary-coordinator enrolled orchard --json\n";
  return command;
}

int enrolled(const options::Arguments& arguments) {
  const auto participants = Enrollment(arguments.positional.at(0)).participants();
  if (!arguments.has("json")) {
    for (const auto& each : participants) std::cout << each.name << "  " << each.serial << "\n";
    return 0;
  }
  // Names and serials have no characters that JSON would escape.
  std::cout << "[";
  for (std::size_t i = 0; i < participants.size(); ++i) {
    std::cout << (i == 0 ? "" : ",") << "\n  {\"name\": \"" << participants[i].name << "\", \"serial\": \""
              << participants[i].serial << "\"}";
  }
  std::cout << (participants.empty() ? "]\n" : "\n]\n");
  return 0;
}

}  // namespace tributary::coordinator
