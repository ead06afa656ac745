#include "common/codec/kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "common/codec/symbol_model.h"
#include "tests/codec/unaligned.h"

namespace tributary::codec {
namespace {

constexpr std::size_t kMaxLength = 1100;

// Every variant beside the plain one, on every length, at addresses that no register likes.
class KernelsTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& plain() const { return kPortableKernels; }
  const Kernels& fast() const { return *GetParam(); }

  template <class Body>
  void for_lengths(std::size_t most, Body&& body) {
    for (std::size_t n = 0; n <= most; ++n) {
      body(n, n % 67);
      if (HasFatalFailure()) return;
    }
  }

  RandomStream random_{7, "kernels"};
};

// Numbers of every size and kind: what a hostile blob may hold.
float any_float(RandomStream& random) {
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  constexpr std::array<float, 12> kOdd = {0.0F,      -0.0F,      1.0F,      -1.0F,    kInfinite, -kInfinite,
                                          0x1p-149F, -0x1p-127F, 0x1.8p22F, 0x1p-40F, 3e38F,     -3e38F};
  if (random.below(4) == 0) return kOdd[random.below(kOdd.size())];
  if (random.below(16) == 0) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(random.next_u32());
}

// Values whose quotient by a power of two is often exactly between two integers.
float tie_float(RandomStream& random, float scale) {
  const auto halves = static_cast<float>(static_cast<int>(random.below(505)) - 252);
  return random.below(2) == 0 ? scale * halves / 2 : scale * static_cast<float>(random.uniform() * 252 - 126);
}

TEST_P(KernelsTest, LargestMagnitudesAreTheSame) {
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    Unaligned<float> x(n, shift);
    for (float& v : x) v = any_float(random_);
    ASSERT_EQ(fast().max_magnitude(x.data(), n), plain().max_magnitude(x.data(), n)) << n;
    Unaligned<Magnitude> maxima(n, shift), expected(n, 0);
    for (std::size_t i = 0; i < n; ++i) maxima[i] = expected[i] = random_.next_u32() >> 1;
    fast().max_magnitude_each(x.data(), n, maxima.data());
    plain().max_magnitude_each(x.data(), n, expected.data());
    ASSERT_TRUE(maxima.same_as(expected)) << n;
  });
}

TEST_P(KernelsTest, SumsOfFiniteFloatsAreTheSame) {
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    Unaligned<float> a(n, shift), b(n, 0), sum(n, shift), expected(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = static_cast<float>(random_.normal());
      b[i] = std::ldexp(static_cast<float>(random_.normal()), static_cast<int>(random_.below(200)) - 150);
    }
    fast().add(a.data(), b.data(), n, sum.data());
    plain().add(a.data(), b.data(), n, expected.data());
    ASSERT_TRUE(sum.same_as(expected)) << n;
  });
}

TEST_P(KernelsTest, MagnitudesOfABinAreCollectedInOrder) {
  constexpr unsigned kShift = 19;
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    Unaligned<float> x(n, shift);
    for (float& v : x) v = n % 2 == 0 ? any_float(random_) : static_cast<float>(1 + random_.below(3));
    const Magnitude bin = n == 0 ? 0 : std::bit_cast<Magnitude>(std::abs(x[random_.below(n)])) >> kShift;
    std::vector<Magnitude> expected;
    for (const float v : x) {
      const Magnitude magnitude = std::bit_cast<Magnitude>(v) & 0x7FFFFFFFu;
      if (magnitude >> kShift == bin) expected.push_back(magnitude);
    }
    Unaligned<Magnitude> found(n + kSlack / sizeof(Magnitude), shift);
    ASSERT_EQ(fast().collect(x.data(), n, kShift, bin, found.data()), expected.size()) << n;
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), found.begin())) << n;
  });
}

TEST_P(KernelsTest, WeightsAreQuantizedTheSameAndAsDefined) {
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    const float scale = std::ldexp(1.0F, static_cast<int>(random_.below(60)) - 30);
    Unaligned<float> x(n, shift), scales(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = tie_float(random_, scale);
      scales[i] = random_.below(9) == 0 ? 0.0F : scale * (random_.below(2) == 0 ? 1.0F : 1.5F);
    }
    const Magnitude keep_from = random_.below(3) == 0 ? 0 : std::bit_cast<Magnitude>(scale * 40);
    for (const bool each : {false, true}) {
      for (const bool with_residual : {false, true}) {
        Unaligned<float> got = x, expected = x, residual(n, shift), expected_residual(n, 0);
        Unaligned<std::int8_t> q(n, shift), expected_q(n, 0);
        QuantizeRun run{got.data(), n, scale, each ? scales.data() : nullptr, keep_from, q.data(), nullptr};
        if (with_residual) run.residual = residual.data();
        fast().quantize(run);
        run.x = expected.data();
        run.q = expected_q.data();
        if (with_residual) run.residual = expected_residual.data();
        plain().quantize(run);
        ASSERT_TRUE(got.same_as(expected) && q.same_as(expected_q)) << n;
        ASSERT_TRUE(residual.same_as(expected_residual)) << n;
        for (std::size_t i = 0; i < n; ++i) {
          const float s = each ? scales[i] : scale;
          const bool kept = s > 0 && std::bit_cast<Magnitude>(std::abs(x[i])) >= keep_from;
          ASSERT_EQ(q[i], kept ? std::nearbyint(x[i] / s) : 0);
          ASSERT_EQ(got[i], s * static_cast<float>(q[i]));
          ASSERT_EQ(residual[i], with_residual && kept ? x[i] - got[i] : 0);
        }
      }
    }
  });
}

TEST_P(KernelsTest, WeightsBecomeTernaryTheSameAndAsDefined) {
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    const float scale = std::ldexp(1.0F, static_cast<int>(random_.below(60)) - 30);
    Unaligned<float> x(n, shift), scales(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = tie_float(random_, scale);
      scales[i] = random_.below(9) == 0 ? 0.0F : scale * (random_.below(2) == 0 ? 1.0F : 1.5F);
    }
    const Magnitude keep_from = random_.below(3) == 0 ? 1 : std::bit_cast<Magnitude>(scale);
    for (const bool each : {false, true}) {
      Unaligned<float> got = x, expected = x, residual(n, shift), expected_residual(n, 0);
      Unaligned<std::int8_t> q(n, shift), expected_q(n, 0);
      QuantizeRun run{got.data(), n, scale, each ? scales.data() : nullptr, keep_from, q.data(), residual.data()};
      fast().ternarize(run);
      run = {expected.data(), n, scale, run.scales, keep_from, expected_q.data(), expected_residual.data()};
      plain().ternarize(run);
      ASSERT_TRUE(got.same_as(expected) && q.same_as(expected_q) && residual.same_as(expected_residual)) << n;
      Unaligned<float> bare = x;
      run = {bare.data(), n, scale, run.scales, keep_from, q.data(), nullptr};
      fast().ternarize(run);
      ASSERT_TRUE(bare.same_as(expected)) << n;
      for (std::size_t i = 0; i < n; ++i) {
        const float s = each ? scales[i] : scale;
        const bool kept = s > 0 && std::bit_cast<Magnitude>(std::abs(x[i])) >= keep_from;
        ASSERT_EQ(q[i], !kept ? 0 : x[i] < 0 ? -1 : 1);
        ASSERT_EQ(got[i], s * static_cast<float>(q[i]));
        ASSERT_EQ(residual[i], kept ? std::clamp(x[i] - got[i], -s / 2, s / 2) : 0);
      }
    }
  });
}

TEST_P(KernelsTest, FloatsArePackedAndExpandedTheSame) {
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    Unaligned<float> x(n, shift), back(n, shift);
    const std::uint64_t density = random_.below(5);
    for (float& v : x) v = random_.below(4) < density ? any_float(random_) : 0.0F;
    const Magnitude keep_from = random_.below(2) == 0 ? 0 : std::bit_cast<Magnitude>(1e-3F);
    Unaligned<std::uint8_t> mask((n + 7) / 8, shift), expected_mask((n + 7) / 8, 0);
    Unaligned<float> kept(n + kSlack / sizeof(float), shift), expected(n + kSlack / sizeof(float), 0);
    const std::size_t count = fast().pack_float(x.data(), n, keep_from, mask.data(), kept.data());
    ASSERT_EQ(count, plain().pack_float(x.data(), n, keep_from, expected_mask.data(), expected.data())) << n;
    ASSERT_TRUE(mask.same_as(expected_mask)) << n;
    ASSERT_EQ(std::memcmp(kept.data(), expected.data(), count * sizeof(float)), 0) << n;
    if (n % 8 != 0) mask[n / 8] = static_cast<std::uint8_t>(mask[n / 8] | 0xFFu << n % 8);
    // Exactly as many as there are, so that a sanitizer sees a read past them.
    const std::vector<float> tight(kept.data(), kept.data() + count);
    fast().expand_float(mask.data(), reinterpret_cast<const BlobFloat*>(tight.data()), count, n, back.data());
    for (std::size_t i = 0; i < n; ++i) {
      const Magnitude magnitude = std::bit_cast<Magnitude>(x[i]) & 0x7FFFFFFFu;
      const std::uint32_t stays = magnitude != 0 && magnitude >= keep_from ? std::bit_cast<std::uint32_t>(x[i]) : 0;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(back[i]), stays) << n;
    }
  });
}

TEST_P(KernelsTest, IntegersAreMultipliedBackTheSame) {
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    Unaligned<std::int8_t> q(n, shift);
    Unaligned<float> scales(n, shift), out(n, shift), expected(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      q[i] = static_cast<std::int8_t>(random_.next_u32());
      scales[i] = std::abs(any_float(random_));
      if (std::isnan(scales[i]) || std::isinf(scales[i])) scales[i] = 1e-39F;
    }
    fast().dequantize(q.data(), n, 0.37F, out.data());
    plain().dequantize(q.data(), n, 0.37F, expected.data());
    ASSERT_TRUE(out.same_as(expected)) << n;
    fast().dequantize_each(q.data(), n, scales.data(), out.data());
    plain().dequantize_each(q.data(), n, scales.data(), expected.data());
    ASSERT_TRUE(out.same_as(expected)) << n;
  });
}

TEST_P(KernelsTest, PackingAndExpandingAreInverse) {
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    Unaligned<std::int8_t> q(n, shift), back(n, shift);
    const std::uint64_t density = random_.below(5);
    for (std::int8_t& v : q)
      v = random_.below(4) < density ? static_cast<std::int8_t>(random_.next_u32()) : std::int8_t{0};
    Unaligned<std::uint8_t> mask((n + 7) / 8, shift), expected_mask((n + 7) / 8, 0);
    Unaligned<std::uint8_t> symbols(n + kSlack, shift), expected_symbols(n + kSlack, 0);
    const std::size_t count = fast().pack(q.data(), n, mask.data(), symbols.data());
    ASSERT_EQ(count, plain().pack(q.data(), n, expected_mask.data(), expected_symbols.data()));
    ASSERT_EQ(count, static_cast<std::size_t>(std::count_if(q.begin(), q.end(), [](int v) { return v != 0; })));
    ASSERT_TRUE(mask.same_as(expected_mask)) << n;
    ASSERT_TRUE(std::equal(symbols.data(), symbols.data() + count, expected_symbols.data())) << n;
    ASSERT_EQ(fast().count_ones(mask.data(), mask.size()), count);
    if (n % 8 != 0) mask[n / 8] = static_cast<std::uint8_t>(mask[n / 8] | 0xFFu << n % 8);
    ASSERT_EQ(fast().expand(mask.data(), symbols.data(), n, back.data()), count);
    ASSERT_TRUE(back.same_as(q)) << n;
  });
}

TEST_P(KernelsTest, IntegersAreTakenApartByTheirBaseTheSame) {
  for_lengths(kMaxLength, [&](std::size_t n, std::size_t shift) {
    Unaligned<std::int8_t> base(n, shift), q(n, shift);
    const std::uint64_t density = random_.below(5);
    const auto any = [&] {
      return static_cast<std::int8_t>(random_.below(4) < density ? static_cast<int>(random_.below(255)) - 127 : 0);
    };
    for (std::int8_t& b : base) b = any();
    for (std::int8_t& v : q) v = any();
    Unaligned<std::int8_t> was_zero(n + kSlack, shift), expected_zero(n + kSlack, 0);
    Unaligned<std::int8_t> changes(n + kSlack, shift), expected(n + kSlack, 0);
    const std::size_t zeros = fast().take_apart(base.data(), q.data(), n, was_zero.data(), changes.data());
    ASSERT_EQ(zeros, plain().take_apart(base.data(), q.data(), n, expected_zero.data(), expected.data()));
    ASSERT_EQ(zeros, static_cast<std::size_t>(std::count(base.begin(), base.end(), std::int8_t{0})));
    ASSERT_TRUE(std::equal(was_zero.data(), was_zero.data() + zeros, expected_zero.data())) << n;
    ASSERT_TRUE(std::equal(changes.data(), changes.data() + (n - zeros), expected.data())) << n;
  });
}

TEST_P(KernelsTest, OneBadSymbolAnywhereIsSeen) {
  for_lengths(300, [&](std::size_t n, std::size_t shift) {
    Unaligned<std::uint8_t> symbols(n, shift);
    for (std::uint8_t& s : symbols) s = static_cast<std::uint8_t>(1 + random_.below(127) + 128 * random_.below(2));
    ASSERT_FALSE(fast().has_bad_symbol(symbols.data(), n));
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint8_t good = std::exchange(symbols[i], random_.below(2) == 0 ? std::uint8_t{0} : std::uint8_t{128});
      ASSERT_TRUE(fast().has_bad_symbol(symbols.data(), n)) << i << " of " << n;
      symbols[i] = good;
    }
  });
}

TEST_P(KernelsTest, DitherIsThePhiloxStreamInItsOrder) {
  const RandomStream stream(3, "dither");
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{128}, (std::uint64_t{1} << 32) - 64}) {
    Unaligned<std::uint16_t> out(kKernelBlock, 3);
    fast().dither(stream.key(), first, out.data());
    for (std::size_t i = 0; i < kKernelBlock; ++i) {
      const std::uint32_t word = stream.block(first + 8 * (i / 64) + i % 8)[i % 64 / 16];
      ASSERT_EQ(out[i], static_cast<std::uint16_t>(i / 8 % 2 == 0 ? word : word >> 16)) << i;
    }
  }
}

TEST_P(KernelsTest, UpdatesAreRoundedTheSameAndWithinOneStep) {
  for_lengths(kKernelBlock, [&](std::size_t n, std::size_t shift) {
    const float scale =
        std::ldexp(1.0F + static_cast<float>(random_.uniform()), static_cast<int>(random_.below(40)) - 30);
    Unaligned<float> x(n, shift), residual(n, shift), expected_residual(n, 0);
    Unaligned<std::uint16_t> dither(n, shift);
    Unaligned<std::int8_t> q(n, shift), expected(n, 0), alone(n, shift);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = scale * static_cast<float>(random_.uniform() * 254 - 127);
      dither[i] = static_cast<std::uint16_t>(random_.below(3) == 0 ? 0xFFFF : random_.next_u32());
    }
    fast().quantize_stochastic(x.data(), n, scale, dither.data(), q.data(), residual.data());
    plain().quantize_stochastic(x.data(), n, scale, dither.data(), expected.data(), expected_residual.data());
    fast().quantize_stochastic(x.data(), n, scale, dither.data(), alone.data(), nullptr);
    ASSERT_TRUE(q.same_as(expected) && q.same_as(alone) && residual.same_as(expected_residual)) << n;
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_LE(std::abs(residual[i]), scale * 1.0001F);
      ASSERT_GE(q[i], -127);
    }
  });
}

TEST_P(KernelsTest, ChecksSeeTheSame) {
  for_lengths(kKernelBlock, [&](std::size_t n, std::size_t shift) {
    Unaligned<float> x(n, shift);
    for (float& v : x) v = n % 3 == 0 ? any_float(random_) : static_cast<float>(random_.normal());
    // In a blob they stand at any address.
    std::vector<std::byte> blob(4 * n + 1);
    const auto* floats = reinterpret_cast<const BlobFloat*>(blob.data() + 1);
    if (n > 0) std::memcpy(blob.data() + 1, x.data(), 4 * n);
    const FloatCheck got = fast().check_float(floats, n), expected = plain().check_float(floats, n);
    ASSERT_EQ(got.largest, expected.largest);
    ASSERT_EQ(got.largest, plain().max_magnitude(x.data(), n));
    ASSERT_TRUE(std::isnan(expected.squares) ? std::isnan(got.squares) : got.squares == expected.squares) << n;

    Unaligned<std::int8_t> q(n, shift);
    std::uint32_t squares = 0;
    for (std::int8_t& v : q) {
      v = n % 5 == 0 ? std::int8_t{127} : static_cast<std::int8_t>(static_cast<int>(random_.below(255)) - 127);
      squares += static_cast<std::uint32_t>(v * v);
    }
    ASSERT_EQ(fast().check_int8(q.data(), n).squares, squares);
    ASSERT_FALSE(fast().check_int8(q.data(), n).has_minus_128);
    if (n == 0) return;
    q[random_.below(n)] = -128;
    ASSERT_TRUE(fast().check_int8(q.data(), n).has_minus_128);
  });
}

TEST_P(KernelsTest, StreamsOfAnyBytesAreDecodedTheSame) {
  Counts counts{};
  for (unsigned s = 1; s < 256; ++s) counts[s] = s == 128 ? 0 : 1 + random_.below(1000);
  ByteWriter description;
  const SymbolModel model = fit_model(counts, Alphabet::Values, description);
  ASSERT_EQ(model.kind, SymbolModel::Kind::Coded);
  std::vector<std::uint32_t> table;
  for (std::uint32_t s = 0; s < 256; ++s) {
    for (std::uint32_t i = 0; i < model.frequency[s]; ++i) {
      table.push_back(s | static_cast<std::uint32_t>(model.frequency[s]) << 8 | i << 20);
    }
  }
  for_lengths(200, [&](std::size_t groups, std::size_t shift) {
    Unaligned<std::byte> words(groups * 40, shift);
    for (std::byte& b : words) b = static_cast<std::byte>(random_.next_u32());
    std::array<std::uint32_t, 32> states, expected_states;
    for (std::uint32_t& x : states) x = (1u << 15) + static_cast<std::uint32_t>(random_.below((1u << 31) - (1u << 15)));
    expected_states = states;
    Unaligned<std::uint8_t> out(groups * 32, shift), expected(groups * 32, 0);
    RansCursor cursor{states.data(), words.data(), words.data() + words.size()};
    RansCursor expected_cursor{expected_states.data(), words.data(), words.data() + words.size()};
    ASSERT_EQ(fast().rans_decode(table.data(), cursor, groups, out.data()),
              plain().rans_decode(table.data(), expected_cursor, groups, expected.data()));
    ASSERT_EQ(cursor.words, expected_cursor.words);
    ASSERT_EQ(states, expected_states);
    ASSERT_TRUE(out.same_as(expected));
  });
}

INSTANTIATE_TEST_SUITE_P(Variants, KernelsTest,
                         ::testing::ValuesIn(available_kernels().begin(), available_kernels().end()),
                         [](const auto& variant) { return std::string(variant.param->name); });

TEST(Kernels, TheFastestVariantIsAmongThoseAvailable) {
  EXPECT_EQ(available_kernels().front(), &kPortableKernels);
  EXPECT_EQ(available_kernels().back(), &kernels());
}

}  // namespace
}  // namespace tributary::codec
