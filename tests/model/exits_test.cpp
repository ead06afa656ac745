#include "common/model/exits.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/model/zoo.h"

namespace tributary::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class Body>
void expect_refused(Body body, const char* why) {
  try {
    body();
    FAIL() << "taken: " << why;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(why));
  }
}

TEST(ExitsTest, AnOdlModelHasAClassifierAtEveryHiddenLayerAndTheEnsembleInFront) {
  const Graph graph = make_zoo_model("odl:6-10x3-2", 1);
  EXPECT_THAT(exits_of(graph), ElementsAre("exit1", "exit2", "exit3"));
  EXPECT_EQ(graph.outputs.front().name, "logits");
  const auto layout = graph.layout();
  const TensorSpec* alpha = alpha_of(graph, *layout);
  ASSERT_NE(alpha, nullptr);
  EXPECT_EQ(alpha->role, Role::State);
  const auto parameters = graph.parameters();
  for (const float value : parameters.tensor(*alpha)) EXPECT_FLOAT_EQ(value, std::log(1.0f / 3));
  // 3 hidden layers, 3 classifiers, the weights.
  EXPECT_EQ(layout->size(), 70u + 2 * 110u + 3 * 22u + 3u);
}

TEST(ExitsTest, AnOdlModelComesBackFromItsFile) {
  const Graph graph = make_zoo_model("odl:6-10x3-2", 1);
  const Graph read = Graph::parse(graph.serialize(), "odl");
  EXPECT_EQ(read, graph);
  EXPECT_EQ(read.layout()->digest(), graph.layout()->digest());
}

TEST(ExitsTest, OutputsCalledExitAreMarkedByTheirNamesAndMetadataRules) {
  Graph graph = make_zoo_model("odl:6-10x3-2", 1);
  graph.metadata.erase("tributary.exits");
  EXPECT_THAT(exits_of(graph), ElementsAre("exit1", "exit2", "exit3"));
  graph.metadata["tributary.exits"] = "exit3, exit1";
  EXPECT_THAT(exits_of(graph), ElementsAre("exit3", "exit1"));
  EXPECT_THAT(exits_of(make_zoo_model("2nn", 1)), ElementsAre("logits"));
}

TEST(ExitsTest, MarksThatNameNothingAreRefused) {
  Graph graph = make_zoo_model("odl:6-10x3-2", 1);
  graph.metadata["tributary.exits"] = "exit1,deep";
  expect_refused([&] { exits_of(graph); }, "'deep'");
  graph.metadata["tributary.exits"] = "exit1,exit1";
  expect_refused([&] { exits_of(graph); }, "twice");
  graph = make_zoo_model("odl:6-10x3-2", 1);
  graph.metadata["tributary.alpha"] = "fc1.bias";
  expect_refused([&] { alpha_of(graph, *graph.layout()); }, "fc1.bias");
  expect_refused([&] { add_ensemble(graph); }, "already");
  Graph plain = make_zoo_model("2nn", 1);
  expect_refused([&] { add_ensemble(plain); }, "one exit only");
}

TEST(ExitsTest, MalformedOdlSpecificationsSayHowToWriteOne) {
  for (const char* text :
       {"odl:6-10-2", "odl:6-10x3", "odl:6-10x1-2", "odl:6-10x65-2", "odl:6-x3-2", "odl:6-10x3-1", "odl:6-10x3-2-1"})
    expect_refused([&] { make_zoo_model(text, 1); }, "odl:");
}

}  // namespace
}  // namespace tributary::model
