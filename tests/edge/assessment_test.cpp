#include "common/edge/assessment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/edge/layers.h"
#include "tests/edge/models.h"
#include "tests/learn/graph_maker.h"

namespace tributary::edge {
namespace {

using learn::testing::floats;
using learn::testing::GraphMaker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Three outputs that are the example's three features.
model::Graph mirror() {
  return GraphMaker({-1, 3})
      .value("W", floats({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}))
      .node("y", "MatMul", {"x", "W"})
      .output("y", {-1, 3});
}

// Answers 0, 1, 1, 2 to labels 0, 1, 2, 2.
data::View four_examples() {
  return data::whole(data::in_memory({3}, {9, 0, 0, 0, 9, 0, 0, 9, 0, 0, 0, 9}, {0, 1, 2, 2}, 3));
}

TEST(Assessment, CountsTheAnswersToEachClass) {
  const auto found = assess(mirror(), four_examples(), learn::Loss::CrossEntropy, ManualClock(), 3);
  EXPECT_EQ(found.accuracy, 0.75);
  EXPECT_THAT(found.confusion, ElementsAre(1, 0, 0, 0, 1, 0, 0, 1, 1));
  EXPECT_EQ(found.recall(2), 0.5);
  EXPECT_THAT(as_table(found), HasSubstr("2      0  1  1   50.0 %\n"));
  EXPECT_EQ(nlohmann::json::parse(as_json(found)).at("confusion").at(2).at(1), 1);
}

TEST(Assessment, OfRealNumbersHasALossAndNoMatrix) {
  const auto real = data::whole(data::in_memory({3}, {1, 2, 3}, {1, 2, 5}, 0));
  const auto found = assess(mirror(), real, learn::Loss::MeanSquaredError, ManualClock());
  EXPECT_NEAR(found.loss, 4.0 / 3, 1e-6);
  EXPECT_TRUE(found.confusion.empty());
}

TEST(Assessment, RefusesNoExamples) {
  const data::View none{four_examples().dataset, {}};
  EXPECT_THROW(assess(mirror(), none, learn::Loss::CrossEntropy, ManualClock()), Error);
  EXPECT_THROW(predict(mirror(), none), Error);
}

TEST(Predictions, AreLinesOfNumberAnswerAndOutputs) {
  data::View some = four_examples();
  some.indices = {3, 0};
  EXPECT_EQ(as_csv(predict(mirror(), some), some), "example,answer,out0,out1,out2\n3,2,0,0,9\n0,0,9,0,0\n");
}

TEST(Layers, OfTheZooHaveShapesParametersAndMultiplyAdds) {
  const auto layers = layers_of(model::make_zoo_model("cnn", 1));
  EXPECT_EQ(layers.front().op, "Conv");
  EXPECT_THAT(layers.front().shape, ElementsAre(1, 32, 28, 28));
  EXPECT_EQ(layers.front().parameters, 32U * 25 + 32);
  EXPECT_EQ(layers.front().multiply_adds, 28U * 28 * 32 * 25);
  std::uint64_t parameters = 0;
  for (const auto& layer : layers) parameters += layer.parameters;
  EXPECT_EQ(parameters, 1'663'370U);
}

TEST(Layers, OfEveryExportedModelCountEachParameterOnce) {
  for (const auto& [name, graph] : testing::exported_graphs()) {
    SCOPED_TRACE(name);
    std::uint64_t parameters = 0;
    for (const auto& layer : layers_of(graph)) parameters += layer.parameters;
    EXPECT_EQ(parameters, graph.layout()->size());
  }
}

TEST(Layers, RefuseAnInputThatLeavesMoreThanTheBatchOpen) {
  try {
    layers_of(GraphMaker({-1, -1}).node("y", "Relu", {"x"}).output("y"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Unsupported);
    EXPECT_THAT(error.what(), HasSubstr("more than the batch axis open"));
  }
}

}  // namespace
}  // namespace tributary::edge
