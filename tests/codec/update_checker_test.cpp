#include "common/codec/update_checker.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

namespace tributary::codec {
namespace {

using model::ParameterLayout;
using model::Role;

// A matrix of several pieces, its bias, a batch statistic, and another matrix.
const ParameterLayout& layout() {
  static const ParameterLayout made({{"w", {50, 261}, Role::Weight, 0, 0, 50, 261},
                                     {"b", {50}, Role::Vector},
                                     {"mean", {50}, Role::State},
                                     {"v", {10, 50}, Role::Weight, 0, 0, 10, 50}});
  return made;
}

Bytes encoded(const std::string& encoding) {
  RandomStream random(1, "delta");
  std::vector<float> delta(layout().size());
  for (float& value : delta) value = static_cast<float>(0.01 * random.normal());
  return encode_update(layout(), delta, {}, UpdateEncoding::parse(encoding), random);
}

// Fed in parts of up to `longest` bytes.
std::optional<UpdateCheck> fed(const Bytes& blob, std::size_t longest, const UpdateLimits& limits = {}) {
  RandomStream random(longest, "parts");
  UpdateChecker checker(layout());
  ByteSpan rest = blob;
  while (!rest.empty()) {
    const std::size_t count = std::min<std::size_t>(rest.size(), 1 + random.below(longest));
    checker.feed(rest.first(count));
    rest = rest.subspan(count);
  }
  return checker.finish(limits);
}

void expect_same(const Bytes& blob, const UpdateLimits& limits = {}) {
  const UpdateCheck whole = check_update(blob, layout(), limits);
  for (const std::size_t longest : {1UL, 7UL, 1000UL, 5000UL, 1UL << 20}) {
    const auto check = fed(blob, longest, limits);
    ASSERT_TRUE(check);
    EXPECT_EQ(check->fault, whole.fault) << longest << ": " << check->detail << " / " << whole.detail;
    EXPECT_EQ(check->norm, whole.norm);
  }
}

TEST(UpdateChecker, SaysWhatTheCheckOfTheWholeSaysHoweverTheBytesArrive) {
  for (const std::string encoding : {"float32", "int8", "int4"}) {
    SCOPED_TRACE(encoding);
    const Bytes blob = encoded(encoding);
    ASSERT_EQ(check_update(blob, layout()).fault, UpdateFault::None);
    expect_same(blob);
    expect_same(blob, {.max_norm = 1e-3});
  }
}

TEST(UpdateChecker, FindsTheFaultsThatTheCheckOfTheWholeFinds) {
  for (const std::string encoding : {"float32", "int8", "int4"}) {
    const Bytes good = encoded(encoding);
    for (std::size_t at = 0; at < good.size(); at += at < 60 ? 1 : 211) {
      SCOPED_TRACE(encoding + " byte " + std::to_string(at));
      Bytes bad = good;
      bad[at] ^= std::byte{0xff};
      expect_same(bad);
    }
  }
}

TEST(UpdateChecker, FindsValuesThatAreNotFiniteInAnyTensor) {
  const Bytes good = encoded("float32");
  for (const std::size_t value : {0UL, 13050UL, 13149UL, 13649UL}) {
    Bytes bad = good;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(bad.data() + 48 + value * sizeof(float), &nan, sizeof nan);
    ASSERT_EQ(check_update(bad, layout()).fault, UpdateFault::NotFinite);
    expect_same(bad);
  }
}

TEST(UpdateChecker, RefusesWhatIsTooShortAndWhatIsTooLong) {
  for (const std::string encoding : {"float32", "int8"}) {
    Bytes blob = encoded(encoding);
    expect_same(Bytes(blob.begin(), blob.end() - 1));
    expect_same(Bytes(blob.begin(), blob.begin() + 30));
    expect_same(Bytes(blob.begin(), blob.begin() + 48));
    expect_same({});
    blob.push_back(std::byte{0});
    expect_same(blob);
  }
}

TEST(UpdateChecker, LeavesToTheCheckOfTheWholeWhatCannotBeCutBefore) {
  for (const std::string encoding : {"rotated:2", "topk:0.05", "ternary:0.05"}) {
    EXPECT_FALSE(fed(encoded(encoding), 100)) << encoding;
  }
}

TEST(UpdateChecker, SaysAtOnceWhatIsNoUpdateOfThisModel) {
  UpdateChecker checker(layout());
  checker.feed(Bytes(48));
  EXPECT_EQ(checker.finish()->fault, UpdateFault::Malformed);
}

}  // namespace
}  // namespace tributary::codec
