#include "coordinator/store/log.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/base/simulated_disk.h"

namespace tributary::coordinator::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Loss = SimulatedDisk::Loss;

class LogTest : public testing::Test {
 protected:
  void create(std::vector<std::string> entries) {
    log_ = Log::create(disk_, kPath, Durability::Synced, bytes(entries));
  }
  void append(std::vector<std::string> entries) { log_->append(bytes(entries)); }
  // What is read when it is opened anew.
  std::vector<std::string> reopen() {
    std::vector<std::string> entries;
    log_.reset();
    log_ = Log::open(disk_, kPath, Durability::Synced, [&](ByteSpan entry) { entries.emplace_back(as_text(entry)); });
    return entries;
  }
  std::string failure_of_reopening() {
    try {
      reopen();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Error::Kind::Corrupt);
      return e.what();
    }
    return "";
  }
  std::uint64_t size() const { return disk_.map(kPath)->bytes().size(); }
  void flip(std::uint64_t byte) { disk_.flip(kPath, byte, 5); }

  static std::vector<Bytes> bytes(const std::vector<std::string>& entries) {
    std::vector<Bytes> all;
    for (const std::string& each : entries) all.push_back(to_bytes(each));
    return all;
  }

  const Path kPath = "d/log";
  SimulatedDisk disk_;
  std::optional<Log> log_;
};

TEST_F(LogTest, GivesBackWhatWasAppendedInOrder) {
  create({"a", ""});
  append({"bcd"});
  append({std::string(1000, 'x'), "e"});
  EXPECT_THAT(reopen(), ElementsAre("a", "", "bcd", std::string(1000, 'x'), "e"));
  append({"f"});
  EXPECT_THAT(reopen(), ElementsAre("a", "", "bcd", std::string(1000, 'x'), "e", "f"));
}

TEST_F(LogTest, IsDurableWhenItHasReturned) {
  create({"a"});
  append({"b"});
  RandomStream random(1, "log");
  disk_.restart(Loss::Everything, random);
  EXPECT_THAT(reopen(), ElementsAre("a", "b"));
}

TEST_F(LogTest, WhatOpeningItHasReadIsDurableEvenIfTheAppendWasNot) {
  create({"a"});
  disk_.sync_directory("d");
  disk_.fail_at(disk_.operations() + 1);  // written, not synced
  EXPECT_THROW(append({"b"}), Error);
  EXPECT_THAT(reopen(), ElementsAre("a", "b"));
  RandomStream random(1, "power");
  disk_.restart(Loss::Everything, random);
  EXPECT_THAT(reopen(), ElementsAre("a", "b"));
}

TEST_F(LogTest, ThatWasNeverThereIsNone) {
  EXPECT_THAT(reopen(), IsEmpty());
  EXPECT_FALSE(log_);
  disk_.create(kPath)->write_at(0, as_bytes("TRIBLOG1 and no more"));
  EXPECT_THAT(reopen(), IsEmpty());
  EXPECT_FALSE(log_);
}

// The claim of the header: whatever a crash leaves of an append, what was promised before is there, and what is there
// of the new one is all of it or nothing.
TEST_F(LogTest, AnAppendThatACrashTearsIsThereAsAWholeOrNotAtAll) {
  std::size_t whole = 0, gone = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    disk_ = SimulatedDisk();
    create({"a", std::string(700, 'b')});
    disk_.crash_at(disk_.operations() + 1);  // written, not synced
    EXPECT_THROW(append({std::string(900, 'c'), "d"}), SimulatedDisk::Crashed);
    RandomStream random(seed, "torn");
    disk_.restart(Loss::Torn, random);
    const auto entries = reopen();
    ASSERT_TRUE(entries.size() == 2 || entries.size() == 4) << "seed " << seed;
    (entries.size() == 4 ? whole : gone) += 1;
    append({"e"});
    ASSERT_EQ(reopen().size(), entries.size() + 1) << "seed " << seed;
  }
  EXPECT_GT(whole, 3U);
  EXPECT_GT(gone, 100U);
}

TEST_F(LogTest, ACrashWhileTheEndIsMendedLosesNothing) {
  create({"a"});
  append({std::string(900, 'b')});
  disk_.flip(kPath, size() / 3, 1);  // in the first copy of the second frame
  const std::uint64_t begun = disk_.operations();
  for (std::uint64_t step = 0; step < 6; ++step) {
    disk_.crash_at(disk_.operations() + step);
    try {
      reopen();
    } catch (const SimulatedDisk::Crashed&) {
    }
    RandomStream random(step, "mend");
    disk_.restart(Loss::Torn, random);
  }
  EXPECT_GT(disk_.operations(), begun);
  EXPECT_THAT(reopen(), ElementsAre("a", std::string(900, 'b')));
}

// Every bit of a log, one after the other.
TEST_F(LogTest, AChangedBitIsDetectedOrHarmless) {
  create({"run"});
  append({"one", "two"});
  append({"three"});
  const auto expected = reopen();
  const std::uint64_t bytes = size();
  std::size_t detected = 0, harmless = 0;
  for (std::uint64_t at = 0; at < bytes; ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      disk_ = SimulatedDisk();
      create({"run"});
      append({"one", "two"});
      append({"three"});
      disk_.flip(kPath, at, bit);
      const std::string failure = [&] {
        try {
          EXPECT_EQ(reopen(), expected) << "byte " << at << " bit " << bit;
        } catch (const Error& e) {
          return std::string(e.what());
        }
        return std::string();
      }();
      if (failure.empty()) {
        ++harmless;
      } else {
        EXPECT_THAT(failure, HasSubstr("d/log: damaged"));
        ++detected;
      }
    }
  }
  EXPECT_GT(detected, harmless);
}

TEST_F(LogTest, DamageBeforeTheEndIsNamedAndNothingIsShortened) {
  create({"a"});
  append({"b"});
  append({"c"});
  const std::uint64_t whole = size();
  flip(30);
  EXPECT_THAT(failure_of_reopening(), HasSubstr("d/log: damaged at byte 0"));
  EXPECT_EQ(size(), whole);
}

TEST_F(LogTest, AMissingMiddleIsDamageToo) {
  create({"a"});
  append({"b"});
  append({"c"});
  const auto image = disk_.map(kPath);
  const ByteSpan all = image->bytes();
  const std::size_t one = all.size() / 3;
  Bytes cut(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(one));
  cut.insert(cut.end(), all.begin() + static_cast<std::ptrdiff_t>(2 * one), all.end());
  disk_.create(kPath)->write_at(0, cut);
  EXPECT_THAT(failure_of_reopening(), HasSubstr("damaged"));
}

// A peer that knows the format cannot make an entry that is taken for a frame.
TEST_F(LogTest, WhatLooksLikeAFrameWithinAnEntryIsNone) {
  create({"a"});
  const std::string frame(as_text(disk_.map(kPath)->bytes()));
  disk_ = SimulatedDisk();
  create({"first"});
  append({frame + frame});
  const std::uint64_t whole = size();
  // Both copies lose their beginnings, as if torn.
  const std::uint64_t begin = [&] {
    SimulatedDisk other;
    Log::create(other, kPath, Durability::Synced, bytes({"first"}));
    return other.map(kPath)->bytes().size();
  }();
  flip(begin);
  flip(begin + (whole - begin) / 2);
  EXPECT_THAT(reopen(), ElementsAre("first"));
}

}  // namespace
}  // namespace tributary::coordinator::store
