// tributary-model: makes models and shows what they are made of.

#include <cstdio>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/inspection.h"
#include "common/model/exits.h"
#include "common/model/zoo.h"
#include "common/options/command_line.h"

namespace {

using namespace tributary;
using options::Arguments;
using options::Command;

constexpr std::string_view kProgram = "tributary-model";
constexpr std::string_view kSummary = "makes models and shows what they are made of";

Command new_command() {
  Command command;
  command.name = "new";
  command.summary = "writes a model of the zoo, with seeded initial weights, as an ONNX file";
  command.positional = {"SPEC"};
  command.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"},
                     {.name = "seed", .value = "N", .help = "of the initial weights; 1 without it"}};
  command.examples =
      "tributary-model new 2nn --out 2nn.onnx\n"
      "tributary-model new mlp:784-100-10 --seed 7 --out small.onnx\n";
  std::string specs;
  for (const std::string& name : model::zoo_names()) specs += (specs.empty() ? "" : ", ") + name;
  command.summary += "; SPEC is one of " + specs;
  return command;
}

Command inspect_command() {
  Command command;
  command.name = "inspect";
  command.summary = "shows operators, parameters with shapes and zeros, bytes, opset and digests of an ONNX file";
  command.positional = {"FILE"};
  command.options = {{.name = "json", .value = "", .help = "one JSON object instead of a table"}};
  command.examples =
      "tributary-model inspect edge.onnx\n"
      "tributary-model inspect global.onnx --json\n";
  return command;
}

Command exits_command() {
  Command command;
  command.name = "exits";
  command.summary =
      "adds the ensemble over a model's exits (outputs called exit..., or listed in its metadata tributary.exits) as "
      "its "
      "first output, and its weights as state, so that a federation learns them";
  command.positional = {"FILE"};
  command.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"}};
  command.examples = "tributary-model exits exported.onnx --out several.onnx\n";
  return command;
}

std::uint64_t seed_of(const Arguments& arguments) {
  const std::string text = arguments.get("seed", "1");
  const auto seed = parse_int(text);
  if (!seed || *seed < 0) fail(Error::Kind::Malformed, "--seed takes a whole number from 0 up, not '" + text + "'");
  return static_cast<std::uint64_t>(*seed);
}

int make_new(const Arguments& arguments) {
  const Path out = arguments.get("out");
  if (out.empty()) fail(Error::Kind::Malformed, "new needs --out FILE, the file to write");
  model::make_zoo_model(arguments.positional.at(0), seed_of(arguments)).save(out);
  const edge::Inspection made = edge::inspect_file(out);
  std::printf("%s: %llu parameters, %s\n", out.c_str(), static_cast<unsigned long long>(made.parameters),
              human_bytes(static_cast<double>(made.file_bytes)).c_str());
  return 0;
}

int add_exits(const Arguments& arguments) {
  const Path out = arguments.get("out");
  if (out.empty()) fail(Error::Kind::Malformed, "exits needs --out FILE, the file to write");
  model::Graph graph = model::Graph::load(arguments.positional.at(0));
  model::add_ensemble(graph);
  graph.save(out);
  std::printf("%s: an ensemble over %zu exits\n", out.c_str(), model::exits_of(graph).size());
  return 0;
}

int inspect(const Arguments& arguments) {
  const edge::Inspection found = edge::inspect_file(arguments.positional.at(0));
  std::fputs((arguments.has("json") ? as_json(found) : as_table(found)).c_str(), stdout);
  return 0;
}

struct Entry {
  Command command;
  int (*run)(const Arguments&);
};

int run(const std::vector<std::string>& words) {
  const std::vector<Entry> entries{
      {new_command(), make_new}, {inspect_command(), inspect}, {exits_command(), add_exits}};
  std::vector<Command> commands;
  std::vector<std::string> names;
  for (const Entry& entry : entries) {
    commands.push_back(entry.command);
    names.push_back(entry.command.name);
  }
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    std::fputs(options::help(kProgram, kSummary, commands).c_str(), words.empty() ? stderr : stdout);
    return words.empty() ? 2 : 0;
  }
  for (const Entry& entry : entries) {
    if (entry.command.name != words[0]) continue;
    const auto arguments = options::parse(entry.command, nullptr, {words.begin() + 1, words.end()});
    if (arguments) return entry.run(*arguments);
    std::fputs(options::help(kProgram, entry.command, nullptr).c_str(), stdout);
    return 0;
  }
  const auto meant = nearest(words[0], names);
  fail(Error::Kind::Malformed, "unknown command '" + words[0] + "'" +
                                   (meant ? "; did you mean '" + *meant + "'?" : "; see tributary-model --help"));
}

}  // namespace

int main(int count, char** words) {
  return options::run_main(kProgram, [&] { return run({words + 1, words + count}); });
}
