#include "common/edge/assessment.h"
#include "common/edge/commands.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

int run(const options::Command& usage, const std::vector<std::string>& words) {
  options::Keys keys;
  data::DataSource source;
  learn::Loss loss = learn::Loss::CrossEntropy;
  options::bind_data(keys, source, "data", "labelled examples");
  bind_loss(keys, loss);
  const auto arguments = parse_or_help(usage, &keys, words);
  if (!arguments) return 0;
  const model::Graph graph = model::Graph::load(arguments->positional.at(0));
  const data::View examples = open_examples(keys, source);
  require_fit(graph, examples);
  const Assessment found = assess(graph, examples, loss, SystemClock());
  print(arguments->has("json") ? as_json(found) : as_table(found));
  return 0;
}

int run_predict(const options::Command& usage, const std::vector<std::string>& words) {
  options::Keys keys;
  data::DataSource source;
  options::bind_data(keys, source, "data", "examples");
  const auto arguments = parse_or_help(usage, &keys, words);
  if (!arguments) return 0;
  const model::Graph graph = model::Graph::load(arguments->positional.at(0));
  const data::View examples = open_examples(keys, source);
  require_fit(graph, examples);
  const std::string table = as_csv(predict(graph, examples), examples);
  if (arguments->has("out")) {
    write_text_file(out_file(*arguments, "predict"), table);
  } else {
    print(table);
  }
  return 0;
}

}  // namespace

ModelCommand evaluate_command() {
  options::Command usage;
  usage.name = "evaluate";
  usage.summary = "shows accuracy, loss and confusion matrix of a model on labelled examples";
  usage.positional = {"FILE"};
  usage.options = {{.name = "json", .value = "", .help = "one JSON object instead of tables"}};
  usage.examples =
      "tributary-model evaluate global.onnx --data.images=t10k-images --data.labels=t10k-labels\n"
      "tributary-model evaluate edge.onnx --data.format=csv --data.file=held_out.csv --json\n";
  return {usage, run};
}

ModelCommand predict_command() {
  options::Command usage;
  usage.name = "predict";
  usage.summary = "writes a model's outputs for examples as lines of a CSV file: number, answer, each output";
  usage.positional = {"FILE"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the CSV file to write; standard output without it"}};
  usage.examples =
      "tributary-model predict edge.onnx --data.images=t10k-images --data.labels=t10k-labels --out answers.csv\n";
  return {usage, run_predict};
}

}  // namespace tributary::edge::program
