#include "common/codec/update.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary::codec {
namespace {

using model::ParameterLayout;
using model::Role;

// Every encoding, with parameters.
const std::vector<std::string> kEncodings = {"float32",   "int8",      "int4",      "rotated:1",   "rotated:2",
                                             "rotated:3", "rotated:4", "topk:0.05", "ternary:0.05"};

// A matrix of several blocks, its bias, and a batch statistic.
const ParameterLayout& layout() {
  static const ParameterLayout made(
      {{"w", {50, 61}, Role::Weight, 0, 0, 50, 61}, {"b", {50}, Role::Vector}, {"mean", {50}, Role::State}});
  return made;
}

std::vector<float> some_delta(std::uint64_t seed) {
  RandomStream random(seed, "delta");
  std::vector<float> delta(layout().size());
  for (float& value : delta) value = static_cast<float>(0.01 * random.normal());
  return delta;
}

Bytes encoded(const std::string& encoding, const std::vector<float>& delta, std::span<float> residual = {},
              std::uint64_t seed = 1) {
  return encode_update(layout(), delta, residual, UpdateEncoding::parse(encoding), RandomStream(seed, "rounding"));
}

TEST(Update, Float32IsLossless) {
  const auto delta = some_delta(1);
  EXPECT_EQ(decode_update(encoded("float32", delta), layout()), delta);
}

TEST(Update, Int8TakesAboutAQuarterAndKeepsVectorsExact) {
  const auto delta = some_delta(1);
  const Bytes blob = encoded("int8", delta);
  EXPECT_EQ(blob.size(), 48 + 3050 + 3 * 4 + 100 * 4U);
  const auto decoded = decode_update(blob, layout());
  for (std::size_t i = 3050; i < delta.size(); ++i) EXPECT_EQ(decoded[i], delta[i]);
  const float step = 0.06F / 127;
  for (std::size_t i = 0; i < 3050; ++i) EXPECT_NEAR(decoded[i], delta[i], step);
}

TEST(Update, WhatInt8DropsIsTheResidual) {
  const auto delta = some_delta(1);
  std::vector<float> residual(layout().size());
  const auto decoded = decode_update(encoded("int8", delta, residual), layout());
  for (std::size_t i = 0; i < delta.size(); ++i) EXPECT_EQ(residual[i], delta[i] - decoded[i]);
  EXPECT_TRUE(std::any_of(residual.begin(), residual.end(), [](float r) { return r != 0; }));
}

TEST(Update, StochasticRoundingIsUnbiased) {
  const auto delta = some_delta(1);
  std::vector<double> mean(delta.size());
  constexpr int kRepeats = 2000;
  for (int seed = 0; seed < kRepeats; ++seed) {
    const auto decoded = decode_update(encoded("int8", delta, {}, static_cast<std::uint64_t>(seed)), layout());
    for (std::size_t i = 0; i < delta.size(); ++i) mean[i] += static_cast<double>(decoded[i]) / kRepeats;
  }
  double bias = 0;
  for (std::size_t i = 0; i < 3050; ++i) bias += mean[i] - static_cast<double>(delta[i]);
  const double step = 0.04 / 127;
  EXPECT_LT(std::abs(bias / 3050), step / 500);
  for (std::size_t i = 0; i < 3050; ++i) EXPECT_NEAR(mean[i], delta[i], step * 6 * 0.5 / std::sqrt(kRepeats));
}

TEST(Update, TheSameStreamGivesTheSameBytes) {
  EXPECT_EQ(encoded("int8", some_delta(1)), encoded("int8", some_delta(1)));
  EXPECT_NE(encoded("int8", some_delta(1), {}, 1), encoded("int8", some_delta(1), {}, 2));
}

TEST(Update, SumsAreTheSameInAnyOrderOnAnyNumberOfThreads) {
  std::vector<Bytes> blobs;
  for (std::uint64_t seed = 0; seed < kEncodings.size(); ++seed)
    blobs.push_back(encoded(kEncodings[seed], some_delta(seed)));
  const auto sum_of = [&](const std::vector<std::uint32_t>& order, unsigned threads) {
    std::vector<std::int64_t> sum(layout().size());
    for (const std::uint32_t i : order) fold_update(blobs[i], layout(), (i + 1) / 16.0, sum, threads);
    return sum;
  };
  RandomStream random(1, "order");
  const auto first = sum_of(random.permutation(9), 1);
  for (unsigned threads = 1; threads <= 4; ++threads) EXPECT_EQ(sum_of(random.permutation(9), threads), first);
}

TEST(Update, FoldedTogetherTheyGiveTheSumOfEachAloneAndAllBytesAreTold) {
  std::vector<Bytes> blobs;
  for (std::uint64_t i = 0; i < 3; ++i) {
    // Three of a kind side by side, so that some are cut alike and neighbours of other kinds are not.
    for (const auto& encoding : kEncodings) blobs.insert(blobs.end(), 3, encoded(encoding, some_delta(blobs.size())));
  }
  std::vector<WeightedUpdate> updates;
  std::vector<std::int64_t> alone(layout().size());
  for (const Bytes& blob : blobs) {
    updates.push_back({blob, 1.0 / static_cast<double>(updates.size() + 1)});
    fold_update(blob, layout(), updates.back().weight, alone);
  }
  for (unsigned threads = 1; threads <= 3; ++threads) {
    std::vector<std::int64_t> together(layout().size());
    std::mutex mutex;
    std::map<const std::byte*, const std::byte*> told;
    fold_updates(updates, layout(), together, threads, [&](ByteSpan read) {
      const std::lock_guard lock(mutex);
      told[read.data()] = read.data() + read.size();
    });
    EXPECT_EQ(together, alone);
    for (const Bytes& blob : blobs) {
      const auto first = told.lower_bound(blob.data());
      ASSERT_NE(first, told.end());
      EXPECT_LT(first->first, blob.data() + blob.size());
      EXPECT_TRUE(std::any_of(told.begin(), told.end(),
                              [&](const auto& each) { return each.second == blob.data() + blob.size(); }));
    }
  }
}

TEST(Update, TheFoldIsTheFixedPointSumOfTheDecodedValues) {
  for (const std::string& encoding : kEncodings) {
    const Bytes blob = encoded(encoding, some_delta(3));
    std::vector<std::int64_t> sum(layout().size(), 5);
    fold_update(blob, layout(), 0.375, sum);
    const auto values = decode_update(blob, layout());
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(sum[i], 5 + to_fixed(0.375, values[i])) << encoding;
  }
}

TEST(Update, WithOrWithoutAResidualTheBytesAreTheSameAndItHoldsWhatTheyLeaveOut) {
  const auto delta = some_delta(1);
  for (const char* encoding : {"float32", "int8", "int4", "rotated:2", "topk:0.1", "ternary:0.1"}) {
    std::vector<float> kept(delta.size());
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = 0.01F * static_cast<float>(i % 7);
    std::vector<float> sum(delta.size());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = delta[i] + kept[i];
    const Bytes blob = encoded(encoding, delta, kept);
    EXPECT_EQ(blob, encoded(encoding, sum)) << encoding;
    const auto decoded = decode_update(blob, layout());
    for (std::size_t i = 0; i < sum.size(); ++i) EXPECT_EQ(kept[i], sum[i] - decoded[i]) << encoding << " " << i;
  }
}

TEST(Update, ALongUpdateIsScaledDownToItsBoundByTheSameBitsEverywhere) {
  const auto values = some_delta(5);
  for (const std::string& text : kEncodings) {
    SCOPED_TRACE(text);
    const Bytes blob = encoded(text, values);
    const double norm = check_update(blob, layout()).norm;
    EXPECT_EQ(check_update(blob, layout(), {.clip_norm = norm}).factor, 1);
    EXPECT_EQ(check_update(blob, layout(), {.clip_norm = 2 * norm}).factor, 1);
    const UpdateCheck clipped = check_update(blob, layout(), {.max_norm = norm, .clip_norm = norm / 3});
    EXPECT_EQ(clipped.fault, UpdateFault::None);
    EXPECT_EQ(clipped.norm, norm);
    EXPECT_EQ(clipped.factor, norm / 3 / norm);
    EXPECT_EQ(check_update(blob, layout(), {.max_norm = norm / 2, .clip_norm = norm / 3}).fault,
              UpdateFault::NormTooLarge);
    std::vector<std::int64_t> sum(layout().size());
    fold_update(blob, layout(), clipped.factor, sum);
    const std::vector<float> decoded = decode_update(blob, layout());
    double squares = 0;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      ASSERT_EQ(sum[i], to_fixed(clipped.factor, decoded[i]));
      squares += from_fixed(sum[i]) * from_fixed(sum[i]);
    }
    EXPECT_NEAR(std::sqrt(squares), norm / 3, 1e-7 * norm);
    for (const unsigned threads : {2u, 5u}) {
      std::vector<std::int64_t> again(layout().size());
      fold_update(blob, layout(), clipped.factor, again, threads);
      EXPECT_EQ(again, sum);
    }
  }
}

TEST(Update, TheLargestContributionsDoNotOverflow) {
  const double most = static_cast<double>(to_fixed(1.0, kMaxMagnitude)) * static_cast<double>(kMaxContributions);
  EXPECT_LT(most, 0x1p63);
}

TEST(Update, ValuesThatCannotBeSummedAreNotEncoded) {
  for (const float bad : {513.0F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    auto delta = some_delta(1);
    delta[7] = bad;
    std::vector<float> residual(delta.size(), 0.5F);
    EXPECT_THROW(encoded("int8", delta, residual), Error);
    EXPECT_THROW(encoded("int8", delta), Error);
  }
}

TEST(Update, PoisonIsRefusedWithItsReason) {
  const auto poisoned = [](float value) {
    Bytes blob = encoded("float32", some_delta(1));
    std::memcpy(blob.data() + 48 + 4 * 9, &value, 4);
    return check_update(blob, layout()).fault;
  };
  EXPECT_EQ(poisoned(std::numeric_limits<float>::quiet_NaN()), UpdateFault::NotFinite);
  EXPECT_EQ(poisoned(-std::numeric_limits<float>::infinity()), UpdateFault::NotFinite);
  EXPECT_EQ(poisoned(1e9F), UpdateFault::OutOfRange);
  EXPECT_EQ(poisoned(512.0F), UpdateFault::None);
  EXPECT_EQ(check_update(encoded("int8", some_delta(1)), layout(), {0.001}).fault, UpdateFault::NormTooLarge);
}

TEST(Update, AnUpdateOfAnotherModelIsRefused) {
  const ParameterLayout other({{"w", {50, 61}, Role::Weight, 0, 0, 50, 61}});
  EXPECT_EQ(check_update(encoded("int8", some_delta(1)), other).fault, UpdateFault::WrongLayout);
}

TEST(Update, EveryTruncationAndExtensionIsRefused) {
  for (const std::string& encoding : kEncodings) {
    Bytes blob = encoded(encoding, some_delta(1));
    for (std::size_t length = 0; length < blob.size(); ++length) {
      ASSERT_NE(check_update(ByteSpan(blob).first(length), layout()).fault, UpdateFault::None) << encoding << length;
    }
    blob.push_back(std::byte{0});
    EXPECT_EQ(check_update(blob, layout()).fault, UpdateFault::Malformed) << encoding;
  }
}

TEST(Update, AFlippedBitIsRefusedOrDecodesWithinRange) {
  for (const std::string& encoding : kEncodings) {
    const Bytes whole = encoded(encoding, some_delta(1));
    for (std::size_t bit = 0; bit < whole.size() * 8; bit += 7) {
      Bytes blob = whole;
      blob[bit / 8] ^= std::byte{1} << (bit % 8);
      if (check_update(blob, layout()).fault != UpdateFault::None) continue;
      for (const float value : decode_update(blob, layout())) ASSERT_LE(std::abs(value), kMaxMagnitude) << encoding;
    }
  }
}

TEST(Update, AMisspeltEncodingSuggestsTheNearest) {
  try {
    UpdateEncoding::parse("int9");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("int8"), std::string::npos);
  }
}

TEST(Update, AnEncodingsTextIsParsedBack) {
  for (const std::string& text : kEncodings) EXPECT_EQ(UpdateEncoding::parse(text).text(), text);
  EXPECT_EQ(UpdateEncoding::parse("topk:1/400").text(), "topk:0.0025");
  EXPECT_EQ(UpdateEncoding::parse("ternary:0.01").family(), "ternary");
  for (const char* bad : {"rotated", "rotated:0", "rotated:5", "rotated:x", "topk", "topk:0", "topk:0.6", "topk:1/0",
                          "int8:3", "float32:", "ternary:-1", ""})
    EXPECT_THROW(UpdateEncoding::parse(bad), Error) << bad;
}

}  // namespace
}  // namespace tributary::codec
