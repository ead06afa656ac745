// tributary-bench-transport: what a round costs the coordinator when nobody trains.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/codec/update.h"
#include "common/model/zoo.h"
#include "common/options/command_line.h"
#include "tests/bench/transport_coordinator.h"
#include "tests/bench/transport_machine.h"
#include "tests/bench/transport_participants.h"

namespace tributary::bench {
namespace {

constexpr std::string_view kProgram = "tributary-bench-transport";
constexpr std::uint32_t kChunkBytes = 256 * 1024;

struct Plan {
  std::size_t parameters = 0, participants = 0, rounds = 0, processes = 1;
  std::string encoding;
  std::vector<std::string> settings;  // KEY=VALUE, for the coordinator
};

options::Command command() {
  options::Command command;
  command.summary =
      "runs rounds between a coordinator process and participants that return a ready update at once, over TLS on this "
      "machine, and prints what they cost";
  command.options = {
      {"parameters", "P", "size of the model, about; default: 10000000"},
      {"participants", "N", "how many; default: 8"},
      {"rounds", "R", "rounds measured, after one to warm up; default: 5"},
      {"encoding", "E", "default, float32 (both ways, not pruned), or another update encoding; default: default"},
      {"participant-processes", "K", "processes that the participants share; default: 1"},
      {"set", "KEY=VALUE", "a further key of the coordinator's", true},
      {"json", "", "prints one JSON object"},
  };
  command.examples =
      "  tributary-bench-transport --parameters 10000000 --participants 8 --rounds 5 --encoding float32\n"
      "  tributary-bench-transport --parameters 1000 --participants 1000 --json --set store.sync=no\n"
      "Updates are acknowledged when the disk has them (--set store.sync=no: at once).\n";
  return command;
}

std::size_t count_of(const options::Arguments& arguments, const std::string& option, const std::string& fallback) {
  const auto number = parse_int(arguments.get(option, fallback));
  if (!number || *number < 1) fail(Error::Kind::Malformed, "--" + option + " must be a number from 1 on");
  return static_cast<std::size_t>(*number);
}

Plan plan_of(const options::Arguments& arguments) {
  Plan plan;
  plan.parameters = count_of(arguments, "parameters", "10000000");
  plan.participants = count_of(arguments, "participants", "8");
  plan.rounds = count_of(arguments, "rounds", "5");
  plan.processes = std::min(count_of(arguments, "participant-processes", "1"), plan.participants);
  plan.encoding = arguments.get("encoding", "default");
  if (arguments.has("set")) plan.settings = arguments.options.at("set");
  return plan;
}

codec::UpdateEncoding update_encoding(const Plan& plan) {
  return plan.encoding == "default" ? codec::UpdateEncoding() : codec::UpdateEncoding::parse(plan.encoding);
}

// A model of about so many parameters: one layer when they are few, two equal hidden layers else.
std::string model_of(std::size_t parameters) {
  constexpr std::size_t kIn = 784, kOut = 10, kFew = 20000;
  if (parameters < kFew) {
    const std::size_t in = std::max<std::size_t>(parameters / kOut, 2) - 1;
    return "linear:" + std::to_string(in) + "-" + std::to_string(kOut);
  }
  // (784 + 1) h + (h + 1) h + (h + 1) 10 = parameters
  const double linear = kIn + 1 + 1 + kOut;
  const double h = (-linear + std::sqrt(linear * linear + 4 * (static_cast<double>(parameters) - kOut))) / 2;
  const std::string hidden = std::to_string(std::max(1L, std::lround(h)));
  return "mlp:" + std::to_string(kIn) + "-" + hidden + "-" + hidden + "-" + std::to_string(kOut);
}

std::vector<std::string> coordinator_words(const Plan& plan, const std::string& model) {
  const std::string all = std::to_string(plan.participants);
  std::vector<std::string> words = {"--model=" + model,
                                    "--rounds=" + std::to_string(plan.rounds + 1),
                                    "--round.participants=" + all,
                                    "--round.cohort=" + all,
                                    "--round.quorum=" + all,
                                    "--session.ping_seconds=120",
                                    "--update.encoding=" + update_encoding(plan).text()};
  if (plan.encoding == "float32") words.insert(words.end(), {"--edge.bits=32", "--edge.sparsity=0"});
  for (const std::string& setting : plan.settings) words.push_back("--" + setting);
  return words;
}

ReadyUpdate make_update(const model::ParameterLayout& layout, const codec::UpdateEncoding& encoding) {
  RandomStream random(1, "transport bench");
  std::vector<float> delta(layout.size());
  for (float& each : delta) each = static_cast<float>(1e-3 * (random.uniform() - 0.5));
  Bytes blob = codec::encode_update(layout, delta, {}, encoding, random);
  ReadyUpdate update;
  update.announcement.checksum = checksum(blob);
  update.announcement.blob_bytes = blob.size();
  update.announcement.encoding = encoding.text();
  update.announcement.examples = 100;
  update.blob = std::make_shared<const wire::FramedBlob>(std::move(blob), kChunkBytes);
  return update;
}

void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

struct Figure {
  std::string name;
  double value = 0;
};

std::vector<Figure> measure(const Plan& plan) {
  const std::string spec = model_of(plan.parameters);
  raise_open_files();
  BenchedCoordinator coordinator(
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "tributary-coordinator", plan.participants,
      coordinator_words(plan, spec));
  const model::LayoutPtr layout = model::make_zoo_model(spec, 1).layout();
  const ReadyUpdate update = make_update(*layout, update_encoding(plan));
  coordinator.await_listening();
  const Observed seen =
      take_part(coordinator.bundles(), update, plan.rounds + 1, plan.processes, coordinator.process());
  const auto peak = static_cast<double>(coordinator.await_end());

  std::vector<double> took;
  for (std::size_t r = 1; r < seen.offered.size() - 1; ++r) took.push_back(seen.offered[r + 1] - seen.offered[r]);
  const double updates = static_cast<double>(plan.rounds * plan.participants);
  return {{"parameters", static_cast<double>(layout->size())},
          {"participants", static_cast<double>(plan.participants)},
          {"rounds", static_cast<double>(plan.rounds)},
          {"seconds_per_round", median(took)},
          {"coordinator_cpu_seconds_per_update", seen.coordinator_cpu_seconds / updates},
          {"coordinator_peak_rss_bytes", peak},
          {"bytes_down_per_participant", std::round(seen.bytes_down / updates)},
          {"bytes_up_per_participant", std::round(seen.bytes_up / updates)},
          {"aes_gcm_bytes_per_second", aes_gcm_rate()},
          {"memory_bytes_per_second", memory_rate()},
          {"disk_sync_bytes_per_second", disk_sync_rate(std::filesystem::temp_directory_path())},
          {"disk_sync_seconds", disk_sync_seconds(std::filesystem::temp_directory_path())}};
}

std::string number_text(double value) {
  if (value == std::floor(value)) return std::to_string(static_cast<long long>(value));
  std::string text = std::to_string(value);
  return text;
}

void print(const Plan& plan, const std::vector<Figure>& figures, bool json) {
  if (json) {
    std::cout << "{\"encoding\": \"" << plan.encoding << '"';
    for (const Figure& figure : figures) std::cout << ", \"" << figure.name << "\": " << number_text(figure.value);
    std::cout << "}\n";
    return;
  }
  for (const Figure& figure : figures) {
    std::cout << figure.name << std::string(38 - figure.name.size(), ' ') << number_text(figure.value) << '\n';
  }
}

int main_of(const std::vector<std::string>& words) {
  const auto arguments = options::parse(command(), nullptr, words);
  if (!arguments) {
    std::cout << options::help(kProgram, command(), nullptr);
    return 0;
  }
  const Plan plan = plan_of(*arguments);
  print(plan, measure(plan), arguments->has("json"));
  return 0;
}

}  // namespace
}  // namespace tributary::bench

int main(int argc, char** argv) {
  return tributary::options::run_main(tributary::bench::kProgram, [&] {
    return tributary::bench::main_of(std::vector<std::string>(argv + 1, argv + argc));
  });
}
