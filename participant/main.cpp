// tributary-participant: joins a federation, as one participant or as many; or learns a stream alone.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/options/command_line.h"
#include "common/options/data_keys.h"
#include "common/options/stream_keys.h"
#include "participant/fleet.h"
#include "participant/learn_command.h"
#include "participant/stream_settings.h"
#include "participant/stream_source.h"

namespace tributary::participant {
namespace {

constexpr std::string_view kProgram = "tributary-participant";

struct Settings {
  data::DataSource data;
  StreamSettings stream;
  StreamRounds rounds;
  AgentOptions agent;
};

void bind(options::Keys& keys, Settings& settings) {
  options::bind_data(keys, settings.data, "data", "private examples");
  bind_source(keys, settings.stream);
  options::bind_stream_rounds(keys, settings.rounds);
  keys.number("retry.seconds", settings.agent.retry_seconds, {0.01, 3600},
              "first pause after a lost line, in seconds; doubled each time");
  keys.number("retry.max_seconds", settings.agent.max_retry_seconds, {0.01, 86400}, "longest pause, in seconds");
  keys.count("retry.failures", settings.agent.max_retries, {0, 1e9},
             "failures in a row after which it gives up; 0 = never");
  keys.count("limit.model_bytes", settings.agent.max_model_bytes, {1024, 1e15},
             "largest model or edge copy that is accepted, in bytes");
}

options::Command run_command() {
  options::Command command;
  command.name = "run";
  command.summary = "takes part in a federation until it is over";
  command.options = {
      {"bundle", "FILE", "bundle of one participant, from tributary-coordinator enroll"},
      {"bundles", "DIR", "folder of bundles: hosts a participant for each *.bundle"},
      {"server", "HOST:PORT", "where the coordinator is, when not where the bundle says"},
      {"state", "DIR", "folder for what must survive a restart; default: memory only"},
      {"workers", "N", "threads that train, 1 to 1024; default: 1"},
      {"quiet", "", "prints no line for each round"},
  };
  command.examples =
      "  tributary-participant run --bundle alice.bundle --data.images=train-images --data.labels=train-labels\n"
      "  tributary-participant run --bundles fleet --workers 4 --config fleet.conf --data.subset='parts/{name}.index'\n"
      "  tributary-participant run --bundle bob.bundle --state /var/lib/tributary --data.format=csv "
      "--data.file=bob.csv\n"
      "  tributary-participant run --bundle eve.bundle --state kept --stream.source=file:/var/log/readings.csv "
      "--stream.features=heat,load --stream.label=failed --stream.classes=2\n"
      "\"{name}\" in a path of data.* and in stream.source stands for the participant's name.";
  return command;
}

unsigned workers_from(const std::string& text) {
  constexpr std::int64_t kMax = 1024;
  const auto number = parse_int(text);
  if (!number || *number < 1 || *number > kMax)
    fail(Error::Kind::Malformed, "--workers " + text + ": must be a number from 1 to 1024");
  return static_cast<unsigned>(*number);
}

// Each participant holds a socket: as many files as the system lets us have open.
void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::unique_ptr<ExampleSource> open_source(Files& files, const Clock& clock, const Settings& settings,
                                           const Path& folder, const std::string& name) {
  StreamSettings stream = settings.stream;
  constexpr std::string_view kPlace = "{name}";
  for (auto at = stream.source.find(kPlace); at != std::string::npos; at = stream.source.find(kPlace, at + name.size()))
    stream.source.replace(at, kPlace.size(), name);
  if (!folder.empty()) files.make_directories(folder);
  const Path state = folder.empty() ? Path() : folder / (name + ".stream");
  auto opened = std::make_unique<OpenStream>(stream, options::for_participant(settings.data, name), clock,
                                             stream_position(files, state));
  return stream_examples(std::move(opened), settings.rounds, files, state);
}

int run(const options::Arguments& arguments, const options::Keys& keys, const Settings& settings) {
  if (arguments.has("bundle") == arguments.has("bundles"))
    fail(Error::Kind::Malformed, "give either --bundle FILE or --bundles DIR");
  const bool streams = keys.was_set("stream.source");
  if (!options::names_data(keys, "data") && (!streams || settings.stream.source == "data"))
    fail(Error::Kind::Malformed,
         "no examples: give data.images and data.labels, data.format=csv and data.file, or stream.source");
  raise_open_files();
  const auto bundles = read_bundles(arguments.get("bundle"), arguments.get("bundles"));
  FleetOptions options;
  options.server = arguments.get("server");
  options.workers = workers_from(arguments.get("workers", "1"));
  options.quiet = arguments.has("quiet");
  options.agent = settings.agent;
  options.agent.state = arguments.get("state");
  const SystemClock clock;
  RealFiles files;
  Fleet fleet(clock, files, options);
  SharedExamples examples(settings.data);
  for (const auto& bundle : bundles) {
    if (streams)
      fleet.add(bundle, open_source(files, clock, settings, options.agent.state, bundle.name));
    else
      fleet.add(bundle, examples.of(bundle.name));
  }
  return fleet.run();
}

int main_of(std::vector<std::string> words) {
  const std::vector<options::Command> commands{run_command(), learn_command()};
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    std::cout << options::help(kProgram, "joins a federation as a participant, or as many", commands);
    return words.empty() ? 2 : 0;
  }
  if (words[0] == commands[1].name) return run_learn(kProgram, {words.begin() + 1, words.end()});
  if (words[0] != commands[0].name)
    fail(Error::Kind::Malformed, "unknown command '" + words[0] + "': the commands are run and learn");
  words.erase(words.begin());
  Settings settings;
  options::Keys keys;
  bind(keys, settings);
  const auto arguments = options::parse(commands[0], &keys, words);
  if (!arguments) {
    std::cout << options::help(kProgram, commands[0], &keys);
    return 0;
  }
  return run(*arguments, keys, settings);
}

}  // namespace
}  // namespace tributary::participant

int main(int argc, char** argv) {
  return tributary::options::run_main(tributary::participant::kProgram, [&] {
    return tributary::participant::main_of(std::vector<std::string>(argv + 1, argv + argc));
  });
}
