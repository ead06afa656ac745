#include "simulations/federation.h"

#include "common/base/error.h"
#include "common/data/partition.h"
#include "coordinator/pki.h"

namespace tributary::simulation {

namespace {

constexpr const char* kLoopback = "127.0.0.1";
// Bundles must name a port; participants are told the true one with --server.
constexpr std::uint16_t kNominalPort = 7143;

void refuse_a_used_folder(const Files& files, const Path& out) {
  for (const char* name : {"federation", "rounds.jsonl", "report.json"}) {
    if (!files.exists(out / name)) continue;
    fail(Error::Kind::Refused,
         out.string() + ": holds a run already (" + name + "): give another --out, or remove that folder first");
  }
}

std::string folder_number(std::size_t number) {
  std::string text = std::to_string(number);
  if (text.size() < 4) text.insert(0, 4 - text.size(), '0');
  return text;
}

// Enrols everybody at once, then deals the bundles to the processes.
std::vector<Path> enrol(Files& files, const Clock& clock, const Path& folder, const Path& bundles,
                        const std::vector<std::string>& names, const Crowd& crowd) {
  files.make_directories(bundles);
  coordinator::enroll_many(folder, names, bundles, clock);
  std::vector<Path> dealt;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i % crowd.participants_per_process == 0) {
      dealt.push_back(bundles / folder_number(dealt.size()));
      files.make_directories(dealt.back());
    }
    const std::string file = names[i] + ".bundle";
    files.rename(bundles / file, dealt.back() / file);
  }
  return dealt;
}

}  // namespace

std::string federation_name(const std::string& title) {
  std::string name;
  for (const char c : title) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (name.size() < 64 && (plain || (!name.empty() && (c == '-' || c == '.')))) name += c;
  }
  if (name.empty() || name.front() == '_') name.insert(0, "simulation");
  return name;
}

Holdings share_out(const Files& files, const Scenario& scenario, const Path& out) {
  refuse_a_used_folder(files, out);
  Holdings holdings;
  holdings.examples = data::load(scenario.data);
  holdings.names = participant_names(scenario.crowd.participants);
  holdings.parts = data::partition(*holdings.examples, scenario.crowd.partition, scenario.crowd.participants,
                                   scenario.coordinator.seed);
  return holdings;
}

Federation make_federation(Files& files, const Clock& clock, const std::string& title, Scenario& scenario,
                           const Path& out) {
  Federation federation;
  // What may be wrong with the user's data shows before anything is written.
  federation.holdings = share_out(files, scenario, out);
  const auto& [examples, names, parts] = federation.holdings;
  federation.folder = out / "federation";
  federation.logs = out / "logs";

  files.make_directories(federation.folder);
  files.make_directories(federation.logs);
  files.make_directories(out / "parts");
  scenario.data = data::unpack(scenario.data, out / "data");
  for (std::size_t p = 0; p < names.size(); ++p) {
    data::save_index(out / "parts" / (names[p] + ".index"), parts[p]);
  }
  scenario.data.index = out / "parts" / "{name}.index";

  coordinator::Federation who;
  who.name = federation_name(title);
  who.host = kLoopback;
  who.port = kNominalPort;
  coordinator::init_federation(federation.folder, who, clock);
  federation.bundles = enrol(files, clock, federation.folder, out / "bundles", names, scenario.crowd);
  return federation;
}

}  // namespace tributary::simulation
