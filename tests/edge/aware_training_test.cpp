#include "common/edge/aware_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/assessment.h"
#include "common/model/zoo.h"
#include "tests/learn/ort.h"
#include "tests/learn/toy_data.h"

namespace tributary::edge {
namespace {

using learn::testing::toy_problem;
using ::testing::HasSubstr;

class AwareTraining : public ::testing::Test {
 protected:
  AwarePlan plan(unsigned bits, double epochs) const {
    AwarePlan made;
    made.weights.bits = bits;
    made.training.training.epochs = epochs;
    made.training.training.learning_rate = 0.05;
    made.training.training.batch_size = 8;
    return made;
  }
  double accuracy(const model::Graph& graph) {
    return assess(graph, examples_, learn::Loss::CrossEntropy, clock_).accuracy;
  }

  model::Graph graph_ = model::make_zoo_model("mlp:6-16-3", 1);
  data::View examples_ = toy_problem({6}, 3, 120);
  ManualClock clock_;
};

TEST_F(AwareTraining, GivesAnIntegerModelThatKnowsTheClasses) {
  for (const unsigned bits : {8U, 4U}) {
    const model::Graph made = train_aware(graph_, examples_, plan(bits, 12), clock_);
    EXPECT_EQ(made.layout()->size(), 0U);
    EXPECT_GE(accuracy(made), 0.95) << bits;
  }
}

TEST_F(AwareTraining, LearnsRangesThatWereFarTooWide) {
  // An example of huge values stretches the calibrated ranges: most of the 256 levels stand for what never comes.
  std::vector<float> features(121 * 6, 300), labels(121);
  examples_.dataset->read(examples_.indices, std::span(features).first(720), std::span(labels).first(120));
  const auto stretched = data::whole(data::in_memory({6}, features, labels, 3));
  AwarePlan learnt = plan(8, 12);
  learnt.ranges = AwarePlan::Ranges::Learnt;
  learnt.training.training.clip_norm = 1;
  const auto step = [](const model::Graph& made) { return made.initializers.at("x_scale").as<float>()[0]; };
  const auto ranges = calibrate(graph_, stretched, quantized_values(graph_), {});
  const model::Graph made = train_aware(graph_, stretched, learnt, clock_);
  EXPECT_LT(step(made), step(quantize_static(graph_, ranges)));
}

TEST_F(AwareTraining, WithLearntRangesGivesAnIntegerModelOfTheSameForm) {
  AwarePlan learnt = plan(4, 6);
  learnt.ranges = AwarePlan::Ranges::Learnt;
  std::uint32_t epochs = 0;
  TrainingWatch watch;
  watch.epoch_done = [&](const EpochDone&, const model::ParameterSet& now) {
    EXPECT_EQ(now.layout().digest(), graph_.layout()->digest());
    ++epochs;
  };
  const model::Graph made = train_aware(graph_, examples_, learnt, clock_, watch);
  const model::Graph averaged = train_aware(graph_, examples_, plan(4, 1), clock_);
  EXPECT_EQ(epochs, 6U);
  ASSERT_EQ(made.nodes.size(), averaged.nodes.size());
  for (std::size_t i = 0; i < made.nodes.size(); ++i) EXPECT_EQ(made.nodes[i].op, averaged.nodes[i].op);
  EXPECT_GE(accuracy(made), 0.95);
}

TEST_F(AwareTraining, OpensInOnnxRuntimeWithTheSameAnswers) {
  if (const std::string reason = learn::testing::why_no_ort(); !reason.empty()) GTEST_SKIP() << reason;
  const model::Graph made = train_aware(graph_, examples_, plan(4, 4), clock_);
  std::vector<float> features(examples_.size() * 6), labels(examples_.size());
  examples_.dataset->read(examples_.indices, features, labels);
  const model::Tensor x = model::Tensor::floats({examples_.size(), 6}, features);
  const auto theirs = learn::testing::run_on_ort({{made.serialize(), {{"x", x}}}}).at(0);
  ASSERT_EQ(theirs.error, "");
  const auto ours = predict(made, examples_);
  const model::Tensor mine = model::Tensor::floats({examples_.size(), 3}, ours.values);
  EXPECT_EQ(learn::testing::difference(mine, theirs.outputs.at(0), 0.05), "");
}

TEST_F(AwareTraining, MovesTheFloatWeightsByTheGradientOfTheRoundedOnes) {
  const auto plain = learn::Network::compile(graph_);
  const auto rounding = rounding_network(learn::Network::compile(graph_), {.bits = 4});
  auto parameters = graph_.parameters();
  auto rounded = round_weights(parameters, {.bits = 4}).values;
  const Digest before = digest_of(parameters);
  std::vector<float> features(6, 0.5F), labels{1}, wanted(parameters.values().size()), got(wanted.size());
  RandomStream random(1, "test");
  const learn::Batch batch{features, labels, 1};
  plain->gradient(rounded, batch, learn::Loss::CrossEntropy, random, wanted);
  rounding->gradient(parameters, batch, learn::Loss::CrossEntropy, random, got);
  EXPECT_EQ(got, wanted);
  EXPECT_EQ(digest_of(parameters), before);
  EXPECT_EQ(rounding->predict(parameters, features, 1).values, plain->predict(rounded, features, 1).values);
}

TEST_F(AwareTraining, TrainsConvolutionsAndPoolsToo) {
  AwarePlan one = plan(8, 1);
  one.training.training.max_steps = 2;
  const auto pictures = toy_problem({1, 28, 28}, 3, 16);
  const model::Graph made = train_aware(model::make_zoo_model("lenet", 1), pictures, one, clock_);
  EXPECT_EQ(made.layout()->size(), 0U);
}

TEST_F(AwareTraining, SaysThatItDiverged) {
  AwarePlan wild = plan(8, 3);
  wild.training.training.weight_decay = 1e6;
  try {
    train_aware(graph_, examples_, wild, clock_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Malformed);
  }
}

}  // namespace
}  // namespace tributary::edge
