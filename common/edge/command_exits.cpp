#include <cstdio>

#include "common/edge/commands.h"
#include "common/model/exits.h"

namespace tributary::edge::program {

namespace {

int add_exits(const options::Command& usage, const std::vector<std::string>& words) {
  const auto arguments = parse_or_help(usage, nullptr, words);
  if (!arguments) return 0;
  const Path out = out_file(*arguments, "exits");
  model::Graph graph = model::Graph::load(arguments->positional.at(0));
  model::add_ensemble(graph);
  graph.save(out);
  std::printf("%s: an ensemble over %zu exits\n", out.c_str(), model::exits_of(graph).size());
  return 0;
}

}  // namespace

ModelCommand exits_command() {
  options::Command command;
  command.name = "exits";
  command.summary =
      "adds the ensemble over a model's exits (outputs called exit..., or listed in its metadata tributary.exits) as "
      "its "
      "first output, and its weights as state, so that a federation learns them";
  command.positional = {"FILE"};
  command.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"}};
  command.examples = "tributary-model exits exported.onnx --out several.onnx\n";
  return {std::move(command), add_exits};
}

}  // namespace tributary::edge::program
