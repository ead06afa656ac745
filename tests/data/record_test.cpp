#include "common/data/record.h"

#include <array>

#include <gmock/gmock.h>

namespace tributary::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = RecordParser::Result::Kind;

class RecordTest : public ::testing::Test {
 protected:
  RecordParser::Result parse(std::string_view line) { return parser_.parse(line, features_, label_); }
  static RecordSchema schema() {
    RecordSchema schema;
    schema.features = {"rather long name \"a\"", "b"};
    schema.label = "y";
    schema.classes = 2;
    return schema;
  }

  RecordParser parser_{schema()};
  std::array<float, 2> features_{};
  float label_ = -1;
};

TEST_F(RecordTest, TheHeadersNamesMayHoldDoubledQuotes) {
  parser_.begin();
  ASSERT_EQ(parse("b,y,\"rather long name \"\"a\"\"\"").kind, Kind::Header);
  EXPECT_THAT(parser_.columns(), ElementsAre("b", "y", "rather long name \"a\""));
  ASSERT_EQ(parse("2,1,0.5").kind, Kind::Example);
  EXPECT_THAT(features_, ElementsAre(0.5F, 2));
  EXPECT_EQ(label_, 1);
}

TEST_F(RecordTest, AHeaderWithoutAFeatureIsRejectedAndTheNextOneTaken) {
  parser_.begin();
  const auto result = parse("b,y");
  EXPECT_EQ(result.kind, Kind::Rejected);
  EXPECT_THAT(result.reason, HasSubstr("has no column"));
}

}  // namespace
}  // namespace tributary::data
