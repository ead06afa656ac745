#include "common/edge/commands.h"
#include "common/edge/distillation.h"
#include "common/edge/training_screen.h"
#include "common/model/zoo.h"

namespace tributary::edge::program {

namespace {

struct Settings {
  Sources examples;
  DistillationPlan plan;
};

Settings defaults() {
  Settings made;
  made.plan.training.training.epochs = 5;
  made.plan.training.training.batch_size = 50;
  return made;
}

void bind(options::Keys& keys, Settings& s) {
  keys.number("temperature", s.plan.temperature, {0.1, 1000}, "by which answers are softened before they are compared");
  keys.number("soft", s.plan.soft, {0, 1}, "share of the teacher's answers in the loss; the rest is the labels'");
  keys.text("feature.teacher", s.plan.teacher_feature,
            "a value in the middle of the teacher that the student's is drawn to; empty = none");
  keys.text("feature.student", s.plan.student_feature, "the student's, by a learnt linear map where widths differ");
  keys.number("feature.weight", s.plan.feature_weight, {0, 1e6},
              "of the features in the loss, each measured by the teacher's");
  bind_sources(keys, s.examples, "training examples");
  bind_training(keys, s.plan.training);
}

int distil_into(const options::Arguments& arguments, const options::Keys& keys, Settings& s) {
  const Path out = out_file(arguments, "distil");
  s.plan.training.seed = whole_number(arguments, "seed", 1);
  check(s.plan);
  const model::Graph teacher = model::Graph::load(arguments.positional.at(0));
  model::Graph student = model::load_or_make(arguments.positional.at(1), s.plan.training.seed);
  const data::View examples = open_examples(keys, s.examples.data, teacher);
  require_fit(student, examples);
  const auto network = learn::Network::compile(student);
  model::ParameterSet parameters = student.parameters();
  ShownTraining shown(keys, s.examples.held_out, *network, s.plan.training.training.loss);
  const auto save = [&](const EpochDone&, const model::ParameterSet& now) {
    student.set_parameters(now);
    student.save(out);
  };
  distil(teacher, student, parameters, examples, s.plan, shown.clock(), shown.watch(save));
  return 0;
}

int run(const options::Command& usage, const std::vector<std::string>& words) {
  return begin(usage, words, defaults(), bind, distil_into);
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
