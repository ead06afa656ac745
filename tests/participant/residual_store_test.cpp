#include "participant/residual_store.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <unistd.h>

#include "common/base/error.h"

namespace tributary::participant {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ResidualStoreTest : public ::testing::TestWithParam<bool> {
 protected:
  ~ResidualStoreTest() override { std::filesystem::remove_all(folder_); }
  bool on_disk() const { return GetParam(); }
  ResidualStore store(const std::string& name = "alice") { return {files_, on_disk() ? folder_ : Path(), name}; }

  static std::vector<float> values(const std::shared_ptr<const std::vector<float>>& residual) {
    return residual ? *residual : std::vector<float>();
  }

  RealFiles files_;
  Path folder_ =
      std::filesystem::temp_directory_path() / ("tributary-residuals-" + std::to_string(getpid()) +
                                                std::to_string(::testing::UnitTest::GetInstance()->random_seed()));
  ResidualKey key_{"run-1", sha256(as_bytes("layout")), 3};
};

TEST_P(ResidualStoreTest, WhatWasCommittedIsLoaded) {
  ResidualStore alice = store();
  EXPECT_THAT(values(alice.load(key_)), IsEmpty());
  alice.commit(key_, 1, {1, -2, 0.5f});
  EXPECT_THAT(values(alice.load(key_)), ElementsAre(1, -2, 0.5f));
  alice.commit(key_, 2, {4, 5, 6});
  EXPECT_THAT(values(alice.load(key_)), ElementsAre(4, 5, 6));
}

TEST_P(ResidualStoreTest, CommittingNothingForgets) {
  ResidualStore alice = store();
  alice.commit(key_, 1, {1, 2, 3});
  alice.commit(key_, 2, {});
  EXPECT_THAT(values(alice.load(key_)), IsEmpty());
}

TEST_P(ResidualStoreTest, AnotherRunOrLayoutDropsIt) {
  for (const ResidualKey& other :
       {ResidualKey{"run-2", key_.layout, 3}, ResidualKey{"run-1", sha256(as_bytes("other")), 3}}) {
    ResidualStore alice = store();
    alice.commit(key_, 1, {1, 2, 3});
    EXPECT_THAT(values(alice.load(other)), IsEmpty());
    EXPECT_THAT(values(alice.load(key_)), IsEmpty()) << "dropped, not hidden";
  }
}

TEST_P(ResidualStoreTest, OnlyTheDiskSurvives) {
  store().commit(key_, 1, {1, 2, 3});
  EXPECT_EQ(values(store().load(key_)).size(), on_disk() ? 3u : 0u);
  EXPECT_THAT(values(store("bob").load(key_)), IsEmpty());
}

class ResidualsOnDisk : public ResidualStoreTest {};

TEST_P(ResidualsOnDisk, AFlippedBitOrAShortenedFileIsCorrupt) {
  store().commit(key_, 1, {1, 2, 3});
  const Path path = folder_ / "alice.residual";
  const Bytes whole = read_file(path, 1000);
  const auto is_corrupt = [&](const Bytes& bytes) {
    files_.create(path)->write_at(0, bytes);
    try {
      store().load(key_);
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("alice.residual"));
      return e.kind() == Error::Kind::Corrupt;
    }
    return false;
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes flipped = whole;
    flipped[i] ^= std::byte{4};
    EXPECT_TRUE(is_corrupt(flipped)) << i;
    EXPECT_TRUE(is_corrupt(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(i)))) << i;
  }
}

// Lengths that lie under a digest that does not.
TEST_P(ResidualsOnDisk, AFileThatContradictsItselfIsCorrupt) {
  ByteWriter out;
  out.put_bytes(as_bytes("TRIBRES1"));
  out.put(std::uint32_t{1000});
  out.put_bytes(as_bytes("run-1"));
  out.put_bytes(sha256(out.bytes()).bytes);
  files_.make_directories(folder_);
  files_.create(folder_ / "alice.residual")->write_at(0, out.bytes());
  try {
    store().load(key_);
    FAIL() << "it was read";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Corrupt) << e.what();
    EXPECT_THAT(e.what(), HasSubstr("alice.residual"));
  }
}

INSTANTIATE_TEST_SUITE_P(Places, ResidualStoreTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "Disk" : "Memory"; });

INSTANTIATE_TEST_SUITE_P(Places, ResidualsOnDisk, ::testing::Values(true));

}  // namespace
}  // namespace tributary::participant
