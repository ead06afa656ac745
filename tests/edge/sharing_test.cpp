#include "common/edge/sharing.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/assessment.h"
#include "common/edge/folding.h"
#include "common/edge/quantization.h"
#include "common/model/zoo.h"
#include "tests/learn/toy_data.h"

namespace tributary::edge {
namespace {

using learn::testing::toy_problem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Similarity = SharingPlan::Similarity;

class LayerSharing : public ::testing::Test {
 protected:
  static SharingPlan plan(Similarity similarity, std::uint32_t pairs) {
    SharingPlan made;
    made.similarity = similarity;
    made.pairs = pairs;
    made.examples = 64;
    made.training.training.epochs = 15;
    made.training.training.batch_size = 8;
    made.training.training.learning_rate = 0.02;
    return made;
  }
  // fc2 .. fc5 are 16 x 16.
  static model::Graph deep() { return model::make_zoo_model("mlp:6-16-16-16-16-16-3", 1); }
  // `to` becomes `from`, with a little noise.
  static void make_alike(model::Graph& graph, const std::string& from, const std::string& to) {
    graph.initializers.at(to) = graph.initializers.at(from);
    graph.initializers.at(to).as<float>()[0] += 0.01F;
  }
  static std::string weight_of(const model::Graph& graph, const std::string& node) {
    return std::ranges::find(graph.nodes, node, &model::Node::name)->inputs.at(1);
  }
  double accuracy(const model::Graph& graph) {
    return assess(graph, examples_, learn::Loss::CrossEntropy, clock_).accuracy;
  }
  void expect_refused(model::Graph graph, const SharingPlan& plan, const std::string& part) {
    try {
      share(graph, examples_, plan);
      FAIL() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::Malformed);
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }

  data::View examples_ = toy_problem({6}, 3, 120);
  ManualClock clock_;
};

TEST_F(LayerSharing, FindsTheWeightsThatAreAlike) {
  auto graph = deep();
  make_alike(graph, "fc5.weight", "fc3.weight");
  const auto pairs = similar_pairs(graph, {}, plan(Similarity::Cosine, 1));
  ASSERT_EQ(pairs.size(), 6U);
  EXPECT_EQ(pairs.front().first, "fc3.weight");
  EXPECT_EQ(pairs.front().second, "fc5.weight");
  EXPECT_GT(pairs.front().similarity, 0.99);
  EXPECT_LT(pairs[1].similarity, 0.5);
}

TEST_F(LayerSharing, FindsTheLayersWhoseOutputsAreAlike) {
  auto graph = model::make_zoo_model("resmlp:6-16x4-3", 1);
  // A block that adds nothing hands its input on: the next one, with the same weights, makes the same of it.
  for (float& value : graph.initializers.at("block2.weight").as<float>()) value = 0;
  for (float& value : graph.initializers.at("block2.bias").as<float>()) value = -1;
  graph.initializers.at("block3.weight") = graph.initializers.at("block1.weight");
  for (float& value : graph.initializers.at("block1.bias").as<float>()) value = -100;
  const auto pairs = similar_pairs(graph, examples_, plan(Similarity::Cka, 1));
  EXPECT_EQ(pairs.front().first, "block1.weight");
  EXPECT_EQ(pairs.front().second, "block3.weight");
  EXPECT_NEAR(pairs.front().similarity, 1, 1e-4);
  for (const auto& pair : pairs) {
    EXPECT_GE(pair.similarity, -1e-6);
    EXPECT_LE(pair.similarity, 1 + 1e-6);
  }
}

TEST_F(LayerSharing, StoresOneSetOfWeightsAndKeepsEachBias) {
  auto graph = deep();
  make_alike(graph, "fc3.weight", "fc5.weight");
  const std::size_t before = graph.serialize().size();
  const Sharing made = share(graph, examples_, plan(Similarity::Cosine, 1));
  EXPECT_EQ(weight_of(graph, "fc5"), "fc3.weight");
  EXPECT_FALSE(graph.initializers.contains("fc5.weight"));
  EXPECT_TRUE(graph.initializers.contains("fc5.bias"));
  EXPECT_THAT(made.frozen, ElementsAre("fc3.weight"));
  EXPECT_GE(before - graph.serialize().size(), 16U * 16 * 4);
  EXPECT_EQ(model::Graph::parse(graph.serialize(), "shared"), graph);
}

TEST_F(LayerSharing, LetsThreeLayersAlikeBeTwoPairs) {
  auto graph = deep();
  make_alike(graph, "fc2.weight", "fc4.weight");
  make_alike(graph, "fc2.weight", "fc5.weight");
  const Sharing made = share(graph, examples_, plan(Similarity::Cosine, 2));
  EXPECT_EQ(made.pairs.size(), 2U);
  EXPECT_THAT(made.frozen, ElementsAre("fc2.weight"));
  EXPECT_EQ(weight_of(graph, "fc4"), "fc2.weight");
  EXPECT_EQ(weight_of(graph, "fc5"), "fc2.weight");
}

TEST_F(LayerSharing, TrainsAroundTheFrozenWeights) {
  auto graph = model::make_zoo_model("resmlp:6-16x4-3", 1);
  SharingPlan asked = plan(Similarity::Cka, 2);
  asked.training.training.weight_decay = 0.01;
  const Sharing made = share(graph, examples_, asked);
  const auto shared = graph;
  std::uint32_t told = 0;
  TrainingWatch watch;
  watch.epoch_done = [&](const EpochDone& done, const model::ParameterSet& now) {
    told = done.epoch;
    EXPECT_EQ(now.layout().digest(), shared.layout()->digest());
  };
  train_around(graph, made, examples_, asked, clock_, watch);
  EXPECT_EQ(told, 15U);
  for (const auto& name : made.frozen) EXPECT_EQ(graph.initializers.at(name), shared.initializers.at(name));
  EXPECT_NE(graph.initializers.at("first.weight"), shared.initializers.at("first.weight"));
  EXPECT_EQ(graph.metadata, shared.metadata);
  EXPECT_GE(accuracy(graph), 0.95);
}

TEST_F(LayerSharing, GoesOnToQuantisation) {
  auto graph = deep();
  share(graph, examples_, plan(Similarity::Cosine, 2));
  const auto small = quantize_weights(fold(graph));
  EXPECT_LT(small.serialize().size(), graph.serialize().size());
  EXPECT_NO_THROW(accuracy(small));
}

TEST_F(LayerSharing, OfConvolutionsWorksOnTheirKernels) {
  auto graph = model::make_zoo_model("resnet:4x2", 1);
  const auto pictures = toy_problem({1, 28, 28}, 10, 20);
  const auto pairs = similar_pairs(graph, pictures, plan(Similarity::Cka, 1));
  EXPECT_EQ(pairs.size(), 6U);
  share(graph, pictures, plan(Similarity::Cka, 2));
  EXPECT_EQ(std::ranges::count_if(
                graph.initializers,
                [](const auto& entry) { return entry.first.starts_with("block") && entry.second.shape.size() == 4; }),
            2);
}

TEST_F(LayerSharing, RefusesWhatItCannotDo) {
  expect_refused(deep(), plan(Similarity::Cosine, 4), "has 3 pairs of layers of one shape, fewer than the 4");
  expect_refused(model::make_zoo_model("linear:6-3", 1), plan(Similarity::Cosine, 1), "has 0 pairs");
  expect_refused(deep(), plan(Similarity::Cosine, 0), "at least one pair");
  SharingPlan few = plan(Similarity::Cka, 1);
  few.examples = 1;
  expect_refused(deep(), few, "2 to 1024 examples");
  examples_.indices.resize(1);
  expect_refused(deep(), plan(Similarity::Cka, 1), "give at least 2");
}

}  // namespace
}  // namespace tributary::edge
