#include "common/data/partition.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include <gmock/gmock.h>

#include "tests/data/support.h"

namespace tributary::data {
namespace {

using ::testing::HasSubstr;
using Parts = std::vector<std::vector<std::uint32_t>>;

// `size` examples whose labels take turns.
DatasetPtr examples(std::uint32_t size, std::uint32_t classes) {
  std::vector<float> labels(size);
  for (std::uint32_t i = 0; i < size; ++i) labels[i] = static_cast<float>(i % classes);
  return in_memory({1}, std::vector<float>(size, 1.0f), labels, classes);
}

const DatasetPtr& digits() {
  static const DatasetPtr data = examples(6000, 10);
  return data;
}

std::vector<std::uint32_t> counts(const Dataset& data, const std::vector<std::uint32_t>& part) {
  std::vector<std::uint32_t> counts(data.classes());
  for (const std::uint32_t i : part) ++counts[data.label_of(i)];
  return counts;
}

std::vector<std::size_t> sorted_sizes(const Parts& parts) {
  std::vector<std::size_t> sizes;
  for (const auto& part : parts) sizes.push_back(part.size());
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

// The mean over participants of the largest share that one class has in what they hold.
double concentration(const Dataset& data, const Parts& parts) {
  double sum = 0;
  for (const auto& part : parts) {
    const auto held = counts(data, part);
    sum += double(*std::max_element(held.begin(), held.end())) / double(part.size());
  }
  return sum / double(parts.size());
}

class EverySpecification : public ::testing::TestWithParam<const char*> {};

TEST_P(EverySpecification, HandsOutEveryExampleOnceAndSomethingToEverybody) {
  for (const std::uint32_t participants : {1u, 2u, 7u, 100u}) {
    const Parts parts = partition(*digits(), GetParam(), participants, 5);
    ASSERT_EQ(parts.size(), participants);
    std::vector<int> holders(digits()->size());
    for (const auto& part : parts) {
      EXPECT_FALSE(part.empty());
      EXPECT_TRUE(std::is_sorted(part.begin(), part.end()));
      for (const std::uint32_t i : part) ++holders.at(i);
    }
    EXPECT_EQ(std::count(holders.begin(), holders.end(), 1), digits()->size()) << participants;
  }
}

TEST_P(EverySpecification, IsDecidedByTheSeed) {
  const Parts first = partition(*digits(), GetParam(), 20, 1);
  EXPECT_EQ(partition(*digits(), GetParam(), 20, 1), first);
  EXPECT_NE(partition(*digits(), GetParam(), 20, 2), first);
}

INSTANTIATE_TEST_SUITE_P(Partition, EverySpecification,
                         ::testing::Values("iid", "shards", "shards:3", "dirichlet:0.5", "dirichlet:0.01",
                                           "dirichlet:1000", "quantity_lognormal:0", "quantity_lognormal:3",
                                           "quantity_power:1.2", "quantity_power:50", " iid ", "shards: 2"));

TEST(Partition, IidPartsDifferByAtMostOneAndHoldEveryClass) {
  const Parts parts = partition(*digits(), "iid", 7, 1);
  EXPECT_EQ(sorted_sizes(parts).front(), 857u);
  EXPECT_EQ(sorted_sizes(parts).back(), 858u);
  for (const auto& part : parts) {
    // 86 of each class expected, standard deviation 8.
    for (const std::uint32_t n : counts(*digits(), part)) EXPECT_NEAR(n, 86, 45);
  }
}

TEST(Partition, TwoShardsAreAtMostTwoClassesOfEqualSize) {
  const Parts parts = partition(*digits(), "shards", 100, 1);  // 200 shards of 30, 20 a class
  std::set<std::vector<std::uint32_t>> kinds;
  for (const auto& part : parts) {
    ASSERT_EQ(part.size(), 60u);
    const auto held = counts(*digits(), part);
    for (const std::uint32_t n : held) EXPECT_EQ(n % 30, 0u);
    EXPECT_LE(std::count_if(held.begin(), held.end(), [](std::uint32_t n) { return n > 0; }), 2);
    kinds.insert(held);
  }
  EXPECT_GT(kinds.size(), 20u) << "shards must be dealt at random";
}

TEST(Partition, ShardsThatDoNotDivideEvenlyStillCoverAll) {
  const DatasetPtr data = examples(101, 3);
  const Parts parts = partition(*data, "shards:4", 6, 1);
  for (const auto& part : parts) EXPECT_THAT(part.size(), ::testing::AllOf(::testing::Ge(16u), ::testing::Le(20u)));
}

TEST(Partition, ASmallDirichletConcentrationMakesOneClassPrevail) {
  const double skewed = concentration(*digits(), partition(*digits(), "dirichlet:0.05", 20, 3));
  const double usual = concentration(*digits(), partition(*digits(), "dirichlet:0.5", 20, 3));
  const double even = concentration(*digits(), partition(*digits(), "dirichlet:1000", 20, 3));
  EXPECT_GT(skewed, 0.55);
  EXPECT_GT(skewed, usual + 0.1);
  EXPECT_GT(usual, even + 0.1);
  EXPECT_LT(even, 0.15);
}

TEST(Partition, DirichletSharesHaveTheVarianceOfTheDistribution) {
  // The first class is cut before anybody has an equal share, so its shares are Dirichlet(alpha) without the cap:
  // mean 1/n, variance (n - 1) / (n^2 (n alpha + 1)).
  constexpr std::uint32_t kParticipants = 10;
  constexpr double kAlpha = 2;
  double sum = 0, squares = 0;
  int shares = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    for (const auto& part : partition(*digits(), "dirichlet:2", kParticipants, seed)) {
      const double share = counts(*digits(), part)[0] / 600.0;
      sum += share;
      squares += (share - 0.1) * (share - 0.1);
      ++shares;
    }
  }
  EXPECT_NEAR(sum / shares, 0.1, 1e-12);
  const double variance = (kParticipants - 1) / (100.0 * (kParticipants * kAlpha + 1));
  EXPECT_NEAR(squares / shares, variance, 0.25 * variance);
}

TEST(Partition, DirichletLeavesNobodyShort) {
  for (const char* specification : {"dirichlet:0.5", "dirichlet:0.1", "dirichlet:0.001"}) {
    EXPECT_GE(sorted_sizes(partition(*digits(), specification, 20, 4)).front(), 10u) << specification;
    EXPECT_GE(sorted_sizes(partition(*digits(), specification, 200, 4)).front(), 3u) << specification;
    EXPECT_GE(sorted_sizes(partition(*digits(), specification, 6000, 4)).front(), 1u) << specification;
  }
}

TEST(Partition, DirichletTakesClassesThatNobodyHas) {
  std::vector<float> labels(100);
  for (std::size_t i = 50; i < 100; ++i) labels[i] = 7;
  const DatasetPtr data = in_memory({1}, std::vector<float>(100, 1.0f), labels, 10);
  const Parts parts = partition(*data, "dirichlet:0.5", 4, 1);
  EXPECT_EQ(parts[0].size() + parts[1].size() + parts[2].size() + parts[3].size(), 100u);
}

TEST(Partition, PowerLawSizesFollowTheRanks) {
  const auto sizes = sorted_sizes(partition(*digits(), "quantity_power:1", 10, 1));
  double harmonic = 0;
  for (int rank = 1; rank <= 10; ++rank) harmonic += 1.0 / rank;
  for (int rank = 1; rank <= 10; ++rank) {
    EXPECT_NEAR(double(sizes[10 - rank]), 1 + 5990 / (rank * harmonic), 1.0) << rank;
  }
}

TEST(Partition, PowerLawRanksAreDealtAtRandom) {
  std::set<std::size_t> largest;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Parts parts = partition(*digits(), "quantity_power:1", 5, seed);
    const auto most =
        std::max_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
    largest.insert(static_cast<std::size_t>(most - parts.begin()));
  }
  EXPECT_EQ(largest.size(), 5u);
}

TEST(Partition, LognormalSizesHaveTheSpreadAskedFor) {
  const DatasetPtr data = examples(200000, 2);
  const auto spread = [&](const char* specification) {
    const Parts parts = partition(*data, specification, 400, 9);
    double sum = 0, squares = 0;
    for (const auto& part : parts) sum += std::log(double(part.size()));
    const double mean = sum / 400;
    for (const auto& part : parts) squares += std::pow(std::log(double(part.size())) - mean, 2);
    return std::sqrt(squares / 400);
  };
  EXPECT_NEAR(spread("quantity_lognormal:0.5"), 0.5, 0.08);
  EXPECT_NEAR(spread("quantity_lognormal:1"), 1.0, 0.15);
  EXPECT_NEAR(spread("quantity_lognormal:0"), 0, 1e-9);
}

TEST(Partition, RealLabelsCanBeSplitWhereClassesAreNotNeeded) {
  const DatasetPtr data = in_memory({1}, {1, 2, 3, 4}, {0.1f, 0.2f, 0.3f, 0.4f}, 0);
  EXPECT_EQ(partition(*data, "iid", 2, 1)[0].size(), 2u);
  for (const char* specification : {"shards", "dirichlet:1"}) {
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { partition(*data, specification, 2, 1); }),
                HasSubstr("needs labels that are classes"));
  }
}

TEST(Partition, BadRequestsAreRefusedSayingWhatToWrite) {
  struct Case {
    const char* specification;
    std::uint32_t participants;
    const char* says;
  };
  const Case cases[] = {
      {"shard:2", 5, "partition \"shard:2\": unknown: is \"shards\" meant?"},
      {"", 5, "unknown: known are iid, interleaved, shards:2, dirichlet:0.5"},
      {"by-moonlight", 5, "known are iid"},
      {"iid:3", 5, "takes no argument: write \"iid\""},
      {"dirichlet", 5, "needs its concentration, as in \"dirichlet:0.5\""},
      {"dirichlet:", 5, "concentration must be a number from 0.000001"},
      {"dirichlet:0", 5, "concentration must be a number"},
      {"dirichlet:-1", 5, "concentration must be a number"},
      {"dirichlet:nan", 5, "concentration must be a number"},
      {"dirichlet:1e300", 5, "concentration must be a number"},
      {"shards:0", 5, "shards a participant must be a whole number from 1"},
      {"shards:1.5", 5, "shards a participant must be a whole number from 1"},
      {"shards:two", 5, "as in \"shards:2\""},
      {"quantity_lognormal", 5, "needs its sigma"},
      {"quantity_power:-1", 5, "exponent must be a number from 0"},
      {"iid", 0, "no participants"},
      {"iid", 11, "10 examples cannot be split over 11 participants"},
      {"shards:3", 4, "10 examples are fewer than 4 participants times the shards a participant"},
      {"shards:4294967295", 10, "10 examples are fewer"},
  };
  const DatasetPtr data = examples(10, 2);
  for (const Case& c : cases) {
    EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { partition(*data, c.specification, c.participants, 1); }),
                HasSubstr(c.says))
        << c.specification;
  }
}

DatasetPtr held_by(const std::vector<std::uint32_t>& holders) {
  return in_memory({1}, std::vector<float>(holders.size()), std::vector<float>(holders.size()), 1, holders);
}

TEST(PartitionNatural, EveryHolderStaysWhole) {
  const DatasetPtr data = held_by({2, 0, 1, 0, 2, 2});
  Parts parts = partition(*data, "natural:user", 3, 1);
  std::sort(parts.begin(), parts.end());
  EXPECT_EQ(parts, (Parts{{0, 4, 5}, {1, 3}, {2}}));
}

TEST(PartitionNatural, MoreHoldersThanParticipantsAreDealtEvenly) {
  std::vector<std::uint32_t> holders;
  for (std::uint32_t h = 0; h < 50; ++h) holders.insert(holders.end(), 1 + h % 7, h);
  const DatasetPtr data = held_by(holders);
  const Parts parts = partition(*data, "natural:user", 8, 1);
  std::map<std::uint32_t, std::size_t> part_of;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    for (const std::uint32_t i : parts[p]) {
      EXPECT_EQ(part_of.emplace(holders[i], p).first->second, p) << "holder " << holders[i] << " is torn apart";
    }
  }
  const auto sizes = sorted_sizes(parts);
  EXPECT_LE(sizes.back() - sizes.front(), 7u);
  EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), holders.size());
}

TEST(PartitionNatural, NeedsHoldersAsManyAsParticipantsAndAColumn) {
  const DatasetPtr data = held_by({0, 1, 1});
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { partition(*data, "natural:user", 3, 1); }),
              testing::HasSubstr("2 holders"));
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { partition(*data, "natural:", 2, 1); }),
              testing::HasSubstr("natural:user"));
  EXPECT_THAT(refusal(Error::Kind::Malformed, [&] { partition(*digits(), "natural:user", 1, 1); }),
              testing::HasSubstr("data.holder"));
}

TEST(PartitionTest, InterleavedDealsTheExamplesInTurn) {
  const auto examples = in_memory({1}, std::vector<float>(7), std::vector<float>(7), 2);
  EXPECT_EQ(partition(*examples, "interleaved", 3, 1), (Parts{{0, 3, 6}, {1, 4}, {2, 5}}));
}

}  // namespace
}  // namespace tributary::data
