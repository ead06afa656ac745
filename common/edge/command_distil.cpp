#include <iostream>

#include "common/edge/commands.h"
#include "common/edge/distillation.h"
#include "common/edge/training_screen.h"
#include "common/edge/wording.h"
#include "common/model/zoo.h"
#include "common/options/data_keys.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  data::DataSource data, held_out;
  DistillationPlan plan;
};

void bind(options::Keys& keys, Settings& s) {
  keys.number("temperature", s.plan.temperature, {0.1, 1000}, "by which answers are softened before they are compared");
  keys.number("soft", s.plan.soft, {0, 1}, "share of the teacher's answers in the loss; the rest is the labels'");
  keys.text("feature.teacher", s.plan.teacher_feature,
            "a value in the middle of the teacher that the student's is drawn to; empty = none");
  keys.text("feature.student", s.plan.student_feature, "the student's, by a learnt linear map where widths differ");
  keys.number("feature.weight", s.plan.feature_weight, {0, 1e6}, "of the features in the loss");
  options::bind_data(keys, s.data, "data", "training examples");
  options::bind_data(keys, s.held_out, "evaluation", "held-out examples");
  bind_training(keys, s.plan.training.training);
}

int distil_command_of(const options::Arguments& arguments, const options::Keys& keys, Settings& s) {
  const Path out = out_file(arguments, "distil");
  s.plan.training.seed = whole_number(arguments, "seed", 1);
  check(s.plan);
  const model::Graph teacher = model::Graph::load(arguments.positional.at(0));
  model::Graph student = model::load_or_make(arguments.positional.at(1), s.plan.training.seed);
  const data::View examples = open_examples(keys, s.data);
  require_fit(teacher, examples);
  require_fit(student, examples);
  const SystemClock clock;
  const auto network = learn::Network::compile(student);
  model::ParameterSet parameters = student.parameters();
  TrainingScreen screen(std::cout, options::standard_output(), clock,
                        held_out(keys, s.held_out, *network, s.plan.training.training.loss, clock));
  TrainingWatch watch;
  watch.step = [&](double share) { return screen.step(share); };
  watch.epoch_done = [&](const EpochDone& done, const model::ParameterSet& now) {
    screen.epoch(done, now);
    student.set_parameters(now);
    student.save(out);
  };
  distil(teacher, student, parameters, examples, s.plan, clock, watch);
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  Settings settings;
  settings.plan.training.training.epochs = 5;
  settings.plan.training.training.batch_size = 50;
  options::Keys keys;
  bind(keys, settings);
  const auto arguments = parse_or_help(usage, &keys, words);
  return arguments ? distil_command_of(*arguments, keys, settings) : 0;
}

}  // namespace

ModelCommand distil_command() {
  options::Command usage;
  usage.name = "distil";
  usage.summary = "trains a student on a teacher's softened answers, and on values in its middle when these are named";
  usage.positional = {"TEACHER", "STUDENT"};
  usage.options = {{.name = "out", .value = "FILE", .help = "the student, written after each epoch (needed)"},
                   {.name = "seed", .value = "N", .help = "of a zoo student's weights and of the order; 1 without it"}};
  usage.examples =
      "tributary-model distil big.onnx mlp:784-100-10 --out student.onnx --config mnist.conf --temperature=4\n"
      "tributary-model distil cnn.onnx mlp:784-64-10 --out student.onnx --config mnist.conf "
      "--feature.teacher=relu3.out --feature.student=relu1.out\n"
      "STUDENT is an ONNX file or a specification of the zoo; inspect --json names the values.\n";
  return {usage, run};
}

}  // namespace tributary::edge::program
