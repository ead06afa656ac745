#include "common/edge/augmentation.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/edge/central_training.h"
#include "common/model/zoo.h"
#include "tests/learn/toy_data.h"

namespace tributary::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Pictures of 5x5, two channels, each with one bright pixel in the middle: 1 in the first channel, 2 in the second.
class Shift : public ::testing::Test {
 protected:
  static data::View dots(std::uint32_t count) {
    std::vector<float> features(count * 50), labels(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      features[i * 50 + 12] = 1;
      features[i * 50 + 25 + 12] = 2;
    }
    return data::whole(data::in_memory({2, 5, 5}, features, labels, 1));
  }
  static std::vector<float> read(const data::View& view) {
    std::vector<float> features(view.size() * 50), labels(view.size());
    view.dataset->read(view.indices, features, labels);
    return features;
  }
};

TEST_F(Shift, MovesEveryChannelOfAPictureAlikeWithinThePixels) {
  const auto values = read(shifted(dots(400), 1, 7, 0));
  std::set<std::size_t> places;
  for (std::size_t e = 0; e < 400; ++e) {
    const auto picture = std::span(values).subspan(e * 50, 50);
    const auto first = std::find(picture.begin(), picture.end(), 1.0F), second = std::find(first, picture.end(), 2.0F);
    ASSERT_EQ(second - first, 25);
    places.insert(static_cast<std::size_t>(first - picture.begin()));
  }
  EXPECT_THAT(places, ElementsAre(6, 7, 8, 11, 12, 13, 16, 17, 18));
}

TEST_F(Shift, IsTheSameAgainAndAnotherInTheNextEpoch) {
  EXPECT_EQ(read(shifted(dots(20), 2, 7, 3)), read(shifted(dots(20), 2, 7, 3)));
  EXPECT_NE(read(shifted(dots(20), 2, 7, 3)), read(shifted(dots(20), 2, 7, 4)));
  EXPECT_NE(read(shifted(dots(20), 2, 7, 3)), read(shifted(dots(20), 2, 8, 3)));
}

TEST_F(Shift, LeavesNothingOfWhatMovesOut) {
  std::vector<float> corner(9);
  corner[0] = 1;
  const auto one = data::whole(data::in_memory({1, 3, 3}, corner, {0}, 1));
  for (std::uint64_t epoch = 0; epoch < 60; ++epoch) {
    std::vector<float> features(9), labels(1);
    const auto moved = shifted(one, 2, 1, epoch);
    moved.dataset->read(moved.indices, features, labels);
    EXPECT_LE(std::count(features.begin(), features.end(), 1.0F), 1);
    EXPECT_EQ(std::count(features.begin(), features.end(), 0.0F) + std::count(features.begin(), features.end(), 1.0F),
              9);
  }
}

TEST_F(Shift, RefusesWhatIsNoPicture) {
  for (const auto& [examples, pixels] : {std::pair{learn::testing::toy_problem({6}, 2, 4), 1U}, {dots(2), 5U}}) {
    try {
      shifted(examples, pixels, 1, 0);
      FAIL();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("training.shift moves pictures"));
    }
  }
}

TEST(DropoutAdded, StandsBeforeEveryDenseLayerButTheFirst) {
  for (const auto& [name, count] : {std::pair<const char*, int>{"mlp:6-5-4-3", 2}, {"cnn", 2}, {"linear", 0}}) {
    const auto graph = model::make_zoo_model(name, 1), made = with_dropout(graph, 0.5);
    EXPECT_EQ(std::ranges::count(made.nodes, "Dropout", &model::Node::op), count) << name;
    EXPECT_EQ(made.layout()->digest(), graph.layout()->digest());
    EXPECT_NO_THROW(made.serialize()) << name;
  }
}

TEST(DropoutAdded, ChangesTrainingAndNotPrediction) {
  const auto graph = model::make_zoo_model("mlp:6-32-3", 1);
  const auto plain = learn::Network::compile(graph), dropping = learn::Network::compile(with_dropout(graph, 0.5));
  const auto examples = learn::testing::toy_problem({6}, 3, 60);
  auto parameters = graph.parameters(), others = graph.parameters();
  const ManualClock clock;
  EXPECT_NEAR(learn::evaluate(*plain, parameters, examples, learn::Loss::CrossEntropy, clock).loss,
              learn::evaluate(*dropping, parameters, examples, learn::Loss::CrossEntropy, clock).loss, 1e-5);
  train_centrally(*plain, parameters, examples, {}, clock);
  train_centrally(*dropping, others, examples, {}, clock);
  EXPECT_NE(digest_of(parameters), digest_of(others));
}

TEST(DropoutAdded, RefusesToLeaveOutEverything) {
  EXPECT_THROW(with_dropout(model::make_zoo_model("linear", 1), 1), Error);
}

}  // namespace
}  // namespace tributary::edge
