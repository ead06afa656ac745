#include "common/learn/training.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/model/zoo.h"
#include "tests/learn/toy_data.h"

namespace tributary::learn::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Says what it is asked and moves the clock; its gradient is 1 everywhere.
class Recorder final : public Network {
 public:
  explicit Recorder(ManualClock* clock = nullptr) : clock_(clock) {
    model::TensorSpec spec;
    spec.name = "w";
    spec.shape = {2};
    spec.role = model::Role::Weight;
    layout_ = std::make_shared<model::ParameterLayout>(std::vector{spec});
  }
  const model::LayoutPtr& layout() const override { return layout_; }
  Output predict(const model::ParameterSet&, std::span<const float>, std::size_t) override { return {}; }
  BatchResult evaluate(const model::ParameterSet&, const Batch& batch, Loss) override { return record(batch); }
  BatchResult gradient(model::ParameterSet&, const Batch& batch, Loss, RandomStream&,
                       std::span<float> gradient) override {
    std::fill(gradient.begin(), gradient.end(), 1.0f);
    if (clock_ != nullptr) clock_->advance(std::chrono::seconds(1));
    return record(batch);
  }

  model::ParameterSet parameters() const { return model::ParameterSet(layout_); }

  std::vector<std::size_t> sizes;  // of the batches
  std::vector<float> seen;         // first feature of each example
  double loss = 0.5;

 private:
  BatchResult record(const Batch& batch) {
    sizes.push_back(batch.examples);
    for (std::size_t i = 0; i < batch.examples; ++i) seen.push_back(batch.features[i]);
    return {loss, 1};
  }

  ManualClock* clock_;
  model::LayoutPtr layout_;
};

// Examples 0, 1, 2, ... of one feature.
data::View counting(std::uint32_t count) {
  std::vector<float> features(count + 1), labels(count + 1, 0.0f);  // a data set has at least one
  for (std::uint32_t i = 0; i < count; ++i) features[i] = static_cast<float>(i);
  auto view = data::whole(data::in_memory({1}, features, labels, 2));
  view.indices.pop_back();
  return view;
}

struct Trained {
  TrainingResult result;
  std::vector<std::size_t> sizes;
  std::vector<float> seen;
  std::vector<float> values;
};

Trained run(const TrainingPlan& plan, std::uint32_t examples = 10, std::uint64_t round = 0, std::uint64_t seed = 1,
            const std::function<bool()>& stop = {}) {
  ManualClock clock;
  Recorder network(&clock);
  auto parameters = network.parameters();
  RandomStream random(seed, "shuffle");
  const auto result = train(network, parameters, counting(examples), plan, round, random, clock, stop);
  return {result, network.sizes, network.seen, {parameters.values().begin(), parameters.values().end()}};
}

TEST(Train, APassTakesEveryExampleOnceAndEndsInASmallerBatch) {
  auto trained = run({.batch_size = 4});
  EXPECT_THAT(trained.sizes, ElementsAre(4, 4, 2));
  EXPECT_EQ(trained.result.steps, 3u);
  EXPECT_EQ(trained.result.examples, 10u);
  EXPECT_NE(trained.seen, (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})) << "shuffled";
  std::sort(trained.seen.begin(), trained.seen.end());
  EXPECT_EQ(trained.seen, (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(Train, EachPassIsShuffledAnew) {
  const auto trained = run({.batch_size = 10, .epochs = 2});
  ASSERT_EQ(trained.seen.size(), 20u);
  EXPECT_NE(std::vector<float>(trained.seen.begin(), trained.seen.begin() + 10),
            std::vector<float>(trained.seen.begin() + 10, trained.seen.end()));
}

TEST(Train, AFractionOfAPassEndsIt) {
  EXPECT_THAT(run({.batch_size = 4, .epochs = 0.5}).sizes, ElementsAre(4, 1));
  EXPECT_THAT(run({.batch_size = 4, .epochs = 1.3}).sizes, ElementsAre(4, 4, 2, 3));
  EXPECT_THAT(run({.batch_size = 4, .epochs = 0.01}).sizes, ElementsAre(1));
}

TEST(Train, BatchSizeZeroIsAllExamplesAtOnce) {
  EXPECT_THAT(run({.batch_size = 0, .epochs = 2}).sizes, ElementsAre(10, 10));
}

TEST(Train, LimitsOfStepsTimeAndWillEndIt) {
  EXPECT_EQ(run({.batch_size = 1, .max_steps = 7}).result.steps, 7u);
  const auto timed = run({.batch_size = 1, .max_seconds = 2.5}).result;
  EXPECT_EQ(timed.steps, 3u);
  EXPECT_DOUBLE_EQ(timed.seconds, 3.0);
  int asked = 0;
  EXPECT_EQ(run({.batch_size = 1}, 10, 0, 1, [&] { return ++asked > 4; }).result.steps, 4u);
}

TEST(Train, TheLearningRateDecaysByRound) {
  EXPECT_THAT(run({.learning_rate = 0.5, .batch_size = 10}).values, ElementsAre(-0.5f, -0.5f));
  EXPECT_THAT(run({.learning_rate = 0.5, .learning_rate_decay = 0.5, .batch_size = 10}, 10, 2).values,
              ElementsAre(-0.125f, -0.125f));
}

TEST(Train, MomentumBeginsAtZeroInEachRun) {
  EXPECT_THAT(run({.learning_rate = 1, .momentum = 0.5, .batch_size = 5}).values, ElementsAre(-2.5f, -2.5f));
}

TEST(Train, MeansAreOverExamplesNotBatches) {
  const auto trained = run({.batch_size = 4});
  EXPECT_DOUBLE_EQ(trained.result.loss, 0.5);
  EXPECT_DOUBLE_EQ(trained.result.accuracy, 0.3);  // one right in each of three batches
}

TEST(Train, NoExamplesIsNoTraining) {
  const auto trained = run({}, 0);
  EXPECT_EQ(trained.result.steps, 0u);
  EXPECT_TRUE(trained.result.finite);
  EXPECT_THAT(trained.values, ElementsAre(0, 0));
}

TEST(Train, StopsAtALossThatIsNotFinite) {
  ManualClock clock;
  Recorder network;
  network.loss = std::nan("");
  auto parameters = network.parameters();
  RandomStream random(1, "shuffle");
  const auto result = train(network, parameters, counting(10), {.batch_size = 1}, 0, random, clock);
  EXPECT_FALSE(result.finite);
  EXPECT_EQ(result.steps, 1u);
}

TEST(Train, ARateThatBlowsUpIsReported) {
  const auto graph = model::make_zoo_model("mlp:8-16-4", 1);
  const auto network = Network::compile(graph);
  auto parameters = graph.parameters();
  RandomStream random(1, "shuffle");
  const auto result = train(*network, parameters, toy_problem({8}, 4, 40), {.learning_rate = 1e6, .epochs = 50}, 0,
                            random, SystemClock());
  EXPECT_FALSE(result.finite);
  EXPECT_LT(result.steps, 200u);
}

struct BadPlan {
  TrainingPlan plan;
  std::string key;
};

TEST(TrainingPlan, EveryFieldOutOfRangeIsNamedByItsKey) {
  const double nan = std::nan("");
  const std::vector<BadPlan> plans{{{.learning_rate = -0.1}, "training.learning_rate ="},
                                   {{.learning_rate = nan}, "training.learning_rate ="},
                                   {{.learning_rate_decay = 0}, "training.learning_rate_decay"},
                                   {{.learning_rate_decay = 1.5}, "training.learning_rate_decay"},
                                   {{.momentum = 1}, "training.momentum"},
                                   {{.weight_decay = -1}, "training.weight_decay"},
                                   {{.clip_norm = -1}, "training.clip_norm"},
                                   {{.proximal_mu = nan}, "training.proximal_mu"},
                                   {{.epochs = 0}, "training.epochs"},
                                   {{.epochs = 1e9}, "training.epochs"},
                                   {{.max_seconds = -1}, "training.max_seconds"}};
  for (const auto& [plan, key] : plans) {
    try {
      check(plan);
      ADD_FAILURE() << key;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Malformed);
      EXPECT_THAT(error.what(), HasSubstr(key));
    }
  }
  EXPECT_NO_THROW(check(TrainingPlan{}));
}

TEST(Evaluate, GoesThroughAllExamplesInOrder) {
  Recorder network;
  const auto result = evaluate(network, network.parameters(), counting(10), Loss::CrossEntropy, ManualClock(), 4);
  EXPECT_THAT(network.sizes, ElementsAre(4, 4, 2));
  EXPECT_EQ(network.seen, (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(result.examples, 10u);
  EXPECT_DOUBLE_EQ(result.loss, 0.5);
  EXPECT_DOUBLE_EQ(result.accuracy, 0.3);
}

// Trains a zoo model on a toy problem and gives its accuracy on other examples of it.
double learnt_accuracy(const std::string& model, Ints shape, std::uint32_t classes, std::uint32_t examples,
                       const TrainingPlan& plan) {
  const auto graph = model::make_zoo_model(model, 1);
  const auto network = Network::compile(graph);
  auto parameters = graph.parameters();
  RandomStream random(1, "shuffle");
  auto seen = toy_problem(shape, classes, 2 * examples);
  auto unseen = seen;
  seen.indices.resize(examples);
  unseen.indices.erase(unseen.indices.begin(), unseen.indices.begin() + examples);
  EXPECT_TRUE(train(*network, parameters, seen, plan, 0, random, SystemClock()).finite);
  return evaluate(*network, parameters, unseen, plan.loss, SystemClock()).accuracy;
}

TEST(Zoo, EveryModelLearnsAToyProblem) {
  EXPECT_GE(learnt_accuracy("linear:6-3", {6}, 3, 300, {.epochs = 10}), 0.95);
  EXPECT_GE(learnt_accuracy("mlp:6-16-8-4", {6}, 4, 200, {.learning_rate = 0.2, .epochs = 30}), 0.95);
  EXPECT_GE(learnt_accuracy("linear", {784}, 10, 100, {.learning_rate = 0.01}), 0.95);
  EXPECT_GE(learnt_accuracy("2nn", {1, 28, 28}, 10, 200, {.learning_rate = 0.05}), 0.95);
  EXPECT_GE(learnt_accuracy("lenet", {1, 28, 28}, 4, 80, {.learning_rate = 0.02, .momentum = 0.5, .epochs = 2}), 0.95);
  EXPECT_GE(learnt_accuracy("cnn", {1, 28, 28}, 4, 60, {.learning_rate = 0.02, .epochs = 4}), 0.95);
}

std::vector<float> trained_bits(std::uint64_t seed) {
  const auto graph = model::make_zoo_model("mlp:6-16-8-4", 1);
  const auto network = Network::compile(graph);
  auto parameters = graph.parameters();
  RandomStream random(seed, "shuffle");
  train(*network, parameters, toy_problem({6}, 4, 100), {.momentum = 0.9, .clip_norm = 1, .epochs = 2}, 0, random,
        SystemClock());
  return {parameters.values().begin(), parameters.values().end()};
}

TEST(Train, TheSameSeedGivesTheSameBitsAndAnotherSeedOthers) {
  EXPECT_EQ(trained_bits(1), trained_bits(1));
  EXPECT_NE(trained_bits(1), trained_bits(2));
}

}  // namespace
}  // namespace tributary::learn::testing
