#include "common/base/text.h"
#include "common/edge/commands.h"
#include "common/edge/inspection.h"
#include "common/edge/wording.h"
#include "common/model/zoo.h"

namespace tributary::edge::program {

namespace {

int run(const options::Command& usage, const std::vector<std::string>& words) {
  const auto arguments = parse_or_help(usage, nullptr, words);
  if (!arguments) return 0;
  const Path out = out_file(*arguments, "new");
  model::make_zoo_model(arguments->positional.at(0), whole_number(*arguments, "seed", 1)).save(out);
  const Inspection made = inspect_file(out);
  print(out.string() + ": " + grouped(made.parameters) + " parameters, " +
        human_bytes(static_cast<double>(made.file_bytes)) + "\n");
  return 0;
}

}  // namespace

ModelCommand new_command() {
  options::Command usage;
  usage.name = "new";
  usage.summary = "writes a model of the zoo, with seeded initial weights, as an ONNX file; SPEC is one of ";
  std::string specs;
  for (const std::string& name : model::zoo_names()) specs += (specs.empty() ? "" : ", ") + name;
  usage.summary += specs;
  usage.positional = {"SPEC"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"},
                   {.name = "seed", .value = "N", .help = "of the initial weights; 1 without it"}};
  usage.examples =
      "tributary-model new 2nn --out 2nn.onnx\n"
      "tributary-model new mlp:784-100-10 --seed 7 --out small.onnx\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
