// What a round takes from a stream, and what becomes of it.

#include "participant/stream_source.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/error.h"

namespace tributary::participant {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Numbers 0, 1, 2, ... as far as somebody has let them come; their labels are whether they are odd.
class Counter final : public data::ExampleStream {
 public:
  Counter(const std::uint64_t& there, std::uint64_t at = 0) : there_(there), at_(at) {}
  std::size_t features() const override { return 1; }
  std::uint32_t classes() const override { return 2; }
  data::Next next(std::span<float> features, float& label) override {
    if (at_ == there_) return data::Next::Nothing;
    features[0] = static_cast<float>(at_);
    label = static_cast<float>(at_++ % 2);
    return data::Next::Example;
  }
  std::string position() const override { return std::to_string(at_); }

 private:
  const std::uint64_t& there_;
  std::uint64_t at_;
};

class StreamSourceTest : public ::testing::Test {
 protected:
  StreamSourceTest()
      : state(std::filesystem::temp_directory_path() / ("stream" + std::to_string(::getpid()) + ".state")) {}
  ~StreamSourceTest() override { std::filesystem::remove(state); }

  static StreamRounds rounds(std::uint32_t examples, const std::string& keep = "all") {
    StreamRounds rounds;
    rounds.examples = examples;
    rounds.keep = keep;
    rounds.standardize = false;
    return rounds;
  }
  void open(const StreamRounds& rounds) { source = stream_examples(std::make_unique<Counter>(there), rounds, files); }
  // As a program does that starts with a state from before.
  void reopen(const StreamRounds& rounds) {
    const std::string position = stream_position(files, state);
    source = stream_examples(std::make_unique<Counter>(there, position.empty() ? 0 : std::stoull(position)), rounds,
                             files, state);
  }
  std::vector<float> take() {
    const auto view = source->examples(1);
    if (!view) return {};
    std::vector<float> features(view->size() * view->dataset->feature_size()), labels(view->size());
    view->dataset->read(view->indices, features, labels);
    return features;
  }
  std::vector<float> learn() {
    auto taken = take();
    source->settled(1, true);
    return taken;
  }

  std::uint64_t there = 0;
  RealFiles files;
  Path state;
  std::unique_ptr<ExampleSource> source;
};

TEST_F(StreamSourceTest, ARoundTakesWhatHasComeSinceTheLastOneInItsOrder) {
  open(rounds(3));
  EXPECT_THAT(take(), IsEmpty()) << "nothing new: declined";
  there = 2;
  EXPECT_THAT(learn(), ElementsAre(0, 1));
  EXPECT_THAT(take(), IsEmpty());
  there = 7;
  EXPECT_THAT(learn(), ElementsAre(2, 3, 4));
  EXPECT_THAT(learn(), ElementsAre(5, 6));
}

TEST_F(StreamSourceTest, WhatWasNotAcceptedIsLearntInTheNextRound) {
  open(rounds(2));
  there = 5;
  EXPECT_THAT(take(), ElementsAre(0, 1));
  source->settled(1, false);
  EXPECT_THAT(learn(), ElementsAre(0, 1));
  EXPECT_THAT(learn(), ElementsAre(2, 3));
}

TEST_F(StreamSourceTest, FewerThanTheLeastAreWaitedWith) {
  auto asked = rounds(4);
  asked.least = 3;
  open(asked);
  there = 2;
  EXPECT_THAT(take(), IsEmpty());
  there = 3;
  EXPECT_THAT(learn(), ElementsAre(0, 1, 2));
}

TEST_F(StreamSourceTest, EachPolicyKeepsWhatItSays) {
  open(rounds(3, "newest"));
  there = 10;
  EXPECT_THAT(learn(), ElementsAre(7, 8, 9));
  EXPECT_THAT(take(), IsEmpty());

  open(rounds(3, "window"));
  EXPECT_THAT(learn(), ElementsAre(7, 8, 9));
  EXPECT_THAT(take(), IsEmpty()) << "nothing is new";
  there = 11;
  EXPECT_THAT(learn(), ElementsAre(8, 9, 10));
}

TEST_F(StreamSourceTest, AReservoirIsAUniformSampleInTheOrderOfTime) {
  there = 100;
  std::vector<int> chosen(100);
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    auto asked = rounds(20, "reservoir");
    asked.seed = seed;
    open(asked);
    const auto taken = take();
    ASSERT_EQ(taken.size(), 20u);
    EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end()));
    for (const float value : taken) ++chosen[static_cast<std::size_t>(value)];
  }
  int early = 0, late = 0;
  for (std::size_t i = 0; i < 50; ++i) early += chosen[i], late += chosen[50 + i];
  EXPECT_NEAR(early, 5000, 250);
  EXPECT_NEAR(late, 5000, 250);
}

TEST_F(StreamSourceTest, ALaterRunGoesOnBehindWhatWasAccepted) {
  there = 6;
  reopen(rounds(2));
  EXPECT_THAT(learn(), ElementsAre(0, 1));
  EXPECT_THAT(take(), ElementsAre(2, 3)) << "and the program dies";
  reopen(rounds(2));
  EXPECT_THAT(learn(), ElementsAre(2, 3));
  EXPECT_THAT(learn(), ElementsAre(4, 5));
}

TEST_F(StreamSourceTest, TheScaleIsThatOfItsWindowAfterARestartToo) {
  StreamRounds scaled = rounds(3);
  scaled.standardize = true;
  scaled.scale_window = 4;
  there = 12;
  std::vector<float> whole, parts;
  open(scaled);
  while (whole.size() < 12) std::ranges::copy(learn(), std::back_inserter(whole));
  while (parts.size() < 12) {
    reopen(scaled);
    std::ranges::copy(learn(), std::back_inserter(parts));
  }
  EXPECT_EQ(parts, whole);
  EXPECT_FLOAT_EQ(whole[11], 1.5f / std::sqrt(1.25f)) << "11 among 8 to 11";
  scaled.scale_window = 5;
  EXPECT_THROW(reopen(scaled), Error);
}

TEST_F(StreamSourceTest, ADamagedStateIsNotGuessedAt) {
  there = 6;
  reopen(rounds(2));
  learn();
  std::string text = read_text_file(state);
  text[text.size() / 2] ^= 1;
  write_text_file(state, text);
  try {
    reopen(rounds(2));
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Corrupt);
    EXPECT_THAT(error.what(), HasSubstr(state.string()));
  }
}

TEST_F(StreamSourceTest, TheLastLabelIsOneMoreFeature) {
  auto asked = rounds(3);
  asked.last_label = true;
  open(asked);
  there = 3;
  EXPECT_THAT(learn(), ElementsAre(0, -1, 1, -1, 2, 1));
}

}  // namespace
}  // namespace tributary::participant
