#include "common/base/files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/error.h"

namespace tributary {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tributary-files-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FilesTest() override { std::filesystem::remove_all(folder_); }

  RealFiles files_;
  Path folder_;
};

TEST_F(FilesTest, AnAtomicWriteReplacesTheContentAndLeavesNoTemporaryFile) {
  write_atomically(files_, folder_ / "model", as_bytes("old content"));
  write_atomically(files_, folder_ / "model", as_bytes("new"));
  EXPECT_EQ(read_text_file(folder_ / "model"), "new");
  EXPECT_EQ(files_.list(folder_), std::vector<std::string>{"model"});
}

TEST_F(FilesTest, BytesAreWrittenAndReadAtOffsets) {
  const auto file = files_.create(folder_ / "spool");
  file->write_at(4, as_bytes("tail"));
  file->write_at(0, as_bytes("head"));
  Bytes all(8);
  file->read_at(0, all);
  EXPECT_EQ(as_text(all), "headtail");
  EXPECT_EQ(file->size(), 8U);
}

TEST_F(FilesTest, AFileThatEndsEarlyIsCorrupt) {
  const auto file = files_.create(folder_ / "spool");
  Bytes some(1);
  try {
    file->read_at(0, some);
    FAIL() << "read past the end";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Corrupt);
  }
}

TEST_F(FilesTest, AMissingFileIsNamed) {
  try {
    files_.map(folder_ / "nowhere");
    FAIL() << "mapped a missing file";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Unavailable);
    EXPECT_NE(std::string(error.what()).find("nowhere"), std::string::npos);
  }
}

TEST_F(FilesTest, AFileOverTheLimitIsNotRead) {
  write_text_file(folder_ / "big", "0123456789");
  EXPECT_THROW(read_file(folder_ / "big", 9), Error);
  EXPECT_EQ(read_file(folder_ / "big", 10).size(), 10U);
}

TEST_F(FilesTest, RemovingWhatIsNotThereIsNoError) { EXPECT_NO_THROW(files_.remove(folder_ / "nothing")); }

}  // namespace
}  // namespace tributary
