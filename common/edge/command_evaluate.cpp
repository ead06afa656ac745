#include "common/edge/assessment.h"
#include "common/edge/commands.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  data::DataSource data;
  learn::Loss loss = learn::Loss::CrossEntropy;
};

void bind(options::Keys& keys, Settings& s) {
  options::bind_data(keys, s.data, "data", "labelled examples");
  bind_loss(keys, s.loss);
}

int evaluate(const options::Arguments& arguments, const options::Keys& keys, Settings& s) {
  const model::Graph graph = model::Graph::load(arguments.positional.at(0));
  const Assessment found = assess(graph, open_examples(keys, s.data, graph), s.loss, SystemClock());
  print(arguments.has("json") ? as_json(found) : as_table(found));
  return 0;
}

void bind_examples(options::Keys& keys, data::DataSource& source) {
  options::bind_data(keys, source, "data", "examples");
}

int predict(const options::Arguments& arguments, const options::Keys& keys, data::DataSource& source) {
  const model::Graph graph = model::Graph::load(arguments.positional.at(0));
  const data::View examples = open_examples(keys, source, graph);
  const std::string table = as_csv(edge::predict(graph, examples), examples);
  if (arguments.has("out")) {
    write_text_file(out_file(arguments, "predict"), table);
  } else {
    print(table);
  }
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, Settings{}, bind, evaluate);
}

int run_predict(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, data::DataSource{}, bind_examples, predict);
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
