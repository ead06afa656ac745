#include <limits>

#include <gmock/gmock.h>

#include "tests/data/support.h"

namespace tributary::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(InMemory, GivesBackExamplesInTheOrderAskedFor) {
  const DatasetPtr data = in_memory({2}, {1, 2, 3, 4, 5, 6}, {0, 1, 1}, 2);
  EXPECT_EQ(data->size(), 3u);
  const Examples got = read(*data, {2, 0});
  EXPECT_THAT(got.features, ElementsAre(5, 6, 1, 2));
  EXPECT_THAT(got.labels, ElementsAre(1, 0));
  EXPECT_EQ(data->label_of(1), 1u);
}

TEST(InMemory, RealLabelsMayBeVectors) {
  const DatasetPtr data = in_memory({1}, {1, 2}, {0.5f, -1, 7, 8}, 0);
  EXPECT_EQ(data->classes(), 0u);
  EXPECT_EQ(data->label_size(), 2u);
  EXPECT_THAT(read(*data, {1}).labels, ElementsAre(7, 8));
}

TEST(InMemory, WholeListsEveryExampleOnce) {
  const View view = whole(in_memory({1}, {1, 2, 3}, {0, 0, 0}, 1));
  EXPECT_EQ(view.size(), 3u);
  EXPECT_THAT(view.indices, ElementsAre(0, 1, 2));
}

TEST(InMemory, WhatDoesNotFitIsRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  struct Case {
    const char* says;
    std::vector<std::int64_t> shape;
    std::vector<float> features, labels;
    std::uint32_t classes;
  };
  const Case cases[] = {
      {"there are none", {2}, {}, {}, 2},
      {"dimension 0", {2, 0}, {1, 2}, {0}, 2},
      {"dimension -1", {-1}, {1, 2}, {0}, 2},
      {"feature shape: size overflows", {std::int64_t{1} << 62, 8}, {1, 2}, {0}, 2},
      {"3 feature values are no multiple of the 2", {2}, {1, 2, 3}, {0}, 2},
      {"1 label values do not fit 2 examples", {1}, {1, 2}, {0}, 2},
      {"0 label values do not fit 2 examples", {1}, {1, 2}, {}, 0},
      {"4 label values do not fit 2 examples", {1}, {1, 2}, {0, 0, 0, 0}, 2},
      {"a feature of example 1 is not finite", {2}, {1, 2, 3, nan}, {0, 1}, 2},
      {"the label of example 0 is not finite", {1}, {1, 2}, {infinity, 1}, 0},
      {"of example 1 is not a class index below 2", {1}, {1, 2}, {0, 2}, 2},
      {"of example 0 is not a class index below 2", {1}, {1, 2}, {0.5f, 1}, 2},
      {"of example 0 is not a class index below 2", {1}, {1, 2}, {-1, 1}, 2},
      {"at most 65536 classes", {1}, {1, 2}, {0, 1}, 70000},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { in_memory(c.shape, c.features, c.labels, c.classes); }),
                HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace tributary::data
