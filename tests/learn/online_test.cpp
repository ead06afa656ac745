#include "common/learn/online.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/model/exits.h"
#include "common/model/zoo.h"

namespace tributary::learn {
namespace {

using ::testing::HasSubstr;

// Labels say on which side of a line the example lies.
struct Line {
  RandomStream random{1, "line"};
  std::vector<float> features, labels{0};
  Batch next() {
    features = {static_cast<float>(random.normal()), static_cast<float>(random.normal())};
    labels[0] = features[0] > 0.3f * features[1] ? 1.0f : 0.0f;
    return {features, labels, 1};
  }
};

class OnlineTest : public ::testing::Test {
 protected:
  void use(const std::string& model, const OnlinePlan& plan = {}) {
    graph = model::make_zoo_model(model, 1);
    parameters = graph.parameters();
    network = ExitNetwork::compile(graph);
    learner = std::make_unique<OnlineLearner>(*network, parameters, plan, 7);
  }
  // Right answers to the last half of `count` examples, each before it is learnt.
  double accuracy(int count) {
    int right = 0;
    for (int i = 0; i < count; ++i) {
      const Batch batch = line.next();
      EXPECT_TRUE(learner->learn(batch));
      right += i >= count / 2 && largest_of(learner->ensemble()) == static_cast<std::uint32_t>(batch.labels[0]);
    }
    return right / (count / 2.0);
  }
  void expect_refused(const OnlinePlan& plan, const char* key) {
    try {
      check(plan);
      FAIL() << key << " was taken";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(key));
    }
  }

  Line line;
  model::Graph graph;
  model::ParameterSet parameters;
  std::unique_ptr<ExitNetwork> network;
  std::unique_ptr<OnlineLearner> learner;
};

TEST_F(OnlineTest, EveryScheduleLearnsALine) {
  for (const auto schedule : {Schedule::Constant, Schedule::InverseSqrt, Schedule::AdaGrad}) {
    use("mlp:2-16-2", {.schedule = schedule, .learning_rate = schedule == Schedule::InverseSqrt ? 1.0 : 0.1});
    EXPECT_GT(accuracy(2000), 0.95) << name_of(schedule);
  }
}

TEST_F(OnlineTest, TheAnswerIsThatBeforeTheStep) {
  use("odl:2-8x3-2", {.learning_rate = 1.0});
  for (int i = 0; i < 20; ++i) {
    const Batch batch = line.next();
    const auto said = learner->predict(batch.features, 1);
    const std::vector<float> before(said.begin(), said.end());
    ASSERT_TRUE(learner->learn(batch));
    for (std::size_t k = 0; k < 2; ++k) EXPECT_NEAR(learner->ensemble()[k], before[k], 1e-6);
  }
}

TEST_F(OnlineTest, TheGraphsOwnEnsembleSaysWhatTheLearnerSays) {
  use("odl:2-8x4-2", {.learning_rate = 0.1, .hedge = {.beta = 0.9}});
  accuracy(300);
  const Batch batch = line.next();
  const auto said = learner->predict(batch.features, 1);
  const auto logits = Network::compile(graph)->predict(parameters, batch.features, 1).values;
  for (std::size_t k = 0; k < 2; ++k) EXPECT_NEAR(std::exp(logits[k]), said[k], 1e-5);
}

TEST_F(OnlineTest, ALearnerGoesOnWithTheWeightsThatTheParametersHold) {
  use("odl:2-8x4-2", {.hedge = {.beta = 0.9}});
  accuracy(200);
  const std::vector<double> before(learner->alphas().begin(), learner->alphas().end());
  EXPECT_GT(*std::max_element(before.begin(), before.end()), 0.3) << "the weights have moved";
  OnlineLearner next(*network, parameters, {.hedge = {.beta = 0.9}}, 7);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(next.alphas()[i], before[i], 1e-5);
}

TEST_F(OnlineTest, EqualSeedsGiveEqualBits) {
  use("odl:2-8x4-2");
  accuracy(100);
  const auto first = digest_of(parameters);
  line = Line{};
  use("odl:2-8x4-2");
  accuracy(100);
  EXPECT_EQ(digest_of(parameters), first);
}

TEST_F(OnlineTest, AnOldExampleMovesAsMuchLessAsItsWeightSays) {
  const auto moved = [&](double weight) {
    line = Line{};
    use("mlp:2-2", {.learning_rate = 0.1});
    const auto start = graph.parameters();
    EXPECT_TRUE(learner->learn(line.next(), weight));
    return parameters.values()[0] - start.values()[0];
  };
  EXPECT_NEAR(moved(0.25), 0.25 * moved(1.0), 1e-6);
}

TEST_F(OnlineTest, AnAlarmRaisesTheStepAndTheRiseWearsOff) {
  use("mlp:2-2", {.learning_rate = 0.01, .boost = 10, .boost_examples = 4});
  const auto step = [&] {
    const auto before = parameters;
    const std::vector<float> features{1, 1}, labels{0};
    const double p = learner->predict(features, 1)[0];
    EXPECT_TRUE(learner->learn({features, labels, 1}));
    return (parameters.values()[0] - before.values()[0]) / (1 - p);  // the rate
  };
  EXPECT_NEAR(step(), 0.01, 1e-4);
  learner->on_drift();
  EXPECT_NEAR(step(), 0.1, 1e-3);
  EXPECT_NEAR(step(), 0.0775, 1e-3);
  step(), step();
  EXPECT_NEAR(step(), 0.01, 1e-4);
}

TEST_F(OnlineTest, PlansOutOfRangeAreRefusedByTheirKey) {
  expect_refused({.learning_rate = -1}, "online.learning_rate");
  expect_refused({.hedge = {.beta = 1}}, "online.beta");
  expect_refused({.hedge = {.floor = 2}}, "online.floor");
  expect_refused({.boost = 0}, "online.boost");
}

TEST(StepSizeTest, SchedulesGoAsTheirFormulaeSay) {
  StepSize constant(Schedule::Constant, 0.5), root(Schedule::InverseSqrt, 0.5);
  EXPECT_EQ(constant.next(), 0.5);
  EXPECT_EQ(constant.next(), 0.5);
  EXPECT_EQ(root.next(), 0.5);
  EXPECT_NEAR(root.next(), 0.5 / std::sqrt(2.0), 1e-12);
  root.restart();
  EXPECT_EQ(root.next(), 0.5);
}

TEST(StepSizeTest, AdaGradDividesByTheRootOfTheSumOfSquares) {
  const model::ParameterLayout layout({{"w", {2}}, {"state", {1}, model::Role::State}});
  StepSize adagrad(Schedule::AdaGrad, 0.1);
  std::vector<float> values{1, 1, 1};
  EXPECT_TRUE(adagrad.step(layout, values, std::vector<float>{3, -4, 5}, 1));
  EXPECT_NEAR(values[0], 0.9, 1e-6);
  EXPECT_NEAR(values[1], 1.1, 1e-6);
  EXPECT_EQ(values[2], 1) << "state is not descended";
  EXPECT_TRUE(adagrad.step(layout, values, std::vector<float>{4, 0, 0}, 0.5));
  EXPECT_NEAR(values[0], 0.9 - 0.5 * 0.1 * 4 / 5, 1e-6);
}

TEST(StepSizeTest, AMisspeltScheduleNamesTheNearest) {
  try {
    schedule_from("adagrat");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'adagrad'?"));
  }
}

}  // namespace
}  // namespace tributary::learn
