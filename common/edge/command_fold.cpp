#include "common/edge/commands.h"
#include "common/edge/folding.h"

namespace tributary::edge::program {

namespace {

int run(const options::Command& usage, const std::vector<std::string>& words) {
  const auto arguments = parse_or_help(usage, nullptr, words);
  if (!arguments) return 0;
  const Path given = arguments->positional.at(0);
  FoldReport report;
  const model::Graph graph = model::Graph::load(given);
  const model::Graph folded = fold(graph, &report);
  save_and_say(folded, given, out_file(*arguments, "fold"),
               std::to_string(graph.nodes.size()) + " -> " + std::to_string(folded.nodes.size()) + " nodes (" +
                   std::to_string(report.normalizations) + " normalisations, " + std::to_string(report.constants) +
                   " constants, " + std::to_string(report.passing) + " that pass on, " + std::to_string(report.unused) +
                   " unused)");
  return 0;
}

}  // namespace

ModelCommand fold_command() {
  options::Command usage;
  usage.name = "fold";
  usage.summary =
      "writes the same function in fewer nodes: batch normalisation folded into the layer before it, constants "
      "computed, what nothing needs left out";
  usage.positional = {"FILE"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"}};
  usage.examples = "tributary-model fold trained.onnx --out folded.onnx\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
