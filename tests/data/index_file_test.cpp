#include <gmock/gmock.h>

#include "tests/data/support.h"

namespace tributary::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(IndexFile, WhatIsSavedIsLoadedInItsOrder) {
  const Folder folder;
  const std::vector<std::uint32_t> indices{7, 0, 99999999, 12};
  save_index(folder / "part", indices);
  EXPECT_EQ(load_index(folder / "part", 100000000), indices);
}

TEST(IndexFile, CommentsBlankLinesAndCarriageReturnsAreNoIndices) {
  const Folder folder;
  const Path path = folder.write("part", "# of alice\r\n3\r\n\r\n  1 # the second\n#\n\n2");
  EXPECT_THAT(load_index(path, 4), ElementsAre(3, 1, 2));
}

TEST(IndexFile, BadLinesAreRefusedNamingFileAndLine) {
  const Folder folder;
  struct Case {
    const char *text, *says;
  };
  const Case cases[] = {
      {"0\nabc\n", "part:2: \"abc\" is not an index"},
      {"0 1\n", "part:1: \"0 1\" is not an index"},
      {"1.0\n", "part:1: \"1.0\" is not an index"},
      {"+1\n", "part:1: \"+1\" is not an index"},
      {"99999999999999999999\n", "part:1: \"99999999999999999999\" is not an index"},
      {"# one\n\n-1\n", "part:3: index -1 is out of range: the data set has examples 0 to 9"},
      {"10\n", "part:1: index 10 is out of range"},
      {"4294967296\n", "part:1: index 4294967296 is out of range"},
      {"3\n4\n3\n", "part:3: index 3 is listed twice"},
      {"", "part: lists no index"},
      {"# nothing\n\n", "part: lists no index"},
  };
  for (const Case& c : cases) {
    const Path path = folder.write("part", c.text);
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { load_index(path, 10); }), HasSubstr(c.says));
  }
}

TEST(IndexFile, AMissingFileIsNamed) {
  const Folder folder;
  EXPECT_THAT(refusal(Error::Kind::Unavailable, [&] { load_index(folder / "gone", 10); }), HasSubstr("gone"));
}

}  // namespace
}  // namespace tributary::data
