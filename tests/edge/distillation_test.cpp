#include "common/edge/distillation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/assessment.h"
#include "common/learn/backprop.h"
#include "common/model/zoo.h"
#include "tests/learn/toy_data.h"

namespace tributary::edge {
namespace {

using learn::testing::toy_problem;
using ::testing::HasSubstr;

class Distillation : public ::testing::Test {
 protected:
  void SetUp() override {
    CentralPlan plan;
    plan.training = training(20);
    auto parameters = teacher_.parameters();
    train_centrally(*learn::Network::compile(teacher_), parameters, examples_, plan, clock_);
    teacher_.set_parameters(parameters);
  }

  static learn::TrainingPlan training(double epochs) {
    learn::TrainingPlan made;
    made.epochs = epochs;
    made.batch_size = 8;
    made.learning_rate = 0.05;
    return made;
  }
  DistillationPlan plan(double epochs) const {
    DistillationPlan made;
    made.training.training = training(epochs);
    return made;
  }
  double accuracy(const model::Graph& graph) {
    return assess(graph, examples_, learn::Loss::CrossEntropy, clock_).accuracy;
  }
  void expect_refused(const DistillationPlan& plan, const std::string& part) {
    auto parameters = student_.parameters();
    try {
      distil(teacher_, student_, parameters, examples_, plan, clock_);
      FAIL() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Malformed);
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }

  model::Graph teacher_ = model::make_zoo_model("mlp:6-32-3", 1);
  model::Graph student_ = model::make_zoo_model("mlp:6-8-3", 2);
  data::View examples_ = toy_problem({6}, 3, 120);
  ManualClock clock_;
};

TEST_F(Distillation, OnTheTeachersAnswersAloneTeachesTheClasses) {
  auto parameters = student_.parameters();
  auto all_soft = plan(20);
  all_soft.soft = 1;
  double first = 0, last = 0;
  TrainingWatch watch;
  watch.epoch_done = [&](const EpochDone& done, const model::ParameterSet&) {
    if (done.epoch == 1) first = done.result.loss;
    last = done.result.loss;
  };
  distil(teacher_, student_, parameters, examples_, all_soft, clock_, watch);
  student_.set_parameters(parameters);
  EXPECT_LT(last, first / 4);
  EXPECT_GE(accuracy(student_), 0.95);
}

TEST_F(Distillation, OfFeaturesDrawsTheStudentsFeatureToTheTeachers) {
  for (const char* spec : {"mlp:6-8-3", "mlp:6-32-3"}) {
    student_ = model::make_zoo_model(spec, 2);
    auto parameters = student_.parameters();
    auto with_features = plan(15);
    with_features.teacher_feature = with_features.student_feature = "relu1.out";
    double first = 0, last = 0;
    TrainingWatch watch;
    watch.epoch_done = [&](const EpochDone& done, const model::ParameterSet&) {
      if (done.epoch == 1) first = done.result.loss;
      last = done.result.loss;
    };
    distil(teacher_, student_, parameters, examples_, with_features, clock_, watch);
    EXPECT_LT(last, first / 2) << spec;
    student_.set_parameters(parameters);
    EXPECT_GE(accuracy(student_), 0.95) << spec;
  }
}

TEST_F(Distillation, WithoutTheTeachersShareIsTheGradientOfTheLabels) {
  const auto network = learn::Network::compile(student_);
  auto parameters = student_.parameters();
  std::vector<float> features(12 * 6), labels(12), wanted(parameters.values().size()), got(wanted.size());
  const std::vector<std::uint32_t> some{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  examples_.dataset->read(some, features, labels);
  RandomStream random(1, "test");
  network->gradient(parameters, {features, labels, 12}, learn::Loss::CrossEntropy, random, wanted);
  // One step of rate 1 over one batch: what it moves is the gradient.
  auto one = plan(1);
  one.soft = 0;
  one.training.training.batch_size = 12;
  one.training.training.learning_rate = 1;
  const data::View batch{examples_.dataset, some};
  auto moved = student_.parameters();
  distil(teacher_, student_, moved, batch, one, clock_);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(parameters.values()[i] - moved.values()[i], wanted[i], 1e-5) << i;
}

TEST_F(Distillation, RefusesWhatDoesNotFit) {
  auto wrong = plan(1);
  wrong.temperature = 0;
  expect_refused(wrong, "temperature");
  wrong = plan(1);
  wrong.soft = 2;
  expect_refused(wrong, "share of the teacher's answers");
  wrong = plan(1);
  wrong.teacher_feature = "relu1.out";
  expect_refused(wrong, "features are compared in pairs");
  wrong.student_feature = "nothing";
  expect_refused(wrong, "makes a value 'nothing'");
  wrong.student_feature = "relu1.out";
  wrong.teacher_feature = "nothing";
  expect_refused(wrong, "makes a value 'nothing'");
  student_ = model::make_zoo_model("mlp:6-8-4", 2);
  expect_refused(plan(1), "the teacher gives 3 answers, the student 4");
}

}  // namespace
}  // namespace tributary::edge
