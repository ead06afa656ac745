// tributary-participant: joins a federation, as one participant or as many, and serves models; or learns a stream
// alone.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
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
#include "participant/predictor/commands.h"
#include "participant/predictor/edge_feed.h"
#include "participant/predictor/service.h"
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
  predictor::ServeSettings serve;
};

// The name under which a running agent serves its edge copies.
constexpr const char* kEdgeModel = "edge";

void bind_run(options::Keys& keys, Settings& settings) {
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
  predictor::bind(keys, settings.serve);
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
      {"serve", "", "answers inference requests with the newest edge copy, as model \"edge\", at serve.listen"},
      {"check-config", "", "checks configuration, bundles and examples, and ends"},
  };
  command.examples =
      "  tributary-participant run --bundle alice.bundle --data.images=train-images --data.labels=train-labels\n"
      "  tributary-participant run --bundles fleet --workers 4 --config fleet.conf --data.subset='parts/{name}.index'\n"
      "  tributary-participant run --bundle bob.bundle --state /var/lib/tributary --data.format=csv "
      "--data.file=bob.csv\n"
      "  tributary-participant run --bundle bob.bundle --config bob.conf --serve --serve.listen=127.0.0.1:8080\n"
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
  std::unique_ptr<predictor::Service> service;
  std::unique_ptr<predictor::EdgeFeed> feed;
  if (arguments.has("serve")) {
    service = std::make_unique<predictor::Service>(settings.serve, std::vector<std::string>{kEdgeModel});
    feed =
        std::make_unique<predictor::EdgeFeed>(service->predictor(), kEdgeModel, service->slots(), service->max_batch());
    options.edge_copies = [&feed](const ReceivedCopy& copy) { feed->offer(copy); };
  }
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
  if (arguments.has("check-config")) {
    std::cout << "the configuration is fine: " << bundles.size()
              << (bundles.size() == 1 ? " participant\n" : " participants\n");
    return 0;
  }
  if (service) {
    service->start();
    std::cout << "serving on " << service->address() << std::endl;
  }
  return fleet.run();
}

struct Entry {
  options::Command command;
  void (*bind)(options::Keys&, Settings&);
  int (*act)(const options::Arguments&, const options::Keys&, const Settings&);
};

std::vector<Entry> entries() {
  return {{run_command(), bind_run, run},
          {predictor::serve_command(), [](options::Keys& keys, Settings& s) { predictor::bind(keys, s.serve); },
           [](const options::Arguments& arguments, const options::Keys&, const Settings& s) {
             return predictor::serve(arguments, s.serve);
           }},
          {predictor::predict_command(),
           [](options::Keys& keys, Settings& s) { options::bind_data(keys, s.data, "data", "examples"); },
           [](const options::Arguments& arguments, const options::Keys& keys, const Settings& s) {
             return predictor::predict(arguments, keys, s.data);
           }}};
}

int perform(const Entry& entry, const std::vector<std::string>& words) {
  Settings settings;
  options::Keys keys;
  entry.bind(keys, settings);
  const auto arguments = options::parse(entry.command, &keys, words);
  if (!arguments) {
    std::cout << options::help(kProgram, entry.command, &keys);
    return 0;
  }
  return entry.act(*arguments, keys, settings);
}

int main_of(const std::vector<std::string>& words) {
  const std::vector<Entry> all = entries();
  std::vector<options::Command> commands;
  for (const Entry& entry : all) commands.push_back(entry.command);
  commands.push_back(learn_command());
  return options::run_command(kProgram,
                              "joins a federation as a participant, or as many; serves models; learns a stream",
                              commands, words, [&all](std::size_t which, const auto& rest) {
                                return which < all.size() ? perform(all[which], rest) : run_learn(kProgram, rest);
                              });
}

}  // namespace
}  // namespace tributary::participant

int main(int argc, char** argv) {
  return tributary::options::run_main(tributary::participant::kProgram, [&] {
    return tributary::participant::main_of({argv + 1, argv + argc});
  });
}
