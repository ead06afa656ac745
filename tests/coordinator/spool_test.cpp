#include "coordinator/spool.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/base/simulated_disk.h"

namespace tributary::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Path kFolder = "spool";

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() { disk_.make_directories(kFolder); }

  static wire::Update announcing(std::uint64_t bytes, std::string_view content = "0123456789") {
    wire::Update update;
    update.round = 7;
    update.blob_bytes = bytes;
    update.checksum = checksum(as_bytes(content));
    return update;
  }
  static wire::Update again(wire::Update update) {
    update.awaits = true;
    return update;
  }
  std::vector<std::string> left_on_disk() const { return disk_.list(kFolder); }

  SimulatedDisk disk_;
};

TEST_F(SpoolTest, ChunksInOrderMakeTheUpload) {
  SpoolFolder folder(disk_, kFolder);
  const auto upload = folder.begin("alice", announcing(10));
  upload->spool.append(0, as_bytes("0123"));
  EXPECT_FALSE(upload->spool.complete());
  upload->spool.append(4, as_bytes("456789"));
  ASSERT_TRUE(upload->spool.complete());
  EXPECT_EQ(as_text(upload->spool.map()->bytes()), "0123456789");
}

TEST_F(SpoolTest, AGapARepetitionAndMoreThanAnnouncedLeaveWhatArrivedAsItWas) {
  SpoolFolder folder(disk_, kFolder);
  const auto upload = folder.begin("alice", announcing(10));
  upload->spool.append(0, as_bytes("0123"));
  EXPECT_THROW(upload->spool.append(5, as_bytes("56")), Error);
  EXPECT_THROW(upload->spool.append(0, as_bytes("0123")), Error);
  EXPECT_THROW(upload->spool.append(4, as_bytes("456789+")), Error);
  EXPECT_EQ(upload->spool.arrived_bytes(), 4U);
  upload->spool.append(4, as_bytes("456789"));
  EXPECT_EQ(as_text(upload->spool.map()->bytes()), "0123456789");
}

TEST_F(SpoolTest, NoFileIsMadeBeforeAByteArrivesAndNoneIsLeft) {
  SpoolFolder folder(disk_, kFolder);
  auto upload = folder.begin("alice", announcing(std::uint64_t{1} << 50));
  EXPECT_THAT(left_on_disk(), IsEmpty());
  upload->spool.append(0, as_bytes("x"));
  EXPECT_EQ(left_on_disk().size(), 1U);
  upload.reset();
  folder.forget("alice");
  EXPECT_THAT(left_on_disk(), IsEmpty());
}

TEST_F(SpoolTest, WhatALostLineLeftIsGoneOnWith) {
  SpoolFolder folder(disk_, kFolder);
  folder.begin("alice", announcing(10))->spool.append(0, as_bytes("0123"));
  const auto upload = folder.begin("alice", again(announcing(10)));
  EXPECT_EQ(upload->spool.arrived_bytes(), 4U);
  upload->spool.append(4, as_bytes("456789"));
  EXPECT_TRUE(upload->intact());
  EXPECT_EQ(as_text(upload->spool.map()->bytes()), "0123456789");
  EXPECT_EQ(left_on_disk().size(), 1U);
}

TEST_F(SpoolTest, WhatAnEarlierProcessLeftIsGoneOnWithButForWhatCounts) {
  {
    SpoolFolder folder(disk_, kFolder);
    folder.begin("alice", announcing(10))->spool.append(0, as_bytes("0123"));
    folder.begin("bob.b", announcing(10))->spool.append(0, as_bytes("0123"));
  }
  const auto left = left_on_disk();
  ASSERT_EQ(left.size(), 2U);
  SpoolFolder folder(disk_, kFolder);
  folder.adopt(7, {left[1]});
  EXPECT_EQ(folder.begin("alice", again(announcing(10)))->spool.arrived_bytes(), 4U);
  EXPECT_EQ(folder.begin("bob.b", again(announcing(10)))->spool.arrived_bytes(), 0U);
}

TEST_F(SpoolTest, AnotherUpdateOneThatDoesNotWaitAndOneThatIsStillReadBeginAnew) {
  SpoolFolder folder(disk_, kFolder);
  folder.begin("alice", announcing(10))->spool.append(0, as_bytes("0123"));
  EXPECT_EQ(folder.begin("alice", announcing(10))->spool.arrived_bytes(), 0U);
  folder.begin("alice", announcing(10))->spool.append(0, as_bytes("0123"));
  EXPECT_EQ(folder.begin("alice", again(announcing(10, "other")))->spool.arrived_bytes(), 0U);
  const auto read = folder.begin("alice", announcing(10));
  read->spool.append(0, as_bytes("0123"));
  EXPECT_EQ(folder.begin("alice", again(announcing(10)))->spool.arrived_bytes(), 0U);
}

TEST_F(SpoolTest, OneBitElsewhereIsNotWhatWasAnnounced) {
  SpoolFolder folder(disk_, kFolder);
  const auto upload = folder.begin("alice", announcing(10));
  upload->spool.append(0, as_bytes("0123456788"));
  ASSERT_TRUE(upload->spool.complete());
  EXPECT_FALSE(upload->intact());
}

TEST_F(SpoolTest, FilesOfAnotherKindStayAsTheyAre) {
  disk_.create(kFolder / "notes");
  disk_.create(kFolder / "7.a.b");
  SpoolFolder folder(disk_, kFolder);
  folder.adopt(7, {});
  EXPECT_THAT(left_on_disk(), ElementsAre("7.a.b", "notes"));
}

TEST_F(SpoolTest, AFullDiskIsUnavailableNotThePeersFault) {
  SpoolFolder folder(disk_, kFolder);
  const auto upload = folder.begin("alice", announcing(10));
  disk_.fail_from(0);
  try {
    upload->spool.append(0, as_bytes("0123"));
    FAIL() << "it was written";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Unavailable);
  }
}

}  // namespace
}  // namespace tributary::coordinator
