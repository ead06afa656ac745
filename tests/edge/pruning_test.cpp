#include "common/edge/pruning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/assessment.h"
#include "common/edge/pruned_training.h"
#include "common/model/zoo.h"
#include "tests/learn/graph_maker.h"
#include "tests/learn/toy_data.h"

namespace tributary::edge {
namespace {

using learn::testing::floats;
using learn::testing::GraphMaker;
using learn::testing::toy_problem;
using ::testing::Each;
using ::testing::ElementsAre;
using Choice = PruningPlan::Choice;
using Schedule = PrunedPlan::Schedule;
using Scope = PruningPlan::Scope;

// Two matrices, the second ten times larger, and a bias.
model::ParameterSet two_layers() {
  GraphMaker maker({-1, 2});
  maker.value("A", floats({2, 2}, {0.1F, -0.4F, 0.3F, 0.2F})).value("B", floats({2, 2}, {1, -4, 3, 2}));
  maker.value("b", floats({2}, {0.01F, 0.02F}));
  maker.node("a", "MatMul", {"x", "A"}).node("y", "Gemm", {"a", "B", "b"});
  return maker.output("y").parameters();
}

TEST(Pruning, TakesTheSmallestOfEachLayerOrOfAll) {
  const auto parameters = two_layers();
  EXPECT_THAT(choose_mask(parameters, {.scope = Scope::Layer, .sparsity = 0.5}),
              ElementsAre(0, 1, 1, 0, 0, 1, 1, 0, 1, 1));
  EXPECT_THAT(choose_mask(parameters, {.scope = Scope::Global, .sparsity = 0.5}),
              ElementsAre(0, 0, 0, 0, 1, 1, 1, 1, 1, 1));
}

TEST(Pruning, AtRandomTakesExactlyTheShareAndTheSameForTheSameSeed) {
  const auto parameters = model::make_zoo_model("linear", 1).parameters();
  const PruningPlan plan{.choice = Choice::Random, .sparsity = 0.3, .seed = 5};
  const Mask mask = choose_mask(parameters, plan);
  EXPECT_EQ(std::ranges::count(mask, 0), 2352);
  EXPECT_EQ(mask, choose_mask(parameters, plan));
  EXPECT_NE(mask, choose_mask(parameters, {.choice = Choice::Random, .sparsity = 0.3, .seed = 6}));
}

TEST(Pruning, OfAPatternKeepsTheLargestTwoOfFourInputsOfEachOutput) {
  for (const bool outputs_first : {true, false}) {
    GraphMaker maker({-1, 4});
    maker.value("W",
                outputs_first ? floats({2, 4}, {1, 2, 3, 4, 8, 7, 6, 5}) : floats({4, 2}, {1, 8, 2, 7, 3, 6, 4, 5}));
    maker.node("y", "Gemm", {"x", "W"}, {{"transB", std::int64_t{outputs_first}}});
    const Mask mask = choose_mask(maker.output("y").parameters(), {.n = 2, .m = 4});
    if (outputs_first)
      EXPECT_THAT(mask, ElementsAre(0, 0, 1, 1, 1, 1, 0, 0));
    else
      EXPECT_THAT(mask, ElementsAre(0, 1, 0, 1, 1, 0, 1, 0));
  }
}

TEST(Pruning, RefusesWhatIsOutOfRange) {
  for (const PruningPlan& plan : {PruningPlan{.sparsity = 1}, PruningPlan{.sparsity = -0.1},
                                  PruningPlan{.n = 4, .m = 4}, PruningPlan{.n = 0, .m = 4}})
    EXPECT_THROW(choose_mask(two_layers(), plan), Error);
}

class PrunedTraining : public ::testing::Test {
 protected:
  PrunedPlan plan(Schedule schedule, double epochs) const {
    PrunedPlan made;
    made.schedule = schedule;
    made.pruning.sparsity = 0.75;
    made.training.training.epochs = epochs;
    made.training.training.batch_size = 8;
    made.training.training.momentum = 0.9;
    made.training.training.learning_rate = 0.02;
    return made;
  }

  model::Graph graph_ = model::make_zoo_model("mlp:6-32-3", 1);
  data::View examples_ = toy_problem({6}, 3, 120);
  ManualClock clock_;
};

TEST_F(PrunedTraining, OfEveryScheduleReachesTheSparsityAndTheClasses) {
  for (const auto schedule : {Schedule::OneShot, Schedule::Gradual, Schedule::Lottery}) {
    auto parameters = graph_.parameters();
    train_pruned(graph_, parameters, examples_, plan(schedule, 9), clock_);
    EXPECT_NEAR(sparsity_of(parameters), 0.75, 0.01);
    graph_.set_parameters(parameters);
    EXPECT_GE(assess(graph_, examples_, learn::Loss::CrossEntropy, clock_).accuracy, 0.9);
  }
}

TEST_F(PrunedTraining, GradualPrunesMoreBeforeEachEpoch) {
  auto parameters = graph_.parameters();
  std::vector<double> sparsity;
  TrainingWatch watch;
  watch.epoch_done = [&](const EpochDone& done, const model::ParameterSet& now) {
    EXPECT_EQ(done.epochs, 6U);
    sparsity.push_back(sparsity_of(now));
  };
  train_pruned(graph_, parameters, examples_, plan(Schedule::Gradual, 6), clock_, watch);
  ASSERT_EQ(sparsity.size(), 6U);
  EXPECT_TRUE(std::is_sorted(sparsity.begin(), sparsity.end()));
  EXPECT_LT(sparsity.front(), 0.6);
  EXPECT_NEAR(sparsity[3], 0.75, 0.01);
}

TEST_F(PrunedTraining, LotteryGoesBackToTheFirstWeights) {
  auto parameters = graph_.parameters();
  auto once = plan(Schedule::Lottery, 3);
  std::vector<float> first_after_rewind;
  double last_share = 0;
  TrainingWatch watch;
  std::uint32_t done_epochs = 0;
  model::ParameterSet seen;
  watch.epoch_done = [&](const EpochDone& done, const model::ParameterSet& now) {
    done_epochs = done.epoch;
    seen = now;
  };
  watch.step = [&](double share) {
    EXPECT_GE(share, last_share);
    last_share = share;
    return false;
  };
  train_pruned(graph_, parameters, examples_, once, clock_, watch);
  EXPECT_EQ(done_epochs, 6U);
  // The first half is dense training, the second the same training around the mask: by hand it gives the same bits.
  auto dense = graph_.parameters();
  train_centrally(*learn::Network::compile(graph_), dense, examples_, once.training, clock_);
  const auto mask = std::make_shared<Mask>(choose_mask(dense, once.pruning));
  auto ticket = graph_.parameters();
  apply_mask(*mask, ticket);
  train_centrally(*masked_network(learn::Network::compile(graph_), mask), ticket, examples_, once.training, clock_);
  EXPECT_EQ(digest_of(ticket), digest_of(parameters));
}

TEST_F(PrunedTraining, RefusesAPatternWithDegrees) {
  auto parameters = graph_.parameters();
  auto pattern = plan(Schedule::Gradual, 3);
  pattern.pruning.n = 2;
  pattern.pruning.m = 4;
  EXPECT_THROW(train_pruned(graph_, parameters, examples_, pattern, clock_), Error);
}

}  // namespace
}  // namespace tributary::edge
