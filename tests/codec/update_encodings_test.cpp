// What the encodings of updates promise in numbers: error, bias, bits.

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/codec/gaussian_levels.h"
#include "common/codec/kernels.h"
#include "common/codec/update.h"
#include "common/codec/update_format.h"

namespace tributary::codec {
namespace {

using model::ParameterLayout;
using model::Role;

ParameterLayout weights(std::int64_t rows, std::int64_t columns) {
  return ParameterLayout({{"w",
                           {rows, columns},
                           Role::Weight,
                           0,
                           0,
                           static_cast<std::uint64_t>(rows),
                           static_cast<std::uint64_t>(columns)}});
}

std::vector<float> normal_values(std::size_t n, std::uint64_t seed) {
  RandomStream random(seed, "values");
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

double squared_norm(std::span<const float> x) {
  return std::accumulate(x.begin(), x.end(), 0.0, [](double sum, float v) { return sum + double{v} * double{v}; });
}

struct Sent {
  std::vector<float> values, residual;
  double bits = 0;  // a parameter
};

Sent send(const ParameterLayout& layout, std::string_view encoding, const std::vector<float>& x,
          std::uint64_t seed = 1) {
  Sent sent;
  sent.residual.resize(x.size());
  const Bytes blob =
      encode_update(layout, x, sent.residual, UpdateEncoding::parse(encoding), RandomStream(seed, "rounding"));
  sent.values = decode_update(blob, layout);
  sent.bits = 8.0 * static_cast<double>(blob.size()) / static_cast<double>(x.size());
  return sent;
}

double normalised_error(const Sent& sent, const std::vector<float>& x) {
  return squared_norm(sent.residual) / squared_norm(x);
}

TEST(UpdateEncodings, RotatedErrorsAreThoseOfTheBestQuantisers) {
  const auto layout = weights(1024, 1024);
  const auto x = normal_values(layout.size(), 1);
  const double goals[] = {0.575, 0.135, 0.037, 0.010};
  for (unsigned bits = 1; bits <= 4; ++bits) {
    const Sent sent = send(layout, "rotated:" + std::to_string(bits), x);
    EXPECT_LE(normalised_error(sent, x), goals[bits - 1]) << bits;
    EXPECT_LE(sent.bits, bits + 0.01);
  }
}

TEST(UpdateEncodings, RotationMakesOneSpikeAsCheapAsNoise) {
  const auto layout = weights(64, 64);
  std::vector<float> x(layout.size());
  x[1234] = 3;
  EXPECT_LE(normalised_error(send(layout, "rotated:1", x), x), 0.6);
  EXPECT_LE(normalised_error(send(layout, "rotated:4", x), x), 0.012);
}

TEST(UpdateEncodings, RotatedEstimatesAreUnbiased) {
  const auto layout = weights(5, 819);  // 4095 values: blocks of many sizes and a plain rest
  const auto x = normal_values(layout.size(), 2);
  for (const char* encoding : {"rotated:1", "rotated:2", "rotated:3", "rotated:4"}) {
    constexpr int kRepeats = 1000;
    std::vector<double> mean(x.size());
    double error = 0;
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      const Sent sent = send(layout, encoding, x, static_cast<std::uint64_t>(repeat));
      error += normalised_error(sent, x) / kRepeats;
      for (std::size_t i = 0; i < x.size(); ++i) mean[i] += double{sent.values[i]} / kRepeats;
    }
    // The mean of R independent unbiased estimates has 1/R of their error.
    double squares = 0;
    for (std::size_t i = 0; i < x.size(); ++i) squares += std::pow(mean[i] - double{x[i]}, 2);
    EXPECT_NEAR(squares / squared_norm(x) * kRepeats / error, 1, 0.15) << encoding;
  }
}

TEST(UpdateEncodings, TernaryTakesTheBitsOfGolombCodes) {
  const auto layout = weights(1000, 1000);
  const auto x = normal_values(layout.size(), 3);
  EXPECT_LE(send(layout, "ternary:1/100", x).bits, 0.095);
  EXPECT_LE(send(layout, "ternary:1/400", x).bits, 0.029);
}

TEST(UpdateEncodings, TernaryKeepsTheLargestAsTheirMean) {
  const auto layout = weights(100, 100);
  const auto x = normal_values(layout.size(), 4);
  const Sent sent = send(layout, "ternary:0.02", x);
  std::vector<float> sizes;
  for (const float value : x) sizes.push_back(std::abs(value));
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  const double mean = std::accumulate(sizes.begin(), sizes.begin() + 200, 0.0) / 200;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool kept = std::abs(x[i]) >= sizes[199];
    EXPECT_NEAR(sent.values[i], kept ? std::copysign(mean, x[i]) : 0, 1e-5);
  }
}

TEST(UpdateEncodings, TopkKeepsTheLargestWithinOneStep) {
  const auto layout = weights(300, 100);
  const auto x = normal_values(layout.size(), 5);
  const Sent sent = send(layout, "topk:0.01", x);
  EXPECT_EQ(std::count_if(sent.values.begin(), sent.values.end(), [](float v) { return v != 0; }), 300);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (sent.values[i] == 0) continue;
    EXPECT_NEAR(sent.values[i], x[i], 4.5 / 127 / 2);
  }
}

TEST(UpdateEncodings, WhatIsLeftOutComesWithLaterUpdates) {
  const auto layout = weights(40, 40);
  const auto x = normal_values(layout.size(), 6);
  for (const char* encoding : {"int4", "rotated:1", "topk:0.05", "ternary:0.05"}) {
    std::vector<float> residual(x.size());
    std::vector<double> sum(x.size());
    constexpr int kRounds = 400;
    for (int round = 0; round < kRounds; ++round) {
      const Bytes blob = encode_update(layout, x, residual, UpdateEncoding::parse(encoding),
                                       RandomStream(static_cast<std::uint64_t>(round), "rounding"));
      const auto values = decode_update(blob, layout);
      for (std::size_t i = 0; i < x.size(); ++i) sum[i] += double{values[i]};
    }
    double squares = 0;
    for (std::size_t i = 0; i < x.size(); ++i) squares += std::pow(sum[i] / kRounds - double{x[i]}, 2);
    EXPECT_LT(squares / squared_norm(x), 0.01) << encoding;
  }
}

TEST(UpdateEncodings, NothingAtAllIsSentAndReadBack) {
  for (const std::int64_t columns : {1, 2, 63, 64, 65, 4097}) {
    const auto layout = weights(1, columns);
    const std::vector<float> zero(layout.size());
    for (const char* encoding : {"float32", "int8", "int4", "rotated:1", "rotated:3", "topk:0.1", "ternary:0.1"})
      EXPECT_EQ(send(layout, encoding, zero).values, zero) << encoding << columns;
  }
}

TEST(UpdateEncodings, TheSmallestAndLargestValuesAreSentInEveryShape) {
  for (const float size : {1e-44F, 1e-38F, 1e-30F, 1e-20F, 100.0F}) {
    for (const std::int64_t columns : {1, 3, 63, 64, 200, 4096, 5000}) {
      const auto layout = weights(1, columns);
      auto x = normal_values(layout.size(), 7);
      for (float& value : x) value = std::clamp(value, -1.0F, 1.0F) * size;
      for (const char* encoding : {"float32", "int8", "int4", "rotated:1", "rotated:4", "topk:0.1", "ternary:0.1"}) {
        for (const float value : send(layout, encoding, x).values) ASSERT_TRUE(std::isfinite(value)) << encoding;
      }
    }
  }
}

TEST(UpdateEncodings, ExpectedBytesAreWithinTwoPercent) {
  const auto layout = weights(500, 500);
  const auto x = normal_values(layout.size(), 8);
  for (const char* text : {"float32", "int8", "int4", "rotated:1", "rotated:4", "topk:0.01", "ternary:0.0025"}) {
    const auto encoding = UpdateEncoding::parse(text);
    const Bytes blob = encode_update(layout, x, {}, encoding, RandomStream(1, "rounding"));
    EXPECT_NEAR(static_cast<double>(blob.size()) / static_cast<double>(encoding.expected_bytes(layout)), 1, 0.02)
        << text;
    EXPECT_LE(blob.size(), max_update_bytes(layout, encoding));
  }
}

TEST(UpdateEncodings, ABudgetChoosesTheMostExactThatFits) {
  const auto layout = weights(1000, 1000);
  EXPECT_EQ(encoding_within(layout, 5'000'000).text(), "float32");
  EXPECT_EQ(encoding_within(layout, 1'100'000).text(), "int8");
  EXPECT_EQ(encoding_within(layout, 300'000).text(), "rotated:2");
  EXPECT_EQ(encoding_within(layout, 12'000).text(), "ternary:0.01");
  EXPECT_EQ(encoding_within(layout, 3'600).text(), "ternary:0.0025");
  try {
    encoding_within(layout, 10);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Malformed);
    EXPECT_NE(std::string(e.what()).find("ternary:0.0025"), std::string::npos) << e.what();
  }
}

// The conditions of Lloyd and Max, by numerical integration of the normal density.
TEST(GaussianLevels, AreTheMeansOfWhatIsNearestToThem) {
  for (unsigned bits = 1; bits <= kMaxLevelBits; ++bits) {
    const unsigned levels = 1u << (bits - 1);
    for (unsigned i = 0; i < levels; ++i) {
      const double low = i == 0 ? 0 : double{kGaussianThresholds[bits - 1][i - 1]};
      const double high = i + 1 == levels ? 12 : double{kGaussianThresholds[bits - 1][i]};
      // Integral of x phi(x) is phi(low) - phi(high); of phi(x) half the difference of the error functions.
      const double mass = 0.5 * (std::erf(high / std::sqrt(2.0)) - std::erf(low / std::sqrt(2.0)));
      const double moment = (std::exp(-low * low / 2) - std::exp(-high * high / 2)) / std::sqrt(2 * M_PI);
      EXPECT_NEAR(double{kGaussianLevels[bits - 1][i]}, moment / mass, 2e-6) << bits << " " << i;
    }
  }
}

TEST(Rotation, KernelsOfAllInstructionSetsGiveTheSameBits) {
  const auto x = normal_values(4096, 9);
  std::vector<std::uint16_t> bits(1024);
  kPortableKernels.dither(77, 5, bits.data());
  for (std::size_t n = 64; n <= 4096; n *= 2) {
    std::vector<std::vector<float>> rotated, levels;
    std::vector<std::vector<std::uint8_t>> codes;
    std::vector<double> dots;
    for (const Kernels* k : available_kernels()) {
      std::vector<float> y(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(n));
      k->flip_signs(y.data(), n, bits.data());
      k->hadamard(y.data(), n);
      rotated.push_back(y);
      codes.emplace_back(n);
      k->nearest_levels(y.data(), n, 0.01F, kGaussianThresholds[3].data(), kGaussianLevels[3].data(), 8,
                        codes.back().data());
      dots.push_back(k->dot(y.data(), rotated.back().data(), n));
      k->scale_by(y.data(), n, 0.3F);
      levels.push_back(y);
    }
    for (std::size_t i = 1; i < rotated.size(); ++i) {
      EXPECT_EQ(rotated[i], rotated[0]);
      EXPECT_EQ(levels[i], levels[0]);
      EXPECT_EQ(codes[i], codes[0]);
      EXPECT_EQ(dots[i], dots[0]);
    }
  }
}

TEST(Rotation, TheTransformIsItsOwnInverse) {
  auto y = normal_values(1024, 10);
  const auto x = y;
  kernels().hadamard(y.data(), y.size());
  EXPECT_NEAR(squared_norm(y) / squared_norm(x), 1024, 0.1);
  kernels().hadamard(y.data(), y.size());
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i] / 1024, x[i], 1e-5);
}

}  // namespace
}  // namespace tributary::codec
