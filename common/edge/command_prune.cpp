#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/commands.h"
#include "common/edge/layers.h"
#include "common/edge/pruned_training.h"
#include "common/edge/shrinking.h"
#include "common/edge/training_screen.h"
#include "common/edge/wording.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  Sources examples;
  std::string choice = "magnitude", scope = "layer", schedule = "gradual", pattern, score = "l1";
  double channels = 1;
  PrunedPlan plan;
};

Settings defaults() {
  Settings made;
  made.plan.training.training.epochs = 6;
  made.plan.training.training.batch_size = 50;
  return made;
}

void bind(options::Keys& keys, Settings& s) {
  keys.number("sparsity", s.plan.pruning.sparsity, {0, 0.9999}, "share of the weights that become zero");
  keys.choice("choice", s.choice, {"magnitude", "random"}, "which weights go: the smallest, or any");
  keys.choice("scope", s.scope, {"layer", "global"}, "the same share of each layer, or one threshold over all");
  keys.text("pattern", s.pattern, "n:m keeps n of each m neighbours, as 2:4, instead of a sparsity; empty = none");
  keys.choice("schedule", s.schedule, {"gradual", "one_shot", "lottery"},
              "how it is trained where data.* names examples: pruned a little before each epoch; at once; or trained, "
              "pruned, taken back to the first weights and trained again");
  keys.number("channels", s.channels, {0.0001, 1},
              "share of the channels and neurons of each layer that stay: below 1 they are taken out of the graph, "
              "before any weight is set to zero");
  keys.choice("channels.score", s.score, {"l1", "l2", "batch_norm"}, "which channels stay: those of the largest score");
  bind_sources(keys, s.examples, "examples to retrain on");
  bind_training(keys, s.plan.training);
}

void read_pattern(const std::string& text, PruningPlan& plan) {
  if (text.empty()) return;
  const auto parts = split(text, ':');
  const auto n = parse_int(parts[0]), m = parts.size() == 2 ? parse_int(parts[1]) : std::nullopt;
  constexpr std::int64_t kMost = 64;
  if (!n || !m || *n < 1 || *m > kMost || *n >= *m)
    fail(Error::Kind::Malformed, "pattern '" + text + "': a pattern is n:m with 1 <= n < m <= 64, as in 2:4");
  plan.n = static_cast<std::uint32_t>(*n);
  plan.m = static_cast<std::uint32_t>(*m);
}

model::Graph take_channels_out(const model::Graph& graph, const Settings& s) {
  if (s.channels >= 1) return graph;
  using Score = ShrinkPlan::Score;
  const Score score = s.score == "l1" ? Score::L1 : s.score == "l2" ? Score::L2 : Score::BatchNorm;
  ShrinkReport report;
  const model::Graph made = shrink(graph, {score, s.channels}, &report);
  const auto before = multiply_adds_of(graph), after = multiply_adds_of(made);
  print(grouped(report.kept) + " of " + grouped(report.channels) + " channels stay, " +
        percent(static_cast<double>(after) / static_cast<double>(std::max<std::uint64_t>(1, before))) +
        " of the multiply-adds\n");
  return made;
}

void retrain(const model::Graph& graph, model::ParameterSet& parameters, const options::Keys& keys, const Settings& s) {
  const data::View examples = open_examples(keys, s.examples.data, graph);
  const auto network = learn::Network::compile(graph);
  ShownTraining shown(keys, s.examples.held_out, *network, s.plan.training.training.loss);
  train_pruned(graph, parameters, examples, s.plan, shown.clock(), shown.watch());
}

int prune_file(const options::Arguments& arguments, const options::Keys& keys, Settings& s) {
  const Path given = arguments.positional.at(0), out = out_file(arguments, "prune");
  using Choice = PruningPlan::Choice;
  using Scope = PruningPlan::Scope;
  using Schedule = PrunedPlan::Schedule;
  s.plan.pruning.choice = s.choice == "random" ? Choice::Random : Choice::Magnitude;
  s.plan.pruning.scope = s.scope == "global" ? Scope::Global : Scope::Layer;
  s.plan.schedule = s.schedule == "gradual"    ? Schedule::Gradual
                    : s.schedule == "one_shot" ? Schedule::OneShot
                                               : Schedule::Lottery;
  s.plan.pruning.seed = s.plan.training.seed = whole_number(arguments, "seed", 1);
  read_pattern(s.pattern, s.plan.pruning);
  if (s.channels < 1 && !keys.was_set("sparsity") && s.pattern.empty()) s.plan.pruning.sparsity = 0;
  model::Graph graph = take_channels_out(model::Graph::load(given), s);
  model::ParameterSet parameters = graph.parameters();
  if (options::names_data(keys, "data")) {
    retrain(graph, parameters, keys, s);
  } else {
    apply_mask(choose_mask(parameters, s.plan.pruning), parameters);
  }
  graph.set_parameters(parameters);
  save_and_say(graph, given, out, percent(sparsity_of(parameters)) + " of the weights are zero");
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, defaults(), bind, prune_file);
}

}  // namespace

ModelCommand prune_command() {
  options::Command usage;
  usage.name = "prune";
  usage.summary =
      "sets weights to zero, or takes channels and neurons out of the graph, and trains what is left when data.* names "
      "examples";
  usage.positional = {"FILE"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"},
                   {.name = "seed", .value = "N", .help = "of random choices and of the training; 1 without it"}};
  usage.examples =
      "tributary-model prune lenet.onnx --out sparse.onnx --sparsity=0.92 --config mnist.conf --training.epochs=12\n"
      "tributary-model prune cnn.onnx --out small.onnx --channels=0.6 --config mnist.conf\n"
      "tributary-model prune cnn.onnx --out half.onnx --pattern=2:4\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
