#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/augmentation.h"
#include "common/edge/central_training.h"
#include "common/edge/commands.h"
#include "common/edge/training_screen.h"
#include "common/model/zoo.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  Sources examples;
  CentralPlan plan;
  double dropout = 0;
};

Settings defaults() {
  Settings made;
  made.plan.training.epochs = 5;
  made.plan.training.batch_size = 50;
  return made;
}

void bind(options::Keys& keys, Settings& s) {
  bind_sources(keys, s.examples, "training examples");
  bind_training(keys, s.plan);
  keys.number("training.dropout", s.dropout, {0, 0.99},
              "share of the hidden values before each dense layer that a step leaves out");
}

// The model to start from, or the one that `out` holds when the run is resumed.
model::Graph starting_model(const options::Arguments& arguments, const Path& out, CentralPlan& plan) {
  if (!arguments.has("resume") || !RealFiles().exists(out)) {
    return model::load_or_make(arguments.positional.at(0), plan.seed);
  }
  model::Graph graph = model::Graph::load(out);
  plan.epochs_done = epochs_done(graph, plan);
  return graph;
}

int train(const options::Arguments& arguments, const options::Keys& keys, Settings& settings) {
  const Path out = out_file(arguments, "train");
  settings.plan.seed = whole_number(arguments, "seed", 1);
  model::Graph graph = starting_model(arguments, out, settings.plan);
  const data::View examples = open_examples(keys, settings.examples.data, graph);
  const auto network = learn::Network::compile(with_dropout(graph, settings.dropout));
  model::ParameterSet parameters = graph.parameters();
  ShownTraining shown(keys, settings.examples.held_out, *network, settings.plan.training.loss);
  const auto save = [&](const EpochDone& done, const model::ParameterSet& now) {
    graph.set_parameters(now);
    set_epochs_done(graph, settings.plan, done.epoch);
    graph.save(out);
  };
  const auto last = train_centrally(*network, parameters, examples, settings.plan, shown.clock(), shown.watch(save));
  if (!last)
    shown.note("nothing to do: " + out.string() + " has had " + std::to_string(settings.plan.epochs_done) + " epochs");
  if (last) require_finite(*last);
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, defaults(), bind, train);
}

}  // namespace

ModelCommand train_command() {
  options::Command usage;
  usage.name = "train";
  usage.summary =
      "trains a model centrally, with the participants' trainer; writes it after each epoch, so that a run may be "
      "interrupted and resumed";
  usage.positional = {"MODEL"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the trained model, written after each epoch (needed)"},
                   {.name = "seed", .value = "N", .help = "of a zoo model's weights and of the order; 1 without it"},
                   {.name = "resume", .value = "", .help = "goes on with the run that wrote --out, if there is one"}};
  usage.examples =
      "tributary-model train cnn --out cnn.onnx --data.images=train-images --data.labels=train-labels "
      "--evaluation.images=t10k-images --evaluation.labels=t10k-labels --training.momentum=0.9 "
      "--training.learning_rate=0.05\n"
      "tributary-model train cnn --out cnn.onnx --resume --config cnn.conf --training.epochs=20\n"
      "MODEL is an ONNX file or a specification of the zoo (tributary-model new --help).\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
