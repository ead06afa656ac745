#include "coordinator/server_optimizer.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"

namespace tributary::coordinator {
namespace {

// A weight, a bias and a batch statistic, of one element each.
const model::LayoutPtr& layout() {
  static const auto made = std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{
      {"w", {1}, model::Role::Weight}, {"b", {1}, model::Role::Vector}, {"mean", {1}, model::Role::State}});
  return made;
}

using Values = std::vector<float>;

TEST(ServerOptimizer, AtTheDefaultsTheModelMovesByTheMeanUpdate) {
  ServerOptimizer optimizer(layout(), ServerRule{});
  Values values = {1, 2, 3};
  optimizer.apply(values, Values{0.5F, -0.25F, 2});
  EXPECT_EQ(values, (Values{1.5F, 1.75F, 5}));
  optimizer.apply(values, Values{0.5F, -0.25F, 2});
  EXPECT_EQ(values, (Values{2, 1.5F, 7}));
}

TEST(ServerOptimizer, TheLearningRateScalesTheUpdateButNotState) {
  ServerOptimizer optimizer(layout(), ServerRule{.learning_rate = 0.5});
  Values values = {1, 2, 3};
  optimizer.apply(values, Values{1, -1, 2});
  EXPECT_EQ(values, (Values{1.5F, 1.5F, 5}));
}

// velocity 1, then 0.5 * 1 + 1 = 1.5, then 0.5 * 1.5 + 0 = 0.75; each times 2.
TEST(ServerOptimizer, MomentumIsHeavyBallOnTheUpdateButNotOnState) {
  ServerOptimizer optimizer(layout(), ServerRule{.learning_rate = 2, .momentum = 0.5});
  Values values = {0, 10, 100};
  optimizer.apply(values, Values{1, -1, 1});
  EXPECT_EQ(values, (Values{2, 8, 101}));
  optimizer.apply(values, Values{1, -1, 1});
  EXPECT_EQ(values, (Values{5, 5, 102}));
  optimizer.apply(values, Values{0, 0, 0});
  EXPECT_EQ(values, (Values{6.5F, 3.5F, 102}));
}

// Every product and sum is rounded to float32 by itself, as this loop through volatile does.
TEST(ServerOptimizer, ProductsAndSumsAreRoundedOneByOne) {
  const auto big = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{{"w", {1000}, model::Role::Weight}});
  RandomStream random(3, "values");
  const auto draw = [&random] {
    Values values(1000);
    for (float& value : values) value = static_cast<float>(random.normal());
    return values;
  };
  ServerOptimizer optimizer(big, ServerRule{.learning_rate = 0.7, .momentum = 0.9});
  Values values = draw(), expected = values, velocity(1000);
  for (int round = 0; round < 3; ++round) {
    const Values update = draw();
    optimizer.apply(values, update);
    for (std::size_t i = 0; i < 1000; ++i) {
      const volatile float kept = 0.9F * velocity[i];
      velocity[i] = kept + update[i];
      const volatile float step = 0.7F * velocity[i];
      expected[i] = expected[i] + step;
    }
    ASSERT_EQ(values, expected) << "round " << round;
  }
}

TEST(ServerOptimizer, OwnMistakesAreCaught) {
  ServerOptimizer optimizer(layout(), ServerRule{});
  Values values = {1, 2, 3};
  EXPECT_THROW(optimizer.apply(values, Values{1, 2}), Error);
}

}  // namespace
}  // namespace tributary::coordinator
