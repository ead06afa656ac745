#include "coordinator/store/model_state.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/base/simulated_disk.h"

namespace tributary::coordinator::store {
namespace {

using testing::HasSubstr;

class ModelStateTest : public testing::Test {
 protected:
  ModelStateTest() {
    state_.round = 12;
    state_.layout = sha256(as_bytes("layout"));
    state_.edges = {sha256(as_bytes("present")), sha256(as_bytes("earlier"))};
    state_.global = {1.5F, -2.25F, 0.0F};
    state_.velocity = {0.5F};
    state_.residual = {};
    state_.scales = {{0.25F, 0.5F}, {}};
  }
  void write() {
    write_state(
        disk_, kPath,
        {state_.round, state_.layout, state_.edges, state_.global, state_.velocity, state_.residual, state_.scales},
        Durability::Synced);
  }

  const Path kPath = "states/12";
  SimulatedDisk disk_;
  ModelState state_;
};

TEST_F(ModelStateTest, ReadsBackAsItWasAlsoAfterThePowerWasLost) {
  write();
  RandomStream random(1, "state");
  disk_.restart(SimulatedDisk::Loss::Everything, random);
  const ModelState read = read_state(disk_, kPath);
  EXPECT_EQ(read.round, state_.round);
  EXPECT_EQ(read.layout, state_.layout);
  EXPECT_EQ(read.edges, state_.edges);
  EXPECT_EQ(read.global, state_.global);
  EXPECT_EQ(read.velocity, state_.velocity);
  EXPECT_EQ(read.residual, state_.residual);
  EXPECT_EQ(read.scales, state_.scales);
}

TEST_F(ModelStateTest, AnyChangedBitAndAnyMissingByteAreNamed) {
  write();
  const std::uint64_t bytes = disk_.map(kPath)->bytes().size();
  const auto failure = [&]() -> std::string {
    try {
      read_state(disk_, kPath);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Error::Kind::Corrupt);
      return e.what();
    }
    return "";
  };
  for (std::uint64_t at = 0; at < bytes; ++at) {
    disk_.flip(kPath, at, at % 8);
    EXPECT_THAT(failure(), HasSubstr("states/12: damaged")) << at;
    disk_.flip(kPath, at, at % 8);
  }
  EXPECT_EQ(failure(), "");
  for (std::uint64_t size = 0; size < bytes; ++size) {
    write();
    disk_.open(kPath)->truncate(size);
    EXPECT_THAT(failure(), HasSubstr("states/12: damaged")) << size;
  }
}

TEST_F(ModelStateTest, AWriteThatACrashInterruptsLeavesTheOneBefore) {
  write();
  state_.global[0] = 99;
  const std::uint64_t begun = disk_.operations();
  write();
  const std::uint64_t steps = disk_.operations() - begun;
  for (std::uint64_t step = 0; step < steps; ++step) {
    state_.global[0] = 1;
    write();
    state_.global[0] = 2;
    disk_.crash_at(disk_.operations() + step);
    EXPECT_THROW(write(), SimulatedDisk::Crashed);
    RandomStream random(step, "state");
    disk_.restart(SimulatedDisk::Loss::Torn, random);
    const float first = read_state(disk_, kPath).global[0];
    EXPECT_TRUE(first == 1 || first == 2) << first;
  }
}

}  // namespace
}  // namespace tributary::coordinator::store
