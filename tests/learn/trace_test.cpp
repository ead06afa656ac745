#include "common/learn/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/learn/graph_maker.h"

namespace tributary::learn {
namespace {

using ::testing::ElementsAre;
using testing::floats;
using testing::GraphMaker;
using ::testing::HasSubstr;
using testing::linear_model;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const Trace::Wanted kAll = [](const std::string&) { return true; };

TEST(Trace, ShowsTheInputAndEveryValueInOrder) {
  std::vector<std::string> names;
  std::vector<float> last;
  const std::vector<float> features{1, -1};
  Trace::compile(linear_model({"Neg", "Relu"}))->run(features, 1, kAll, [&](const TracedValue& value) {
    names.push_back(value.name);
    EXPECT_EQ(value.node == nullptr, value.name == "x");
    last.assign(value.values.begin(), value.values.end());
    EXPECT_EQ(value.shape.front(), 1);
  });
  EXPECT_THAT(names, ElementsAre("x", "y0", "y1", "y2"));
  EXPECT_THAT(last, ElementsAre(0.9F, 0.8F, 0.7F));
}

TEST(Trace, ShowsOnlyWhatIsWanted) {
  std::vector<std::string> names;
  const std::vector<float> features{1, -1, 2, 2};
  Trace::compile(linear_model({"Relu"}))
      ->run(
          features, 2, [](const std::string& name) { return name == "y0"; },
          [&](const TracedValue& value) {
            names.push_back(value.name);
            EXPECT_THAT(value.shape, ElementsAre(2, 3));
          });
  EXPECT_THAT(names, ElementsAre("y0"));
}

TEST(Trace, RefusesFeaturesThatDoNotFit) {
  const std::vector<float> features{1, 2, 3};
  EXPECT_THROW(Trace::compile(linear_model())->run(features, 1, kAll, [](const TracedValue&) {}), Error);
}

TEST(ConstantValues, AreThoseThatDependOnNoInput) {
  GraphMaker maker({-1, 2});
  maker.value("W", floats({2, 2}, {1, 2, 3, 4}));
  maker.node("Wt", "Transpose", {"W"}, {{"perm", std::vector<std::int64_t>{1, 0}}});
  maker.node("y", "MatMul", {"x", "Wt"});
  const auto found = constant_values(maker.output("y"));
  EXPECT_THAT(found, UnorderedElementsAre(Pair("Wt", floats({2, 2}, {1, 3, 2, 4}))));
}

TEST(ConstantValues, LeaveCompressedWeightsCompressed) {
  GraphMaker maker({-1, 2});
  const auto integers = testing::as(model::DType::Int8, floats({2, 2}, {1, 2, 3, 4}));
  maker.value("q", integers).value("s", testing::scalar(0.5F)).value("big", floats({1, 1}, {1}));
  maker.value("shape", testing::ints({100, 100}));
  maker.node("W", "DequantizeLinear", {"q", "s"}).node("wide", "Expand", {"big", "shape"});
  maker.node("y", "MatMul", {"x", "W"});
  EXPECT_TRUE(constant_values(maker.output("y")).empty());
}

}  // namespace
}  // namespace tributary::learn
