#include "common/learn/prequential.h"

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "common/learn/adwin.h"

namespace tributary::learn {
namespace {

class PrequentialTest : public ::testing::Test {
 protected:
  void see(std::uint32_t label, std::uint32_t predicted, double loss = 0) {
    prequential.add({label, predicted, loss, baselines.no_change(), baselines.majority()});
    baselines.learn(label);
  }
  Prequential prequential{0.5};
  Baselines baselines;
};

TEST_F(PrequentialTest, FiguresAreThoseReckonedByHand) {
  see(0, 0, 0.1);
  see(1, 0, 1.0);
  see(1, 1, 0.2);
  see(1, 1, 0.3);
  const auto figures = prequential.figures();
  EXPECT_EQ(figures.examples, 4u);
  EXPECT_DOUBLE_EQ(figures.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(figures.loss, 0.4);
  // Weights 1/8, 1/4, 1/2, 1.
  EXPECT_DOUBLE_EQ(figures.fading_accuracy, (0.125 + 0 + 0.5 + 1) / 1.875);
  // Chance: 1/4 * 1/2 + 3/4 * 1/2 = 1/2.
  EXPECT_DOUBLE_EQ(figures.kappa, (0.75 - 0.5) / 0.5);
  EXPECT_DOUBLE_EQ(figures.no_change, 0.5) << "the first example has no label before it";
  EXPECT_DOUBLE_EQ(figures.majority, 0.25) << "0 leads until the third example is learnt";
}

TEST_F(PrequentialTest, ConstantAnswersHaveAKappaOfZero) {
  for (int i = 0; i < 10; ++i) see(i % 2 == 0 ? 0 : 1, 0);
  EXPECT_DOUBLE_EQ(prequential.figures().kappa, 0);
  EXPECT_DOUBLE_EQ(Prequential().figures().kappa, 0) << "nothing was seen";
}

TEST_F(PrequentialTest, RegretIsAgainstTheBestExit) {
  const std::vector<std::uint32_t> said{1, 0};
  const std::vector<double> losses{0.2, 0.9};
  for (int i = 0; i < 10; ++i) prequential.add({1, i < 8 ? 1u : 0u, 0.3, std::nullopt, std::nullopt, said, losses});
  const auto figures = prequential.figures();
  EXPECT_EQ(figures.best_exit, 0u);
  EXPECT_NEAR(figures.regret_loss, 1.0, 1e-9);
  EXPECT_DOUBLE_EQ(figures.regret_errors, 2);
  EXPECT_DOUBLE_EQ(figures.exit_accuracy[0], 1);
  EXPECT_DOUBLE_EQ(figures.exit_accuracy[1], 0);
}

// Coin tosses of a given chance.
struct Coin {
  RandomStream random;
  explicit Coin(std::uint64_t seed) : random(seed, "coin") {}
  double toss(double chance) { return random.uniform() < chance ? 1.0 : 0.0; }
};

TEST(AdwinTest, AnAbruptRiseIsFoundSoonAndTheOldPartIsDropped) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Adwin adwin;
    Coin coin(seed);
    for (int i = 0; i < 5000; ++i) EXPECT_NE(adwin.add(coin.toss(0.1)), Change::Rise) << "seed " << seed;
    int delay = 0;
    while (adwin.add(coin.toss(0.3)) != Change::Rise) ASSERT_LT(++delay, 500) << "seed " << seed;
    for (int i = 0; i < 1000; ++i) adwin.add(coin.toss(0.3));
    EXPECT_NEAR(adwin.mean(), 0.3, 0.06);
  }
}

TEST(AdwinTest, AFallIsTold) {
  Adwin adwin;
  Coin coin(3);
  for (int i = 0; i < 2000; ++i) adwin.add(coin.toss(0.5));
  Change change = Change::None;
  for (int i = 0; i < 1000 && change == Change::None; ++i) change = adwin.add(coin.toss(0.2));
  EXPECT_EQ(change, Change::Fall);
}

TEST(AdwinTest, AStationaryStreamHasAtMostOneAlarmInAHundredThousand) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Adwin adwin;
    Coin coin(seed);
    int alarms = 0;
    for (int i = 0; i < 100000; ++i) alarms += adwin.add(coin.toss(0.2)) == Change::Rise;
    EXPECT_LE(alarms, 1) << "seed " << seed;
  }
}

TEST(AdwinTest, MemoryGrowsWithTheLogarithmOfTheWindow) {
  Adwin adwin;
  for (int i = 0; i < 1 << 17; ++i) adwin.add(0.25);
  EXPECT_EQ(adwin.width(), 1u << 17);
  EXPECT_DOUBLE_EQ(adwin.mean(), 0.25);
  EXPECT_LE(adwin.buckets(), 17u * 5);
}

}  // namespace
}  // namespace tributary::learn
