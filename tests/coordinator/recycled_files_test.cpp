#include "coordinator/recycled_files.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/simulated_disk.h"

namespace tributary::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RecycledFilesTest : public testing::Test {
 protected:
  RecycledFilesTest() {
    folder_ = std::filesystem::temp_directory_path() / ("tributary-recycled-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    files_ = std::make_unique<RecycledFiles>(disk_, folder_);
  }
  ~RecycledFilesTest() override {
    files_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::vector<std::string> on_disk() const { return disk_.list(folder_); }
  std::string text_of(const std::string& name) const {
    return std::string(as_text(files_->map(folder_ / name)->bytes()));
  }
  std::unique_ptr<File> write(const std::string& name, std::string_view text) {
    auto file = files_->create(folder_ / name);
    file->write_at(0, as_bytes(text));
    return file;
  }
  // Leaves a file to be written over.
  void leave(std::string_view text) {
    write("left", text).reset();
    files_->remove(folder_ / "left");
  }

  RealFiles disk_;
  Path folder_;
  std::unique_ptr<RecycledFiles> files_;
};

TEST_F(RecycledFilesTest, AFileThatIsRemovedBecomesTheNextThatIsMade) {
  leave("0123456789");
  EXPECT_THAT(on_disk(), ElementsAre("idle-1"));
  EXPECT_FALSE(files_->exists(folder_ / "left"));
  const auto file = write("next", "abcdefghij");
  EXPECT_THAT(on_disk(), ElementsAre("next"));
  EXPECT_EQ(text_of("next"), "abcdefghij");
}

TEST_F(RecycledFilesTest, NothingOfTheOlderFileIsSeen) {
  leave("0123456789");
  const auto file = write("next", "abc");
  EXPECT_EQ(file->size(), 3U);
  EXPECT_EQ(text_of("next"), "abc");
  std::array<std::byte, 4> four{};
  try {
    file->read_at(0, four);
    FAIL() << "it was read";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Corrupt);
  }
  EXPECT_EQ(files_->open(folder_ / "next")->size(), 3U);
}

TEST_F(RecycledFilesTest, AFileComesBackInTheFolderItWasIn) {
  std::filesystem::create_directories(folder_ / "states");
  leave("0123456789");
  write("states/1", "abc").reset();
  EXPECT_THAT(disk_.list(folder_ / "states"), ElementsAre("1"));
  EXPECT_THAT(on_disk(), testing::Contains("idle-1"));
  files_->remove(folder_ / "states" / "1");
  write("states/2", "x").reset();
  EXPECT_THAT(on_disk(), testing::AllOf(testing::Contains("idle-1"), testing::Not(testing::Contains("idle-2"))));
}

TEST_F(RecycledFilesTest, AGapIsZeroesAndNotWhatTheOlderFileHadThere) {
  leave("0123456789");
  const auto file = write("next", "ab");
  file->write_at(4, as_bytes("cd"));
  EXPECT_EQ(text_of("next"), std::string("ab\0\0cd", 6));
}

TEST_F(RecycledFilesTest, OnDiskTheRestIsGoneWhenTheFileIsSyncedOrClosed) {
  leave("0123456789");
  auto file = write("next", "abc");
  file->sync();
  EXPECT_EQ(std::filesystem::file_size(folder_ / "next"), 3U);
  file.reset();
  leave("0123456789");
  write("closed", "abcd").reset();
  EXPECT_EQ(std::filesystem::file_size(folder_ / "closed"), 4U);
}

TEST_F(RecycledFilesTest, AFileMayBeRenamedWhileItGrows) {
  leave("0123456789");
  const auto file = write("next", "abc");
  files_->rename(folder_ / "next", folder_ / "renamed");
  file->write_at(3, as_bytes("def"));
  EXPECT_EQ(text_of("renamed"), "abcdef");
}

TEST_F(RecycledFilesTest, AFileGrowsBeyondTheOlderOne) {
  leave("0123");
  const auto file = write("next", "ab");
  file->write_at(2, as_bytes("cdefgh"));
  EXPECT_EQ(text_of("next"), "abcdefgh");
}

TEST_F(RecycledFilesTest, OnlySoManyAreKeptAndNoneInTheEnd) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < RecycledFiles::kMaxFiles + 10; ++i) {
    names.push_back(std::to_string(i));
    write(names.back(), "x").reset();
  }
  for (const std::string& name : names) files_->remove(folder_ / name);
  EXPECT_EQ(on_disk().size(), RecycledFiles::kMaxFiles);
  files_.reset();
  EXPECT_THAT(on_disk(), IsEmpty());
}

TEST_F(RecycledFilesTest, WhatACrashedProcessKeptIsRemovedAndNothingElse) {
  write_text_file(folder_ / "idle-7", "old");
  write_text_file(folder_ / "notes", "the operator's");
  files_ = std::make_unique<RecycledFiles>(disk_, folder_);
  EXPECT_THAT(on_disk(), ElementsAre("notes"));
}

TEST_F(RecycledFilesTest, RemovingWhatIsNotThereDoesNothing) {
  files_->remove(folder_ / "nothing");
  EXPECT_THAT(on_disk(), IsEmpty());
}

// A simulated machine that has crashed throws something other than an Error.
TEST(RecycledFilesOnADeadMachine, GoInSilence) {
  SimulatedDisk disk;
  RecycledFiles files(disk, "idle");
  files.create("a")->write_at(0, to_bytes("long"));
  files.remove("a");
  const auto again = files.create("a");
  again->write_at(0, to_bytes("s"));
  files.create("b")->write_at(0, to_bytes("b"));
  files.remove("b");
  disk.crash();
}

}  // namespace
}  // namespace tributary::coordinator
