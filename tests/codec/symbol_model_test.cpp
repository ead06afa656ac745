#include "common/codec/symbol_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/random.h"

namespace tributary::codec {
namespace {

// Whether the alphabet has the byte.
bool has(Alphabet alphabet, unsigned symbol) {
  return alphabet == Alphabet::Masks || (symbol != 0 && (alphabet == Alphabet::Differences || symbol != 128));
}

struct Fitted {
  SymbolModel model;
  Bytes description;
};

Fitted fit(const Counts& counts, Alphabet alphabet) {
  ByteWriter out;
  Fitted made;
  made.model = fit_model(counts, alphabet, out);
  made.description = out.take();
  return made;
}

SymbolModel read(ByteSpan description, Alphabet alphabet) {
  ByteReader in(description, "model");
  const SymbolModel model = read_model(in, alphabet);
  in.expect_end();
  return model;
}

void expect_usable(const SymbolModel& model, Alphabet alphabet) {
  if (model.kind == SymbolModel::Kind::Constant) {
    EXPECT_TRUE(has(alphabet, model.constant));
  }
  if (model.kind != SymbolModel::Kind::Coded) return;
  EXPECT_EQ(std::accumulate(model.frequency.begin(), model.frequency.end(), 0u), kProbabilityOne);
  EXPECT_LT(*std::max_element(model.frequency.begin(), model.frequency.end()), kProbabilityOne);
  for (const unsigned s : {0u, 128u}) EXPECT_TRUE(has(alphabet, s) || model.frequency[s] == 0);
}

void expect_there_and_back(const Counts& counts, Alphabet alphabet) {
  const Fitted fitted = fit(counts, alphabet);
  expect_usable(fitted.model, alphabet);
  const SymbolModel back = read(fitted.description, alphabet);
  ASSERT_EQ(back.kind, fitted.model.kind);
  ASSERT_EQ(back.constant, fitted.model.constant);
  ASSERT_EQ(back.frequency, fitted.model.frequency);
  if (back.kind != SymbolModel::Kind::Coded) return;
  for (unsigned s = 0; s < 256; ++s) {
    ASSERT_TRUE(counts[s] == 0 || back.frequency[s] > 0) << s;
  }
}

// Bytes that the counted symbols take, the description included.
double coded_bytes(const Counts& counts, Alphabet alphabet) {
  const Fitted fitted = fit(counts, alphabet);
  double bits = 0;
  for (unsigned s = 0; s < 256; ++s) {
    const auto count = static_cast<double>(counts[s]);
    if (fitted.model.kind == SymbolModel::Kind::Raw) bits += 8 * count;
    if (fitted.model.kind == SymbolModel::Kind::Coded && count > 0) {
      bits += count * (kProbabilityBits - std::log2(static_cast<double>(fitted.model.frequency[s])));
    }
  }
  return bits / 8 + static_cast<double>(fitted.description.size());
}

Counts random_counts(RandomStream& random, Alphabet alphabet) {
  Counts counts{};
  const std::uint64_t density = 1 + random.below(16), spread = 1 + random.below(50);
  for (unsigned s = 0; s < 256; ++s) {
    if (!has(alphabet, s)) continue;
    if (random.below(16) < density) counts[s] = (std::uint64_t{1} << random.below(spread)) >> random.below(8);
  }
  return counts;
}

TEST(SymbolModel, RandomHistogramsComeBack) {
  RandomStream random(1, "histograms");
  for (int trial = 0; trial < 4000 && !::testing::Test::HasFatalFailure(); ++trial) {
    for (const Alphabet alphabet : {Alphabet::Masks, Alphabet::Values, Alphabet::Differences}) {
      expect_there_and_back(random_counts(random, alphabet), alphabet);
    }
  }
}

TEST(SymbolModel, DegenerateHistogramsComeBack) {
  for (const Alphabet alphabet : {Alphabet::Masks, Alphabet::Values, Alphabet::Differences}) {
    expect_there_and_back({}, alphabet);
    for (unsigned a = 0; a < 256; ++a) {
      if (!has(alphabet, a)) continue;
      Counts counts{};
      counts[a] = 1;
      expect_there_and_back(counts, alphabet);
      counts[a] = std::uint64_t{1} << 40;
      expect_there_and_back(counts, alphabet);
      for (const unsigned b : {1u, 127u, 129u, 255u}) {
        counts[b] = a == b ? counts[b] : 1;
        expect_there_and_back(counts, alphabet);
      }
    }
    Counts all;
    all.fill(std::uint64_t{1} << 30);
    for (const unsigned s : {0u, 128u}) all[s] = has(alphabet, s) ? all[s] : 0;
    expect_there_and_back(all, alphabet);
  }
}

TEST(SymbolModel, EqualBytesAreConstantAndNoBytesAreRaw) {
  Counts counts{};
  EXPECT_EQ(fit(counts, Alphabet::Values).model.kind, SymbolModel::Kind::Raw);
  counts[200] = 5;
  EXPECT_EQ(fit(counts, Alphabet::Values).model.constant, 200);
  EXPECT_EQ(fit(counts, Alphabet::Values).description.size(), 2U);
}

TEST(SymbolModel, ASmallTensorIsNotDrownedByItsTable) {
  RandomStream random(2, "small");
  Counts counts{};
  for (int i = 0; i < 100; ++i) ++counts[static_cast<std::uint8_t>(1 + random.below(4))];
  EXPECT_LT(coded_bytes(counts, Alphabet::Values), 100 * 2.0 / 8 + 8);
}

// Gaussian and Laplacian weights on 100 levels, what pruning leaves of them.
TEST(SymbolModel, RealisticWeightsAreCodedWithin3PercentOfTheirEntropy) {
  RandomStream random(3, "weights");
  for (const bool laplace : {false, true}) {
    for (const double sigma : {8.0, 22.0, 40.0}) {
      for (const double threshold : {0.0, 0.67, 1.6}) {
        Counts counts{};
        for (int i = 0; i < 20'000; ++i) {
          const double size =
              laplace ? -std::log(1 - random.uniform()) * (random.below(2) == 0 ? -1 : 1) : random.normal();
          const int q = static_cast<int>(std::lround(std::clamp(size * sigma, -127.0, 127.0)));
          if (std::abs(size) >= threshold && q != 0) ++counts[static_cast<std::uint8_t>(q)];
        }
        EXPECT_LT(coded_bytes(counts, Alphabet::Values), 1.03 * entropy_bits(counts) / 8)
            << laplace << " " << sigma << " " << threshold;
      }
    }
  }
}

TEST(SymbolModel, MasksOfIndependentBitsAreCodedCloseToHOfP) {
  RandomStream random(4, "masks");
  // Frequencies are multiples of 2^-12, which bytes rarer than that feel.
  struct Case {
    double p, slack;
  };
  for (const auto& [p, slack] :
       {Case{0.02, 0.05}, {0.07, 0.02}, {0.2, 0.005}, {0.45, 0.002}, {0.7, 0.002}, {0.98, 0.05}}) {
    Counts counts{};
    std::uint64_t ones = 0;
    for (int i = 0; i < 20'000; ++i) {
      unsigned byte = 0;
      for (unsigned bit = 0; bit < 8; ++bit) byte |= (random.uniform() < p ? 1u : 0u) << bit;
      ones += static_cast<unsigned>(std::popcount(byte));
      ++counts[byte];
    }
    const double share = static_cast<double>(ones) / 160'000;
    const double bits = -160'000 * (share * std::log2(share) + (1 - share) * std::log2(1 - share));
    EXPECT_LT(coded_bytes(counts, Alphabet::Masks), (1 + slack) * bits / 8 + 4) << p;
  }
}

TEST(SymbolModel, WhatAnEncoderDoesNotWriteIsRefused) {
  const auto refused = [](std::initializer_list<int> bytes, Alphabet alphabet) {
    Bytes description;
    for (const int b : bytes) description.push_back(static_cast<std::byte>(b));
    try {
      read(description, alphabet);
      return false;
    } catch (const Error& error) {
      return error.kind() == Error::Kind::Malformed;
    }
  };
  EXPECT_TRUE(refused({}, Alphabet::Masks));
  EXPECT_TRUE(refused({3}, Alphabet::Masks));
  EXPECT_TRUE(refused({1}, Alphabet::Masks)) << "constant without symbol";
  EXPECT_TRUE(refused({1, 0}, Alphabet::Values)) << "constant 0";
  EXPECT_TRUE(refused({1, 128}, Alphabet::Values)) << "constant -128";
  EXPECT_TRUE(refused({2, 0, 0}, Alphabet::Masks)) << "p = 0";
  EXPECT_TRUE(refused({2, 9, 9}, Alphabet::Values)) << "bits of values";
  EXPECT_TRUE(refused({0x80 | 0x40, 0, 1, 0xFF, 3}, Alphabet::Masks)) << "symmetric masks";
  EXPECT_TRUE(refused({0x80 | 5, 0, 1, 0xFF, 3}, Alphabet::Values)) << "width";
  EXPECT_TRUE(refused({0x80, 2, 1, 0xFF, 3}, Alphabet::Values)) << "first behind last";
  EXPECT_TRUE(refused({0x80, 254, 255, 0xFF, 3}, Alphabet::Values)) << "last beyond the alphabet";
  EXPECT_TRUE(refused({0x80, 0, 0, 0x1F}, Alphabet::Masks)) << "one symbol only";
  EXPECT_TRUE(refused({0x80, 0, 1, 0x1F, 0}, Alphabet::Masks)) << "last weight 0";
  EXPECT_TRUE(refused({0x80, 0, 1, 0xE0, 3}, Alphabet::Masks)) << "first weight 0";
  EXPECT_TRUE(refused({0x80, 0, 1, 0xFF, 7}, Alphabet::Masks)) << "spare bits";
  EXPECT_TRUE(refused({0x80, 0, 1, 0xFF}, Alphabet::Masks)) << "ends early";
  EXPECT_FALSE(refused({0x80, 0, 1, 0xFF, 3}, Alphabet::Masks));
}

TEST(SymbolModel, AnyBytesAreAUsableModelOrRefused) {
  RandomStream random(5, "any");
  int usable = 0;
  for (int trial = 0; trial < 100'000; ++trial) {
    Bytes description(1 + random.below(200));
    for (std::byte& b : description) b = static_cast<std::byte>(random.next_u32());
    description[0] = static_cast<std::byte>(random.below(2) == 0 ? random.below(4) : 0x80 + random.below(0x46));
    constexpr Alphabet kAll[] = {Alphabet::Masks, Alphabet::Values, Alphabet::Differences};
    const Alphabet alphabet = kAll[random.below(3)];
    try {
      ByteReader in(description, "model");
      expect_usable(read_model(in, alphabet), alphabet);
      ++usable;
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), Error::Kind::Malformed);
    }
  }
  EXPECT_GT(usable, 1000);
}

}  // namespace
}  // namespace tributary::codec
