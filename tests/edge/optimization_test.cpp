#include "common/edge/optimization.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/assessment.h"
#include "common/model/zoo.h"
#include "tests/learn/toy_data.h"

namespace tributary::edge {
namespace {

using learn::testing::toy_problem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ModelSearch : public ::testing::Test {
 protected:
  void SetUp() override {
    CentralPlan training;
    training.training = rule();
    auto parameters = graph_.parameters();
    train_centrally(*learn::Network::compile(graph_), parameters, examples_, training, clock_);
    graph_.set_parameters(parameters);
  }
  static learn::TrainingPlan rule() {
    learn::TrainingPlan made;
    made.epochs = 6;
    made.batch_size = 8;
    made.learning_rate = 0.05;
    return made;
  }
  OptimizationPlan plan() const {
    OptimizationPlan made;
    made.training.training = rule();
    made.keeps = {0.25, 1, 0.5};
    return made;
  }
  OptimizationPlan within_bytes(std::uint64_t bytes) const {
    auto made = plan();
    made.target_bytes = bytes;
    return made;
  }
  OptimizationPlan within_points(double points) const {
    auto made = plan();
    made.max_accuracy_drop = points;
    return made;
  }
  Optimization search(const OptimizationPlan& plan, const OptimizationWatch& watch = {}) {
    return optimize(graph_, examples_, held_out_, plan, clock_, watch);
  }
  static const Candidate& chosen(const Optimization& made) { return made.candidates.at(made.chosen.value()); }
  void expect_refused(const OptimizationPlan& plan, const std::string& part) {
    try {
      search(plan);
      FAIL() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Malformed);
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }

  model::Graph graph_ = model::make_zoo_model("mlp:20-64-32-3", 1);
  data::View examples_ = toy_problem({20}, 3, 150), held_out_ = toy_problem({20}, 3, 60, 0.3);
  ManualClock clock_;
};

TEST_F(ModelSearch, ChoosesTheSmallestModelWithinALossOfAccuracy) {
  const Optimization made = search(within_points(2));
  EXPECT_EQ(made.candidates.size(), 12U);
  EXPECT_EQ(chosen(made).keep, 0.25);
  EXPECT_EQ(chosen(made).form, Form::Weights);
  EXPECT_EQ(made.graph.serialize().size(), chosen(made).bytes);
  EXPECT_EQ(assess(made.graph, held_out_, learn::Loss::CrossEntropy, clock_).accuracy, chosen(made).accuracy);
  EXPECT_GE(chosen(made).accuracy, made.accuracy - 0.02);
}

TEST_F(ModelSearch, ChoosesTheBestModelWithinASize) {
  const Optimization made = search(within_bytes(6000));
  EXPECT_LE(chosen(made).bytes, 6000U);
  for (const Candidate& one : made.candidates) EXPECT_TRUE(one.bytes > 6000 || one.accuracy <= chosen(made).accuracy);
}

TEST_F(ModelSearch, TrainsOnlyWhatMayBeChosenBySize) {
  const auto keeps = keeps_worth_trying(graph_, within_bytes(3500));
  EXPECT_THAT(keeps, Contains(1.0));  // costs no training
  EXPECT_TRUE(std::ranges::is_sorted(keeps, std::greater<>()));
  // 0.5 is too large or the largest that fits lies above it; 1 % of the channels is far smaller than asked.
  auto few = within_bytes(200'000);
  few.keeps = {1, 0.01};
  EXPECT_THAT(keeps_worth_trying(graph_, few), ElementsAre(1));
  EXPECT_THAT(keeps_worth_trying(graph_, within_points(1)), ElementsAre(1, 0.5, 0.25));
}

TEST_F(ModelSearch, FindsTheShareOfChannelsThatJustFits) {
  auto asked = within_bytes(4000);
  asked.keeps = {1};
  const auto keeps = keeps_worth_trying(graph_, asked);
  ASSERT_EQ(keeps.size(), 2U);
  const Optimization made = search(asked);
  EXPECT_LE(chosen(made).bytes, 4000U);
  EXPECT_GT(chosen(made).bytes, 3500U);
}

TEST_F(ModelSearch, EndsWhereEveryFormLosesTooMuch) {
  auto asked = within_points(1);
  asked.keeps = {1, 0.02, 0.01};  // one neuron a layer: nothing can be learnt
  asked.training.training.learning_rate = 0;
  const Optimization made = search(asked);
  EXPECT_EQ(made.candidates.size(), 8U);
  EXPECT_EQ(chosen(made).keep, 1);
}

TEST_F(ModelSearch, ChoosesNothingWhenNothingIsWithinTheLimit) {
  auto asked = within_bytes(100);
  asked.keeps = {1};
  EXPECT_FALSE(search(asked).chosen.has_value());
}

TEST_F(ModelSearch, MarksTheModelsThatNoOtherBeats) {
  const Optimization made = search(within_points(100));
  for (const Candidate& one : made.candidates) {
    const bool beaten = std::ranges::any_of(made.candidates, [&](const Candidate& other) {
      return (other.bytes < one.bytes && other.accuracy >= one.accuracy) ||
             (other.bytes <= one.bytes && other.accuracy > one.accuracy);
    });
    EXPECT_NE(one.on_front, beaten);
  }
}

TEST_F(ModelSearch, TellsWhatItFindsAndHowFarItIs) {
  auto asked = within_points(100);
  asked.keeps = {1, 0.5};
  asked.forms = {Form::Float32, Form::Aware};
  std::size_t found = 0;
  double last = 0;
  OptimizationWatch watch;
  watch.found = [&](const Candidate&) { ++found; };
  watch.step = [&](double share) {
    EXPECT_GE(share, last);
    EXPECT_LE(share, 1);
    last = share;
  };
  EXPECT_EQ(search(asked, watch).candidates.size(), found);
  EXPECT_EQ(found, 4U);
  EXPECT_GT(last, 0.9);
}

TEST_F(ModelSearch, ShowsItselfAsTableObjectAndPage) {
  const auto asked = within_points(2);
  const Optimization made = search(asked);
  EXPECT_THAT(as_table(made), AllOf(HasSubstr("chosen"), HasSubstr("times smaller")));
  EXPECT_THAT(as_json(made), AllOf(HasSubstr("\"form\": \"static\""), HasSubstr("\"chosen\": true")));
  EXPECT_THAT(as_html(made, asked, "a<b.onnx"),
              AllOf(HasSubstr("a&lt;b.onnx"), HasSubstr("<polyline"), HasSubstr("at most 2.00 points")));
}

TEST_F(ModelSearch, RefusesPlansOutOfRange) {
  expect_refused(plan(), "has one limit");
  expect_refused(within_points(-1), "0 to 100 points");
  auto asked = within_points(1);
  asked.keeps = {0};
  expect_refused(asked, "above 0 and at most 1");
  asked.keeps = {};
  expect_refused(asked, "to choose from");
  asked = within_points(1);
  asked.training.training.loss = learn::Loss::MeanSquaredError;
  expect_refused(asked, "mean_squared_error has none");
  EXPECT_THROW(form_from("statik"), Error);
}

}  // namespace
}  // namespace tributary::edge
