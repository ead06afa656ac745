#include "common/base/simulated_disk.h"

#include <gmock/gmock.h>

#include "common/base/error.h"

namespace tributary {
namespace {

using testing::ElementsAre;
using Loss = SimulatedDisk::Loss;

class SimulatedDiskTest : public testing::Test {
 protected:
  void write(const char* path, std::string_view text) { disk_.create(path)->write_at(0, as_bytes(text)); }
  std::string read(const char* path) { return std::string(as_text(disk_.map(path)->bytes())); }
  void restart(Loss loss) {
    RandomStream random(3, "disk");
    disk_.restart(loss, random);
  }

  SimulatedDisk disk_;
};

TEST_F(SimulatedDiskTest, HoldsWhatWasWritten) {
  write("d/a", "one");
  const auto file = disk_.open("d/a");
  file->write_at(2, as_bytes("ly"));
  EXPECT_EQ(read("d/a"), "only");
  file->truncate(2);
  EXPECT_EQ(read("d/a"), "on");
  disk_.rename("d/a", "d/b");
  EXPECT_THAT(disk_.list("d"), ElementsAre("b"));
  disk_.remove("d/b");
  EXPECT_FALSE(disk_.exists("d/b"));
  EXPECT_THROW(disk_.open("d/b"), Error);
  EXPECT_THROW(disk_.list("nowhere"), Error);
}

TEST_F(SimulatedDiskTest, AKilledProcessLosesNothing) {
  write("d/a", "one");
  restart(Loss::Nothing);
  EXPECT_EQ(read("d/a"), "one");
}

TEST_F(SimulatedDiskTest, WithoutPowerBytesNeedTheirSyncAndNamesThatOfTheirFolder) {
  write("d/bytes", "x");
  disk_.open("d/bytes")->sync();
  write("d/name", "x");
  restart(Loss::Everything);
  EXPECT_FALSE(disk_.exists("d/bytes"));
  write("d/both", "x");
  disk_.open("d/both")->sync();
  write("d/name", "x");
  disk_.sync_directory("d");
  disk_.open("d/both")->write_at(0, as_bytes("y"));
  restart(Loss::Everything);
  EXPECT_EQ(read("d/both"), "x");
  EXPECT_EQ(read("d/name"), "");
}

TEST_F(SimulatedDiskTest, ATornWriteLeavesSomeSectors) {
  write("d/a", std::string(512 * 64, 'a'));
  disk_.open("d/a")->sync();
  disk_.sync_directory("d");
  disk_.open("d/a")->write_at(0, as_bytes(std::string(512 * 64, 'b')));
  restart(Loss::Torn);
  const std::string left = read("d/a");
  ASSERT_EQ(left.size(), 512U * 64);
  std::size_t written = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::string sector = left.substr(512 * i, 512);
    EXPECT_TRUE(sector == std::string(512, 'a') || sector == std::string(512, 'b'));
    written += sector[0] == 'b' ? 1 : 0;
  }
  EXPECT_GT(written, 8U);
  EXPECT_LT(written, 56U);
}

TEST_F(SimulatedDiskTest, FaultsComeWhereTheyArePlanned) {
  const auto file = disk_.create("d/a");
  disk_.fail_at(2);
  file->write_at(0, as_bytes("x"));
  EXPECT_THROW(file->sync(), Error);
  file->sync();
  disk_.crash_at(disk_.operations());
  EXPECT_THROW(file->sync(), SimulatedDisk::Crashed);
  EXPECT_THROW(file->size(), SimulatedDisk::Crashed);
  restart(Loss::Nothing);
  EXPECT_EQ(read("d/a"), "x");
}

}  // namespace
}  // namespace tributary
