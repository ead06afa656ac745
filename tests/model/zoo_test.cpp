#include "common/model/zoo.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary::model {
namespace {

TEST(Zoo, ModelsHaveTheParametersThatThePapersName) {
  EXPECT_EQ(make_zoo_model("linear", 1).layout()->size(), 7'850U);
  EXPECT_EQ(make_zoo_model("2nn", 1).layout()->size(), 199'210U);
  EXPECT_EQ(make_zoo_model("cnn", 1).layout()->size(), 1'663'370U);
  EXPECT_EQ(make_zoo_model("lenet", 1).layout()->size(), 431'080U);
  EXPECT_EQ(make_zoo_model("lenet5", 1).layout()->size(), 44'426U);
  EXPECT_EQ(make_zoo_model("mlp:784-300-100-10", 1).layout()->size(), 266'610U);
}

TEST(Zoo, ResidualNetworksHaveTheirBlocks) {
  const Graph dense = make_zoo_model("resmlp:784-100x8-10", 1), pictures = make_zoo_model("resnet:16x3", 1);
  EXPECT_EQ(std::ranges::count(dense.nodes, "Add", &Node::op), 8);
  EXPECT_EQ(dense.layout()->size(), 784U * 100 + 100 + 8 * (100 * 100 + 100) + 100 * 10 + 10);
  EXPECT_EQ(std::ranges::count(pictures.nodes, "Add", &Node::op), 3);
  EXPECT_EQ(pictures.layout()->size(), 16U * 25 + 6 * 16 * 16 * 9 + 7 * 4 * 16 + 16 * 49 * 10 + 10);
  EXPECT_EQ(Graph::parse(pictures.serialize(), "resnet"), pictures);
}

TEST(Zoo, EqualSeedsGiveEqualWeights) {
  EXPECT_EQ(digest_of(make_zoo_model("2nn", 4).parameters()), digest_of(make_zoo_model("2nn", 4).parameters()));
  EXPECT_NE(digest_of(make_zoo_model("2nn", 4).parameters()), digest_of(make_zoo_model("2nn", 5).parameters()));
}

TEST(Zoo, WeightsLieWithinTheirFanInBound) {
  const ParameterSet set = make_zoo_model("linear:100-10", 1).parameters();
  float largest = 0;
  for (const float value : set.values()) largest = std::max(largest, std::abs(value));
  EXPECT_LE(largest, 0.1F);
  EXPECT_GT(largest, 0.09F);
}

TEST(Zoo, AWrongSpecificationIsRefusedWithAHint) {
  for (const char* bad : {"", "cmn", "mlp", "mlp:10", "mlp:10-x", "mlp:10-0", "linear:1-2-3", "2nn:4",
                          "resmlp:784-100-10", "resmlp:784-100x0-10", "resmlp:784-100x65-10", "resnet", "resnet:16",
                          "resnet:0x3", "resnet:16x3x2", "odl:784-100x1-10"}) {
    EXPECT_THROW(make_zoo_model(bad, 1), Error) << bad;
  }
  try {
    make_zoo_model("lennet", 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("lenet"), std::string::npos);
  }
}

}  // namespace
}  // namespace tributary::model
