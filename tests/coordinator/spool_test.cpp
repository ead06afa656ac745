#include "coordinator/spool.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <unistd.h>

#include "common/base/error.h"

namespace tributary::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The disk, which can be full.
class FullableFiles final : public Files {
 public:
  std::unique_ptr<File> create(const Path& path) override {
    if (full) fail(Error::Kind::Unavailable, path.string() + ": no space left on device");
    return real_.create(path);
  }
  std::unique_ptr<File> open(const Path& path) override { return real_.open(path); }
  std::unique_ptr<MappedFile> map(const Path& path) const override { return real_.map(path); }
  bool exists(const Path& path) const override { return real_.exists(path); }
  std::vector<std::string> list(const Path& directory) const override { return real_.list(directory); }
  void make_directories(const Path& directory) override { real_.make_directories(directory); }
  void rename(const Path& from, const Path& to) override { real_.rename(from, to); }
  void remove(const Path& path) override { real_.remove(path); }
  void sync_directory(const Path& directory) override { real_.sync_directory(directory); }

  bool full = false;

 private:
  RealFiles real_;
};

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    scratch_ = std::filesystem::temp_directory_path() / ("tributary-spool-" + std::to_string(::getpid()));
    std::filesystem::remove_all(scratch_);
  }
  ~SpoolTest() override { std::filesystem::remove_all(scratch_); }

  static wire::Update announcing(std::uint64_t bytes) {
    wire::Update update;
    update.blob_bytes = bytes;
    return update;
  }
  std::vector<std::string> left_on_disk() const { return files_.list(scratch_); }

  FullableFiles files_;
  Path scratch_;
};

TEST_F(SpoolTest, ChunksInOrderMakeTheUpload) {
  SpoolFolder folder(files_, scratch_);
  const auto upload = folder.begin(announcing(10));
  upload->spool.append(0, as_bytes("0123"));
  EXPECT_FALSE(upload->spool.complete());
  upload->spool.append(4, as_bytes("456789"));
  ASSERT_TRUE(upload->spool.complete());
  EXPECT_EQ(as_text(upload->spool.map()->bytes()), "0123456789");
}

TEST_F(SpoolTest, AGapARepetitionAndMoreThanAnnouncedLeaveWhatArrivedAsItWas) {
  SpoolFolder folder(files_, scratch_);
  const auto upload = folder.begin(announcing(10));
  upload->spool.append(0, as_bytes("0123"));
  EXPECT_THROW(upload->spool.append(5, as_bytes("56")), Error);
  EXPECT_THROW(upload->spool.append(0, as_bytes("0123")), Error);
  EXPECT_THROW(upload->spool.append(4, as_bytes("456789+")), Error);
  EXPECT_EQ(upload->spool.arrived_bytes(), 4U);
  upload->spool.append(4, as_bytes("456789"));
  EXPECT_EQ(as_text(upload->spool.map()->bytes()), "0123456789");
}

TEST_F(SpoolTest, NoFileIsMadeBeforeAByteArrivesAndNoneIsLeft) {
  SpoolFolder folder(files_, scratch_);
  auto upload = folder.begin(announcing(std::uint64_t{1} << 50));
  EXPECT_THAT(left_on_disk(), IsEmpty());
  upload->spool.append(0, as_bytes("x"));
  EXPECT_EQ(left_on_disk().size(), 1U);
  upload.reset();
  EXPECT_THAT(left_on_disk(), IsEmpty());
}

TEST_F(SpoolTest, WhatACrashedProcessLeftIsRemovedAndNothingElse) {
  files_.make_directories(scratch_);
  write_text_file(scratch_ / "upload-7", "half");
  write_text_file(scratch_ / "notes", "the operator's");
  SpoolFolder folder(files_, scratch_);
  EXPECT_THAT(left_on_disk(), ElementsAre("notes"));
}

TEST_F(SpoolTest, AFullDiskIsUnavailableNotThePeersFault) {
  SpoolFolder folder(files_, scratch_);
  const auto upload = folder.begin(announcing(10));
  files_.full = true;
  try {
    upload->spool.append(0, as_bytes("0123"));
    FAIL() << "it was written";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Unavailable);
  }
}

}  // namespace
}  // namespace tributary::coordinator
