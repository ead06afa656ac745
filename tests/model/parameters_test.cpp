#include "common/model/parameters.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary::model {
namespace {

LayoutPtr layout(std::vector<TensorSpec> tensors) {
  return std::make_shared<ParameterLayout>(std::move(tensors));
}

TEST(ParameterLayout, TensorsLieOneAfterTheOther) {
  const auto made = layout({{"w", {2, 3}, Role::Weight, 0, 0, 2, 3}, {"b", {2}}});
  EXPECT_EQ(made->size(), 8U);
  EXPECT_EQ(made->find("b")->offset, 6U);
  EXPECT_EQ(made->find("nothing"), nullptr);
}

TEST(ParameterLayout, BadTensorsAreRefusedByName) {
  EXPECT_THROW(layout({{"", {2}}}), Error);
  EXPECT_THROW(layout({{"w", {2}}, {"w", {2}}}), Error);
  EXPECT_THROW(layout({{"w", {2, 0}}}), Error);
  EXPECT_THROW(layout({{"w", {std::int64_t{1} << 40, std::int64_t{1} << 40}}}), Error);
}

TEST(ParameterLayout, TheDigestTellsShapesNamesAndRolesApart) {
  const auto digest = [](std::vector<TensorSpec> tensors) { return layout(std::move(tensors))->digest(); };
  EXPECT_EQ(digest({{"w", {2, 3}}}), digest({{"w", {2, 3}}}));
  EXPECT_NE(digest({{"w", {2, 3}}}), digest({{"w", {3, 2}}}));
  EXPECT_NE(digest({{"w", {2, 3}}}), digest({{"v", {2, 3}}}));
  EXPECT_NE(digest({{"w", {2, 3}}}), digest({{"w", {2, 3}, Role::State}}));
}

TEST(ParameterSet, TheDigestFollowsEveryBit) {
  ParameterSet set(layout({{"w", {4}}}));
  const Digest before = digest_of(set);
  set.values()[3] = -0.0F;
  EXPECT_NE(digest_of(set), before);
}

}  // namespace
}  // namespace tributary::model
