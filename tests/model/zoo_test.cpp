#include "common/model/zoo.h"

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
  for (const char* bad : {"", "cmn", "mlp", "mlp:10", "mlp:10-x", "mlp:10-0", "linear:1-2-3", "2nn:4"}) {
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
