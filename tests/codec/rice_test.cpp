#include "common/codec/rice.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace tributary::codec {
namespace {

TEST(Rice, GapsAndBitsAreReadBack) {
  RandomStream random(1, "gaps");
  for (unsigned k = 0; k <= kMaxRice; k += 3) {
    std::vector<std::uint32_t> gaps;
    for (int i = 0; i < 300; ++i) gaps.push_back(static_cast<std::uint32_t>(random.below(200u << k)));
    BitWriter out;
    for (const std::uint32_t gap : gaps) {
      out.put_rice(gap, k);
      out.put(gap % 8, 3);
    }
    const Bytes bytes = out.take();
    BitReader in(bytes);
    for (const std::uint32_t gap : gaps) {
      ASSERT_EQ(in.get_rice(k), gap);
      ASSERT_EQ(in.get(3), gap % 8);
    }
    EXPECT_TRUE(in.at_end());
  }
}

TEST(Rice, PastTheEndThereAreZerosAndItShows) {
  const Bytes bytes = {std::byte{0xFF}};
  BitReader in(bytes);
  EXPECT_FALSE(in.at_end());
  EXPECT_EQ(in.get_rice(0), 8u);
  EXPECT_TRUE(in.overrun());
  EXPECT_FALSE(in.at_end());
  EXPECT_EQ(in.get(32), 0u);
}

TEST(Rice, SetBitsBehindTheEndAreNoEnd) {
  const Bytes bytes = {std::byte{0b1001'0000}};
  BitReader in(bytes);
  EXPECT_EQ(in.get(5), 0b1'0000u);
  EXPECT_FALSE(in.at_end());
}

TEST(Rice, TheBestParameterIsTheBestOfAll) {
  RandomStream random(2, "gaps");
  for (const std::uint64_t mean : {1, 5, 100, 5000}) {
    std::vector<std::uint32_t> gaps;
    for (int i = 0; i < 500; ++i)
      gaps.push_back(static_cast<std::uint32_t>(-std::log(1 - random.uniform()) * static_cast<double>(mean)));
    const auto bits = [&](unsigned k) {
      std::uint64_t sum = 0;
      for (const std::uint32_t gap : gaps) sum += (gap >> k) + 1 + k;
      return sum;
    };
    for (unsigned k = 0; k <= kMaxRice; ++k) EXPECT_LE(bits(best_rice(gaps)), bits(k));
  }
}

}  // namespace
}  // namespace tributary::codec
