#include "common/edge/commands.h"
#include "common/edge/comparison.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

int run(const options::Command& usage, const std::vector<std::string>& words) {
  options::Keys keys;
  data::DataSource source;
  ComparisonPlan plan;
  options::bind_data(keys, source, "data", "labelled examples");
  bind_loss(keys, plan.loss);
  const auto arguments = parse_or_help(usage, &keys, words);
  if (!arguments) return 0;
  plan.seconds = real_number(*arguments, "seconds", 1, 0.001, 3600);
  if (arguments->has("batch"))
    plan.batches.push_back(static_cast<std::uint32_t>(whole_number(*arguments, "batch", 32, 1, 1u << 16)));
  const data::View examples = open_examples(keys, source);
  std::vector<Path> files(arguments->positional.begin(), arguments->positional.end());
  for (const Path& file : files) require_fit(model::Graph::load(file), examples);
  const Comparison made = compare(files, examples, plan, SystemClock());
  print(arguments->has("json") ? as_json(made) : as_table(made));
  if (arguments->has("html")) write_text_file(arguments->get("html"), as_html(made));
  return 0;
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
