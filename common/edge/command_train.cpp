#include <iostream>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/central_training.h"
#include "common/edge/commands.h"
#include "common/edge/training_screen.h"
#include "common/model/zoo.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  data::DataSource data, held_out;
  CentralPlan plan;
};

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
  const data::View examples = open_examples(keys, settings.data);
  require_fit(graph, examples);
  const auto network = learn::Network::compile(graph);
  model::ParameterSet parameters = graph.parameters();
  const SystemClock clock;
  TrainingScreen screen(std::cout, options::standard_output(), clock,
                        held_out(keys, settings.held_out, *network, settings.plan.training.loss, clock));
  TrainingWatch watch;
  watch.step = [&](double share) { return screen.step(share); };
  watch.epoch_done = [&](const EpochDone& done, const model::ParameterSet& now) {
    if (!done.result.finite) return;
    screen.epoch(done, now);
    graph.set_parameters(now);
    set_epochs_done(graph, settings.plan, done.epoch);
    graph.save(out);
  };
  const auto last = train_centrally(*network, parameters, examples, settings.plan, clock, watch);
  if (!last)
    screen.note("nothing to do: " + out.string() + " has had " + std::to_string(settings.plan.epochs_done) + " epochs");
  if (last && !last->result.finite)
    fail(Error::Kind::Malformed, "training diverged: a loss or parameter became infinite in epoch " +
                                     std::to_string(last->epoch) + "; lower training.learning_rate");
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  Settings settings;
  settings.plan.training.epochs = 5;
  settings.plan.training.batch_size = 50;
  options::Keys keys;
  options::bind_data(keys, settings.data, "data", "training examples");
  options::bind_data(keys, settings.held_out, "evaluation", "held-out examples");
  bind_training(keys, settings.plan.training);
  const auto arguments = parse_or_help(usage, &keys, words);
  return arguments ? train(*arguments, keys, settings) : 0;
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
