#include "common/base/error.h"
#include "common/edge/aware_training.h"
#include "common/edge/calibration.h"
#include "common/edge/commands.h"
#include "common/edge/folding.h"
#include "common/edge/quantization.h"
#include "common/edge/training_screen.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  Sources examples;
  std::string scheme = "static";
  std::string calibration = "min_max";
  std::string weights = "int8";
  std::string scales = "channel";
  std::string ranges = "averaged";
  CalibrationPlan plan;
  CentralPlan training;
};

Settings defaults() {
  Settings made;
  made.training.training.epochs = 2;
  made.training.training.batch_size = 50;
  made.training.training.learning_rate = 0.01;
  return made;
}

void bind(options::Keys& keys, Settings& settings) {
  keys.choice("scheme", settings.scheme, {"weights", "dynamic", "static", "aware"},
              "what becomes integers: the weights alone; activations too, by ranges found when the model runs; or by "
              "ranges found now, from data.*; or as static, after training through the rounding on data.*");
  keys.choice("weights", settings.weights, {"int8", "int4"}, "integers of the weights; int4 is stored in int8");
  keys.choice("scales", settings.scales, {"channel", "tensor"}, "a scale for each output channel, or for each weight");
  keys.choice("calibration.method", settings.calibration, {"min_max", "percentile", "mse", "entropy"},
              "how a range is chosen from the values seen (scheme static)");
  keys.choice("ranges", settings.ranges, {"averaged", "learnt"},
              "how ranges move while the model trains (scheme aware): towards what each epoch shows, or by gradient");
  keys.number("calibration.kept", settings.plan.kept, {0.51, 1}, "share of the values that percentile keeps");
  keys.count("calibration.examples", settings.plan.examples, {0, 1e9}, "examples to calibrate on; 0 = all");
  bind_sources(keys, settings.examples, "examples to calibrate or train on (schemes static, aware)");
  bind_training(keys, settings.training);
}

model::Graph train(const model::Graph& folded, const data::View& examples, const options::Keys& keys,
                   const Settings& settings, const AwarePlan& plan) {
  const auto network = rounding_network(learn::Network::compile(folded), plan.weights);
  ShownTraining shown(keys, settings.examples.held_out, *network, plan.training.training.loss);
  return train_aware(folded, examples, plan, shown.clock(), shown.watch());
}

model::Graph quantize(const model::Graph& folded, const options::Keys& keys, const Settings& settings) {
  const WeightPlan weights{settings.weights == "int4" ? 4U : 8U, settings.scales == "channel"};
  if (settings.scheme == "weights") return quantize_weights(folded, weights);
  if (settings.scheme == "dynamic") return quantize_dynamic(folded, weights);
  if (!options::names_data(keys, "data"))
    fail(Error::Kind::Malformed,
         "scheme " + settings.scheme +
             " needs examples to calibrate on: give data.images and data.labels, or data.format=csv and "
             "data.file; or take scheme=dynamic");
  const data::View examples = open_examples(keys, settings.examples.data, folded);
  CalibrationPlan plan = settings.plan;
  plan.method = calibration_from(settings.calibration);
  const auto ranges = settings.ranges == "learnt" ? AwarePlan::Ranges::Learnt : AwarePlan::Ranges::Averaged;
  if (settings.scheme == "aware")
    return train(folded, examples, keys, settings, {weights, settings.training, plan, ranges});
  return quantize_static(folded, calibrate(folded, examples, quantized_values(folded), plan), weights);
}

int quantize_file(const options::Arguments& arguments, const options::Keys& keys, Settings& settings) {
  const Path given = arguments.positional.at(0), out = out_file(arguments, "quantize");
  const model::Graph folded = fold(model::Graph::load(given));
  save_and_say(quantize(folded, keys, settings), given, out, settings.scheme + ", " + settings.weights);
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, defaults(), bind, quantize_file);
}

}  // namespace

ModelCommand quantize_command() {
  options::Command usage;
  usage.name = "quantize";
  usage.summary = "folds a model and writes it with integers for its weights and activations, in QDQ form";
  usage.positional = {"FILE"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the file to write (needed)"}};
  usage.examples =
      "tributary-model quantize cnn.onnx --out cnn.int8.onnx --data.images=train-images --data.labels=train-labels\n"
      "tributary-model quantize cnn.onnx --out cnn.int8.onnx --scheme=dynamic --weights=int4\n"
      "tributary-model quantize cnn.onnx --out cnn.int4.onnx --scheme=aware --weights=int4 --training.epochs=3 "
      "--config data.conf\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
