#include "simulations/picture.h"

#include <gmock/gmock.h>

#include "simulations/scenario.h"
#include "tests/simulations/support.h"

namespace tributary::simulation {
namespace {

using testing::HasSubstr;
using testing::Not;

// Six examples of classes 0 0 1 1 2 2.
data::DatasetPtr six() {
  return data::in_memory({1}, {1, 2, 3, 4, 5, 6}, {0, 0, 1, 1, 2, 2}, 3);
}

TEST(PictureTest, SaysOfEachParticipantHowManyOfEachClass) {
  const std::string picture = partition_picture(*six(), {"ann", "bob"}, {{0, 1, 2}, {3, 4, 5}}, "shards:1");
  EXPECT_EQ(fault_of_html(picture), "");
  EXPECT_THAT(picture, HasSubstr("ann|class 0: 2 of 3"));
  EXPECT_THAT(picture, HasSubstr("ann|class 2: 0 of 3"));
  EXPECT_THAT(picture, HasSubstr("bob|class 2: 2 of 3"));
  EXPECT_THAT(picture, HasSubstr("bob|3 examples"));
  EXPECT_THAT(picture, HasSubstr("partition shards:1, 2 participants"));
}

TEST(PictureTest, EscapesNames) {
  const std::string picture = partition_picture(*six(), {"<b>\"", "bob"}, {{0}, {1}}, "<i>");
  EXPECT_EQ(fault_of_html(picture), "");
  EXPECT_THAT(picture, Not(HasSubstr("<b>")));
  EXPECT_THAT(picture, Not(HasSubstr("<i>")));
}

TEST(PictureTest, RealLabelsGiveSizesAlone) {
  const auto real = data::in_memory({1}, {1, 2}, {0.5, 1.5}, 0);
  const std::string picture = partition_picture(*real, {"ann", "bob"}, {{0}, {1}}, "iid");
  EXPECT_THAT(picture, HasSubstr("ann|1 examples"));
  EXPECT_THAT(picture, Not(HasSubstr("class 0")));
}

TEST(PictureTest, ACrowdIsDrawnInPart) {
  const std::vector<std::vector<std::uint32_t>> parts(1000, {0, 1});
  const std::string picture = partition_picture(*six(), participant_names(1000), parts, "iid");
  EXPECT_EQ(fault_of_html(picture), "");
  EXPECT_THAT(picture, HasSubstr("1000 participants; the first 100 are drawn"));
  EXPECT_THAT(picture, HasSubstr("p0099"));
  EXPECT_THAT(picture, Not(HasSubstr("p0100")));
}

}  // namespace
}  // namespace tributary::simulation
