#include "common/learn/sgd.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/sgd.h>

#include "tests/learn/cases.h"

namespace tributary::learn::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

model::LayoutPtr layout(std::vector<std::pair<std::string, model::Role>> tensors, std::int64_t size) {
  std::vector<model::TensorSpec> specs;
  for (auto& [name, role] : tensors) {
    model::TensorSpec spec;
    spec.name = name;
    spec.shape = {size};
    spec.role = role;
    specs.push_back(std::move(spec));
  }
  return std::make_shared<model::ParameterLayout>(std::move(specs));
}

model::ParameterSet one_tensor(std::vector<float> values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return {layout({{"w", model::Role::Weight}}, size), std::move(values)};
}

struct AgainstTorch {
  double momentum, weight_decay, clip_norm;
};

class SgdAgainstTorch : public ::testing::TestWithParam<AgainstTorch> {};

TEST_P(SgdAgainstTorch, TenStepsAreThoseOfTorchOptimSgd) {
  const auto [momentum, weight_decay, clip_norm] = GetParam();
  const auto start = uniform({37}, 91);
  auto ours = one_tensor({start.as<float>().begin(), start.as<float>().end()});
  at::Tensor theirs = at::from_blob(const_cast<std::byte*>(start.data.data()), {37}).clone().set_requires_grad(true);
  torch::optim::SGD torch_sgd({theirs}, torch::optim::SGDOptions(0.1).momentum(momentum).weight_decay(weight_decay));
  Sgd sgd(ours, {.learning_rate = 0.1, .momentum = momentum, .weight_decay = weight_decay, .clip_norm = clip_norm});
  for (std::uint64_t step = 0; step < 10; ++step) {
    auto gradient = uniform({37}, 92 + step);
    theirs.mutable_grad() = at::from_blob(gradient.data.data(), {37}).clone();
    const double length = theirs.grad().norm().item().toDouble();
    if (clip_norm > 0 && length > clip_norm) theirs.mutable_grad().mul_(clip_norm / length);
    torch_sgd.step();
    EXPECT_TRUE(sgd.step(ours.values(), gradient.as<float>()));
  }
  const std::vector<float> expected(theirs.data_ptr<float>(), theirs.data_ptr<float>() + 37);
  EXPECT_THAT(ours.values(), Pointwise(FloatNear(2e-6f), expected));
}

INSTANTIATE_TEST_SUITE_P(Rules, SgdAgainstTorch,
                         ::testing::Values(AgainstTorch{0, 0, 0}, AgainstTorch{0.9, 0, 0}, AgainstTorch{0, 0.01, 0},
                                           AgainstTorch{0.9, 0.01, 0}, AgainstTorch{0.5, 0.1, 0.7},
                                           AgainstTorch{0, 0, 100}));

TEST(Sgd, TheProximalTermPullsTowardsWhereTheRunBegan) {
  auto parameters = one_tensor({1, 2});
  Sgd sgd(parameters, {.learning_rate = 0.5, .proximal_mu = 0.1});
  const std::vector<float> gradient{1, -1};
  sgd.step(parameters.values(), gradient);
  EXPECT_THAT(parameters.values(), ElementsAre(0.5f, 2.5f)) << "nothing to pull yet";
  sgd.step(parameters.values(), gradient);
  // 0.5 - 0.5 * (1 + 0.1 * (0.5 - 1)), 2.5 - 0.5 * (-1 + 0.1 * (2.5 - 2)).
  EXPECT_THAT(parameters.values(), Pointwise(FloatNear(1e-6f), {0.025f, 2.975f}));
}

TEST(Sgd, TheProximalTermJoinsMomentumAndDecay) {
  auto parameters = one_tensor({1});
  Sgd sgd(parameters, {.learning_rate = 0.5, .momentum = 0.5, .weight_decay = 0.2, .proximal_mu = 0.1});
  const std::vector<float> gradient{1};
  sgd.step(parameters.values(), gradient);  // velocity 1 + 0.2, value 1 - 0.6
  EXPECT_NEAR(parameters.values()[0], 0.4f, 1e-6);
  sgd.step(parameters.values(), gradient);  // velocity 0.6 + 1 + 0.2 * 0.4 - 0.1 * 0.6 = 1.62
  EXPECT_NEAR(parameters.values()[0], 0.4f - 0.81f, 1e-6);
}

TEST(Sgd, AGradientLongerThanTheClipIsScaledDownAndAShorterOneIsNot) {
  auto parameters = one_tensor({0, 0});
  Sgd sgd(parameters, {.learning_rate = 1, .clip_norm = 1});
  sgd.step(parameters.values(), std::vector<float>{3, 4});
  EXPECT_THAT(parameters.values(), Pointwise(FloatNear(1e-6f), {-0.6f, -0.8f}));
  sgd.step(parameters.values(), std::vector<float>{0.3f, 0.4f});
  EXPECT_THAT(parameters.values(), Pointwise(FloatNear(1e-6f), {-0.9f, -1.2f}));
}

TEST(Sgd, BatchStatisticsAreNeitherMovedNorPartOfTheNorm) {
  model::ParameterSet parameters(
      layout({{"w", model::Role::Weight}, {"mean", model::Role::State}, {"b", model::Role::Vector}}, 1), {1, 7, 2});
  Sgd sgd(parameters, {.learning_rate = 1, .momentum = 0.9, .weight_decay = 0.5, .clip_norm = 5});
  sgd.step(parameters.values(), std::vector<float>{3, 1000, 4});
  EXPECT_THAT(parameters.values(), Pointwise(FloatNear(1e-6f), {1 - 3.5f, 7.0f, 2 - 5.0f}));
}

TEST(Sgd, AnInfiniteOrUndefinedValueIsReported) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    std::vector<float> gradient(100, 0.5f);
    gradient[63] = bad;
    auto parameters = one_tensor(std::vector<float>(100, 1.0f));
    EXPECT_FALSE(Sgd(parameters, {}).step(parameters.values(), gradient));
  }
}

}  // namespace
}  // namespace tributary::learn::testing
