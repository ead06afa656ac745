#include "common/edge/central_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/assessment.h"
#include "common/model/zoo.h"
#include "tests/learn/toy_data.h"

namespace tributary::edge {
namespace {

using learn::testing::toy_problem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Le;

class CentralTraining : public ::testing::Test {
 protected:
  CentralPlan plan(double epochs) const {
    CentralPlan made;
    made.training.epochs = epochs;
    made.training.momentum = 0.9;
    made.training.learning_rate = 0.02;
    made.training.batch_size = 8;
    return made;
  }

  std::optional<EpochDone> train(model::ParameterSet& parameters, const CentralPlan& plan, TrainingWatch watch = {}) {
    return train_centrally(*learn::Network::compile(graph_), parameters, examples_, plan, clock_, watch);
  }

  model::Graph graph_ = model::make_zoo_model("mlp:6-16-3", 1);
  data::View examples_ = toy_problem({6}, 3, 60);
  ManualClock clock_;
};

TEST_F(CentralTraining, ReachesTheClassesOfASeparableProblem) {
  auto parameters = graph_.parameters();
  train(parameters, plan(20));
  graph_.set_parameters(parameters);
  EXPECT_GE(assess(graph_, examples_, learn::Loss::CrossEntropy, clock_).accuracy, 0.95);
}

TEST_F(CentralTraining, ResumedAfterAnEpochGivesTheBitsOfTheRunThatWasNotInterrupted) {
  auto whole = graph_.parameters(), halves = graph_.parameters();
  train(whole, plan(5));
  train(halves, plan(2));
  CentralPlan rest = plan(5);
  rest.epochs_done = 2;
  const auto last = train(halves, rest);
  EXPECT_EQ(last->epoch, 5U);
  EXPECT_EQ(digest_of(whole), digest_of(halves));
}

TEST_F(CentralTraining, LastEpochMayBeAFraction) {
  auto parameters = graph_.parameters();
  std::vector<std::uint64_t> seen;
  TrainingWatch watch;
  watch.epoch_done = [&](const EpochDone& done, const model::ParameterSet&) { seen.push_back(done.result.examples); };
  train(parameters, plan(1.5), watch);
  EXPECT_THAT(seen, ElementsAre(60, 30));
}

TEST_F(CentralTraining, TellsHowFarItIsBeforeEachStepAndStopsWhenAsked) {
  auto parameters = graph_.parameters();
  std::vector<double> shares;
  TrainingWatch watch;
  watch.step = [&](double share) {
    shares.push_back(share);
    return share >= 0.5;
  };
  EXPECT_EQ(train(parameters, plan(4), watch)->epoch, 2U);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_EQ(shares.front(), 0);
  EXPECT_EQ(shares.back(), 0.5);
}

TEST_F(CentralTraining, HasNothingToDoWhenTheEpochsAreDone) {
  auto parameters = graph_.parameters();
  CentralPlan done = plan(3);
  done.epochs_done = 3;
  EXPECT_EQ(train(parameters, done), std::nullopt);
}

TEST_F(CentralTraining, EndsWhereTheLossIsNotFinite) {
  auto parameters = graph_.parameters();
  CentralPlan wild = plan(50);
  wild.training.learning_rate = 1e5;
  const auto last = train(parameters, wild);
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->result.finite);
  EXPECT_LT(last->epoch, 50U);
}

TEST_F(CentralTraining, MetadataRemembersEpochsAndSeed) {
  CentralPlan mine = plan(5), other = plan(5);
  other.seed = 2;
  EXPECT_EQ(epochs_done(graph_, mine), 0U);
  set_epochs_done(graph_, mine, 3);
  EXPECT_EQ(epochs_done(model::Graph::parse(graph_.serialize(), "again"), mine), 3U);
  try {
    epochs_done(graph_, other);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("resume with --seed 1"));
  }
}

}  // namespace
}  // namespace tributary::edge
