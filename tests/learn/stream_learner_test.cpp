#include "common/learn/stream_learner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/data/stream.h"
#include "common/model/zoo.h"

namespace tributary::learn {
namespace {

using ::testing::HasSubstr;

class StreamLearnerTest : public ::testing::Test {
 protected:
  void start(const std::string& source, const std::string& model, const StreamPlan& plan = {}, std::uint64_t seed = 1) {
    stream = data::make_generator(source, seed);
    graph = model::make_zoo_model(model, seed);
    parameters = graph.parameters();
    network = ExitNetwork::compile(graph);
    learner = std::make_unique<StreamLearner>(*network, parameters, stream->features(), stream->classes(), plan, seed);
  }
  void see(std::uint64_t count) {
    std::vector<float> features(stream->features());
    float label = 0;
    for (std::uint64_t i = 0; i < count && stream->next(features, label) == data::Next::Example; ++i)
      ASSERT_TRUE(learner->see(features, static_cast<std::uint32_t>(label)).finite);
  }

  std::unique_ptr<data::ExampleStream> stream;
  model::Graph graph;
  model::ParameterSet parameters;
  std::unique_ptr<ExitNetwork> network;
  std::unique_ptr<StreamLearner> learner;
};

TEST_F(StreamLearnerTest, AStreamIsLearntBetterThanByTheBaselines) {
  start("sea", "odl:3-20x4-2");
  see(5000);
  const auto figures = learner->figures();
  EXPECT_EQ(figures.examples, 5000u);
  EXPECT_GT(figures.accuracy, 0.83);
  EXPECT_LT(figures.majority, 0.7);
  EXPECT_EQ(figures.exit_accuracy.size(), 4u);
}

TEST_F(StreamLearnerTest, EveryAbruptChangeIsNoticedWithinAThousandExamplesAndNothingElseIs) {
  for (const std::string kind : {"sea", "hyperplane"}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      start(kind + ",every=10000", kind == "sea" ? "mlp:3-50-2" : "mlp:10-50-2", {}, seed);
      see(40000);
      ASSERT_EQ(learner->drifts().size(), 3u) << kind << ", seed " << seed;
      for (std::uint64_t i = 0; i < 3; ++i) {
        EXPECT_GT(learner->drifts()[i], (i + 1) * 10000);
        EXPECT_LE(learner->drifts()[i], (i + 1) * 10000 + 1000) << kind << ", seed " << seed;
      }
    }
  }
}

TEST_F(StreamLearnerTest, ALabelThatComesLateIsLearntLateAndEveryExampleIsCounted) {
  start("sea,examples=3000", "mlp:3-20-2", {.label_delay = 100});
  see(3000);
  EXPECT_EQ(learner->examples(), 2900u);
  EXPECT_TRUE(learner->finish());
  EXPECT_EQ(learner->examples(), 3000u);
  EXPECT_GT(learner->figures().accuracy, 0.8);
}

TEST_F(StreamLearnerTest, ADelayOfZeroIsTestedLikeNoDelay) {
  const auto accuracy = [&](std::uint32_t batch) {
    start("sea,examples=2000", "mlp:3-20-2", {.batch_size = batch});
    see(2000);
    EXPECT_TRUE(learner->finish());
    EXPECT_EQ(learner->examples(), 2000u);
    return learner->figures().accuracy;
  };
  EXPECT_NEAR(accuracy(1), accuracy(2), 0.03);
}

TEST_F(StreamLearnerTest, TheLastLabelHelpsWhereLabelsStay) {
  // Labels that repeat, features that say nothing.
  const auto accuracy = [&](bool last_label) {
    start("sea", last_label ? "mlp:4-10-2" : "mlp:3-10-2", {.last_label = last_label});
    RandomStream random(1, "labels");
    std::uint32_t label = 0;
    for (int i = 0; i < 3000; ++i) {
      if (random.below(10) == 0) label = 1 - label;
      std::vector<float> features(3);
      for (float& value : features) value = static_cast<float>(random.normal());
      learner->see(features, label);
    }
    return learner->figures().accuracy;
  };
  EXPECT_GT(accuracy(true), 0.85);
}

TEST_F(StreamLearnerTest, ALearnerGoesOnWithItsStateAsIfItHadNotStopped) {
  for (const StreamPlan& plan :
       {StreamPlan{.drift_memory = 0}, StreamPlan{.batch_size = 3, .label_delay = 7, .drift_memory = 0},
        StreamPlan{.scale_window = 20, .drift_memory = 0}}) {
    start("sea", "odl:3-10x3-2", plan);
    see(500);
    const Bytes state = learner->save();

    auto copy = parameters;
    StreamLearner again(*network, copy, 3, 2, plan, 1);
    again.load(state);
    std::vector<float> features(3);
    float label = 0;
    for (int i = 0; i < 200; ++i) {
      stream->next(features, label);
      learner->see(features, static_cast<std::uint32_t>(label));
      again.see(features, static_cast<std::uint32_t>(label));
    }
    EXPECT_EQ(digest_of(copy), digest_of(parameters));
    EXPECT_EQ(again.figures().accuracy, learner->figures().accuracy);
    EXPECT_EQ(again.examples(), learner->examples());
  }
}

TEST_F(StreamLearnerTest, AStateThatIsDamagedOrAnothersIsRefused) {
  start("sea", "odl:3-10x3-2");
  see(50);
  const Bytes state = learner->save();
  for (std::size_t length = 0; length < state.size(); length += 7)
    EXPECT_THROW(learner->load(ByteSpan(state).first(length)), Error) << length;
  start("hyperplane", "odl:10-10x3-2");
  EXPECT_THROW(learner->load(state), Error);
  for (const std::uint32_t window : {7u, 200u}) {
    start("sea", "odl:3-10x3-2", {.scale_window = window});
    EXPECT_THROW(learner->load(state), Error) << window;
  }
}

TEST_F(StreamLearnerTest, AModelWithTooFewOutputsIsRefused) {
  start("rbf,classes=5", "mlp:10-5-2");
  try {
    see(100);
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("2 outputs"));
  }
}

TEST_F(StreamLearnerTest, PlansOutOfRangeAreRefusedByTheirKey) {
  try {
    check(StreamPlan{.batch_size = 0});
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("online.batch_size"));
  }
}

}  // namespace
}  // namespace tributary::learn
