// Blobs of edge copies that no encoder wrote: refused with their kind, or harmless.
#include <cmath>
#include <functional>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/codec/edge_copy.h"
#include "tests/codec/edge_models.h"

namespace tributary::codec {
namespace {

// A blob in a buffer of its own size, so that a sanitizer sees a read past it.
class EdgeBlob {
 public:
  EdgeBlob(const model::ParameterSet& master, const EdgePlan& plan)
      : layout_(master.layout_ptr()), blob_(encode_edge_copy(master, {}, plan).blob) {}

  const Bytes& bytes() const { return blob_; }
  EdgeBlob with(const std::function<void(Bytes&)>& change) const {
    EdgeBlob changed = *this;
    change(changed.blob_);
    changed.blob_.shrink_to_fit();
    return changed;
  }
  EdgeBlob with_byte(std::size_t at, std::uint8_t value) const {
    return with([=](Bytes& blob) { blob[at] = static_cast<std::byte>(value); });
  }

  // Why it is refused, or nothing. What is accepted is finite, and the same on several threads.
  std::optional<Error::Kind> refusal(const model::LayoutPtr& layout = {}, const DecodeLimits& limits = {}) const {
    try {
      const model::ParameterSet values = decode_edge_copy(blob_, layout ? layout : layout_, limits);
      for (const float v : values.values()) EXPECT_TRUE(std::isfinite(v));
      const EdgeCopy again = decode_edge_copy_quantized(blob_, layout ? layout : layout_, {.threads = 2});
      EXPECT_TRUE(same_bits(again.values.values(), values.values()));
      return std::nullopt;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("edge copy: "), 0U) << error.what();
      return error.kind();
    }
  }
  bool malformed() const { return refusal() == Error::Kind::Malformed; }

 private:
  model::LayoutPtr layout_;
  Bytes blob_;
};

// Blobs with raw, coded and constant masks and values.
std::vector<EdgeBlob> small_blobs() {
  std::vector<EdgeBlob> blobs;
  for (EdgePlan plan : forms()) {
    blobs.emplace_back(model::ParameterSet(small_model()), plan);
    for (const double sparsity : {0.0, 0.5, 0.9}) {
      plan.sparsity = sparsity;
      blobs.emplace_back(gaussian(small_model()), plan);
    }
  }
  return blobs;
}

// One tensor whose streams have 32 lanes.
EdgeBlob coded_blob(unsigned bits, double sparsity = 0.8) {
  const auto layout =
      std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{weight("w", {9, 15000}, 9, 15000)});
  return {gaussian(layout), EdgePlan{bits, sparsity}};
}

TEST(EdgeBlob, EveryTruncationIsRefused) {
  for (const EdgeBlob& blob : small_blobs()) {
    ASSERT_EQ(blob.refusal(), std::nullopt);
    for (std::size_t length = 0; length < blob.bytes().size(); ++length) {
      ASSERT_TRUE(blob.with([=](Bytes& b) { b.resize(length); }).malformed()) << length;
    }
  }
}

TEST(EdgeBlob, TruncationsOfLongStreamsAreRefused) {
  const EdgeBlob blob = coded_blob(8);
  ASSERT_EQ(blob.refusal(), std::nullopt);
  for (std::size_t cut = 1; cut < blob.bytes().size(); cut += 41) {
    ASSERT_TRUE(blob.with([=](Bytes& b) { b.resize(b.size() - cut); }).malformed()) << cut;
  }
}

TEST(EdgeBlob, TrailingBytesAreRefused) {
  for (const EdgeBlob& blob : small_blobs()) {
    for (std::size_t extra = 1; extra < 80; ++extra) {
      ASSERT_TRUE(blob.with([=](Bytes& b) { b.resize(b.size() + extra); }).malformed()) << extra;
    }
  }
}

TEST(EdgeBlob, AFlippedBitIsRefusedOrHarmless) {
  for (const EdgeBlob& blob : small_blobs()) {
    for (std::size_t bit = 0; bit < blob.bytes().size() * 8; ++bit) {
      blob.with([=](Bytes& b) { b[bit / 8] ^= std::byte{1} << (bit % 8); }).refusal();
    }
  }
  RandomStream random(1, "flips");
  for (const unsigned bits : {8u, 32u}) {
    const EdgeBlob blob = coded_blob(bits);
    for (int trial = 0; trial < 1200; ++trial) {
      const std::size_t bit =
          trial < 600 ? 8 * 40 + static_cast<std::size_t>(trial) : random.below(blob.bytes().size() * 8);
      blob.with([=](Bytes& b) { b[bit / 8] ^= std::byte{1} << (bit % 8); }).refusal();
    }
  }
}

TEST(EdgeBlob, RandomBytesBehindAGoodHeaderAreRefusedOrHarmless) {
  RandomStream random(2, "noise");
  const std::vector<EdgeBlob> blobs = small_blobs();
  int accepted = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    const EdgeBlob blob = blobs[static_cast<std::size_t>(trial) % blobs.size()].with([&](Bytes& b) {
      for (std::uint64_t changes = 1 + random.below(6); changes > 0; --changes) {
        b[40 + random.below(b.size() - 40)] = static_cast<std::byte>(random.next_u32());
      }
    });
    accepted += blob.refusal() == std::nullopt;
  }
  EXPECT_GT(accepted, 100);
}

TEST(EdgeBlob, HeadersOfAnotherKindVersionOrModelAreRefused) {
  const EdgeBlob blob(gaussian(small_model()), {.bits = 8, .sparsity = 0.5});
  EXPECT_EQ(blob.with_byte(0, 'X').refusal(), Error::Kind::Malformed) << "magic";
  EXPECT_EQ(blob.with_byte(4, 2).refusal(), Error::Kind::Unsupported) << "newer version";
  EXPECT_EQ(blob.with_byte(5, 3).refusal(), Error::Kind::Unsupported) << "bits";
  for (const auto& [at, byte] : {std::pair{6, 1}, {6, 32}, {6, 96}, {7, 3}}) {
    EXPECT_EQ(blob.with_byte(static_cast<std::size_t>(at), static_cast<std::uint8_t>(byte)).refusal(),
              Error::Kind::Malformed)
        << "a block of no power of two, or too small";
  }
  EXPECT_EQ(blob.with_byte(39, static_cast<std::uint8_t>(blob.bytes()[39]) ^ 1).refusal(), Error::Kind::Malformed);
  EXPECT_EQ(blob.refusal(many_shapes()), Error::Kind::Malformed) << "layout";
}

TEST(EdgeBlob, AModelOverTheLimitIsRefusedBeforeItIsAllocated) {
  const EdgeBlob blob = small_blobs()[0];
  EXPECT_EQ(blob.refusal({}, {.max_parameters = small_model()->size() - 1}), Error::Kind::Overloaded);
  EXPECT_EQ(blob.refusal({}, {.max_parameters = small_model()->size()}), std::nullopt);
  const auto huge = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{weight("w", {1 << 17, 1 << 17}, 1 << 17, 1 << 17)});
  EXPECT_EQ(blob.refusal(huge), Error::Kind::Overloaded);
}

TEST(EdgeBlob, ScalesAreFiniteAndNotNegative) {
  const EdgeBlob blob(gaussian(small_model()), {.bits = 8, .sparsity = 0.5});
  const auto with_scale = [&](std::uint16_t scale) {
    return blob.with_byte(40, static_cast<std::uint8_t>(scale)).with_byte(41, static_cast<std::uint8_t>(scale >> 8));
  };
  EXPECT_TRUE(with_scale(0x7F80).malformed()) << "infinite";
  EXPECT_TRUE(with_scale(0x7FC0).malformed()) << "not a number";
  EXPECT_TRUE(with_scale(0x8000).malformed()) << "-0";
  EXPECT_TRUE(with_scale(0xBF80).malformed()) << "-1";
  EXPECT_TRUE(with_scale(0x7F00).malformed()) << "2^127: infinite times 127";
  EXPECT_EQ(with_scale(0x3F80).refusal(), std::nullopt);
}

TEST(EdgeBlob, ValuesOfTheOtherTensorsAreFinite) {
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{other("b", {4}, model::Role::Vector)});
  const EdgeBlob blob(gaussian(layout), {});
  EXPECT_TRUE(blob.with_byte(43, 0x7F).with_byte(42, 0x80).malformed());
  const EdgeBlob weights(gaussian(small_model()), {.bits = 32, .sparsity = 0});
  // Header, constant mask, length of the block, first value.
  EXPECT_TRUE(weights.with_byte(40 + 2 + 4 + 3, 0x7F).with_byte(40 + 2 + 4 + 2, 0xC0).malformed());
}

TEST(EdgeBlob, IntegersThatTheBitsDoNotHoldAreRefused) {
  const EdgeBlob plain(gaussian(small_model()), {.bits = 8, .sparsity = 0.5, .levels = 7});
  EXPECT_EQ(plain.with_byte(5, 4).refusal(), std::nullopt) << "seven is what four bits hold";
  EXPECT_TRUE(plain.with_byte(5, 2).malformed()) << "but not two";
  const EdgeBlob eight(gaussian(small_model()), {.bits = 8, .sparsity = 0.5, .levels = 8});
  EXPECT_TRUE(eight.with_byte(5, 4).malformed());
  const EdgeBlob coded = coded_blob(8);  // integers up to 16, by a model
  EXPECT_TRUE(coded.with_byte(5, 4).malformed());
  const EdgeBlob ones(gaussian(small_model()), {.bits = 4, .sparsity = 0.5, .levels = 1});
  EXPECT_EQ(ones.with_byte(5, 2).refusal(), std::nullopt);
  const EdgeBlob floats(gaussian(small_model()), {.bits = 32});
  EXPECT_TRUE(floats.with_byte(6, 64).malformed()) << "floats have no scales";
}

TEST(EdgeBlob, AMaskThatDoesNotMatchItsValuesIsRefused) {
  // 9 elements of which 4 stay: magic..digest, scale, raw mask, values; see edge_format.h.
  const auto layout =
      std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{weight("w", {1, 9}, 1, 9)});
  const EdgeBlob blob(filled(layout, [](std::uint64_t i) { return static_cast<float>(i * i) - 30.0F; }),
                      {.sparsity = 0.5});
  const std::size_t mask = 40 + 2 + 1 + 1 + 4;
  ASSERT_EQ(blob.bytes().size(), mask + 2 + 4);
  const auto first = static_cast<std::uint8_t>(blob.bytes()[mask]),
             last = static_cast<std::uint8_t>(blob.bytes()[mask + 1]);
  EXPECT_TRUE(blob.with_byte(mask, first ^ 1).malformed()) << "a value more or less than there are";
  EXPECT_TRUE(blob.with_byte(mask + 1, last ^ 2).malformed()) << "a bit beyond the last element";
  EXPECT_TRUE(blob.with_byte(mask + 2, 0).malformed()) << "a kept value that is 0";
  EXPECT_TRUE(blob.with_byte(mask + 2, 128).malformed()) << "-128";
}

}  // namespace
}  // namespace tributary::codec
