#include "common/edge/commands.h"
#include "common/edge/comparison.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  data::DataSource data;
  ComparisonPlan plan;
};

void bind(options::Keys& keys, Settings& s) {
  options::bind_data(keys, s.data, "data", "labelled examples");
  bind_loss(keys, s.plan.loss);
}

int compare_files(const options::Arguments& arguments, const options::Keys& keys, Settings& s) {
  s.plan.seconds = real_number(arguments, "seconds", 1, 0.001, 3600);
  if (arguments.has("batch"))
    s.plan.batches.push_back(static_cast<std::uint32_t>(whole_number(arguments, "batch", 32, 1, 1u << 16)));
  const std::vector<Path> files(arguments.positional.begin(), arguments.positional.end());
  const data::View examples = open_examples(keys, s.data, model::Graph::load(files.at(0)));
  for (const Path& file : files) require_fit(model::Graph::load(file), examples);
  const Comparison made = compare(files, examples, s.plan, SystemClock());
  print(arguments.has("json") ? as_json(made) : as_table(made));
  if (arguments.has("html")) write_text_file(arguments.get("html"), as_html(made));
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, Settings{}, bind, compare_files);
}

}  // namespace

ModelCommand compare_command() {
  options::Command usage;
  usage.name = "compare";
  usage.summary =
      "measures models side by side on the same examples: size, sparsity, accuracy, latency at batch 1 and 32, "
      "throughput, peak memory; one thread";
  usage.positional = {"FILE..."};
  usage.options = {{.name = "html", .value = "FILE", .help = "writes a page with the same figures as bars"},
                   {.name = "json", .value = "", .help = "one JSON object instead of a table"},
                   {.name = "batch", .value = "N", .help = "measures batches of N too"},
                   {.name = "seconds", .value = "S", .help = "of measuring for each model and batch; 1 without it"}};
  usage.examples =
      "tributary-model compare cnn.onnx cnn.int8.onnx --html compare.html --data.images=t10k-images "
      "--data.labels=t10k-labels\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
