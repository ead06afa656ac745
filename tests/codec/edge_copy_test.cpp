#include "common/codec/edge_copy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/model/zoo.h"
#include "tests/codec/edge_models.h"

namespace tributary::codec {
namespace {

using model::ParameterSet;
using model::Role;

std::vector<EdgePlan> plans() {
  std::vector<EdgePlan> all;
  for (const EdgePlan& form : forms()) {
    for (const double sparsity : {0.0, 0.3, 0.5, 0.93}) {
      for (const bool per_layer : {true, false}) {
        all.push_back(form);
        all.back().sparsity = sparsity;
        all.back().per_layer = per_layer;
      }
    }
  }
  return all;
}

std::string text_of(const EdgePlan& plan) {
  return std::to_string(plan.bits) + " bits, block " + std::to_string(plan.block) + ", sparsity " +
         std::to_string(plan.sparsity) + (plan.per_layer ? " per layer" : " global");
}

// What a participant gets is what the coordinator has: values, integers, sparsity.
EdgeCopy expect_there_and_back(const ParameterSet& master, const EdgePlan& plan, std::span<float> residual = {}) {
  EdgeCopy made = encode_edge_copy(master, residual, plan);
  EXPECT_TRUE(same_bits(decode_edge_copy(made.blob, master.layout_ptr()).values(), made.values.values()));
  const EdgeCopy back = decode_edge_copy_quantized(made.blob, master.layout_ptr(), {.threads = 3});
  EXPECT_TRUE(same_bits(back.values.values(), made.values.values()));
  EXPECT_EQ(back.blob, made.blob);
  EXPECT_EQ(back.sparsity, made.sparsity);
  EXPECT_EQ(back.quantized.size(), made.quantized.size());
  for (std::size_t t = 0; t < back.quantized.size(); ++t) {
    EXPECT_EQ(back.quantized[t].q, made.quantized[t].q);
    EXPECT_TRUE(same_bits(back.quantized[t].scale, made.quantized[t].scale));
    EXPECT_EQ(back.quantized[t].block, plan.block);
  }
  return made;
}

TEST(EdgeCopy, DecodesToExactlyTheValuesOfTheEncoder) {
  const ParameterSet master = gaussian(many_shapes());
  for (const EdgePlan& plan : plans()) {
    SCOPED_TRACE(text_of(plan));
    expect_there_and_back(master, plan);
    std::vector<float> residual(master.values().size());
    expect_there_and_back(master, plan, residual);
    expect_there_and_back(master, plan, residual);
  }
}

TEST(EdgeCopy, AskedForTheBlobAloneItIsTheSameBlobAndTheSameResidual) {
  const ParameterSet master = gaussian(many_shapes());
  for (EdgePlan plan : plans()) {
    SCOPED_TRACE(text_of(plan));
    std::vector<float> residual(master.values().size(), 0.001F), in_place = residual;
    for (int round = 0; round < 3; ++round) {
      plan.result = EdgePlan::Result::Whole;
      const EdgeCopy whole = encode_edge_copy(master, residual, plan);
      plan.result = EdgePlan::Result::Blob;
      const EdgeCopy bare = encode_edge_copy(master, in_place, plan);
      EXPECT_EQ(bare.blob, whole.blob);
      EXPECT_EQ(bare.sparsity, whole.sparsity);
      EXPECT_TRUE(same_bits(in_place, residual));
      EXPECT_TRUE(bare.values.empty());
      EdgePlan kept = plan;
      kept.result = EdgePlan::Result::Whole;
      EXPECT_EQ(encode_edge_copy(master, {}, plan).blob, encode_edge_copy(master, {}, kept).blob);
    }
  }
}

TEST(EdgeCopy, TheSameBlobComesInMemoryThatIsGiven) {
  const ParameterSet master = gaussian(many_shapes());
  for (const EdgePlan& plan : plans()) {
    SCOPED_TRACE(text_of(plan));
    const Bytes blob = encode_edge_copy(master, {}, plan).blob;
    Bytes memory(2 * blob.size() + 1000, std::byte{7});
    const std::byte* place = memory.data();
    const EdgeCopy copy = encode_edge_copy(master, {}, plan, std::move(memory));
    EXPECT_EQ(copy.blob, blob);
    EXPECT_EQ(copy.blob.data(), place);
    EXPECT_EQ(encode_edge_copy(master, {}, plan, Bytes(10)).blob, blob);
  }
}

TEST(EdgeCopy, TheSameBitsOnAnyNumberOfThreads) {
  const ParameterSet master = gaussian(many_shapes());
  for (EdgePlan plan : plans()) {
    SCOPED_TRACE(text_of(plan));
    std::vector<float> residual(master.values().size(), 0.001F);
    const EdgeCopy alone = encode_edge_copy(master, residual, plan);
    for (plan.threads = 2; plan.threads <= 5; ++plan.threads) {
      std::vector<float> again(master.values().size(), 0.001F);
      const EdgeCopy copy = encode_edge_copy(master, again, plan);
      EXPECT_EQ(copy.blob, alone.blob);
      EXPECT_EQ(copy.sparsity, alone.sparsity);
      EXPECT_TRUE(same_bits(again, residual));
      EXPECT_TRUE(same_bits(copy.values.values(), alone.values.values()));
    }
  }
}

TEST(EdgeCopy, ValuesAreScaleTimesInteger) {
  const ParameterSet master = gaussian(many_shapes());
  for (EdgePlan plan : forms()) {
    if (plan.bits == 32) continue;
    SCOPED_TRACE(text_of(plan));
    plan.sparsity = 0.4;
    const EdgeCopy copy = encode_edge_copy(master, {}, plan);
    std::size_t t = 0;
    for (const model::TensorSpec& spec : many_shapes()->tensors()) {
      if (spec.role != Role::Weight) {
        EXPECT_TRUE(same_bits(copy.values.tensor(spec), master.tensor(spec))) << spec.name;
        continue;
      }
      const QuantizedTensor& tensor = copy.quantized[t++];
      const ScaleGroups groups = scale_groups(spec, plan.block);
      ASSERT_EQ(tensor.scale.size(), plan.block == 0 ? spec.channels : (spec.size + plan.block - 1) / plan.block);
      for (std::uint64_t i = 0; i < spec.size; ++i) {
        const float scale = tensor.scale[groups.of(i)], x = master.tensor(spec)[i];
        ASSERT_EQ(copy.values.tensor(spec)[i], scale * static_cast<float>(tensor.q[i])) << spec.name;
        ASSERT_LE(std::abs(tensor.q[i]), static_cast<int>(levels_of(plan)));
        ASSERT_EQ(std::bit_cast<std::uint32_t>(scale) & 0xFFFFu, 0u);
        if (tensor.q[i] == 0 || plan.bits == 2) continue;
        ASSERT_NEAR(copy.values.tensor(spec)[i], x, scale * 0.5001F) << spec.name;
      }
    }
  }
}

TEST(EdgeCopy, ATernaryWeightThatStaysIsPlusOrMinusTheMeanOfThoseThatStay) {
  const ParameterSet master = gaussian(many_shapes());
  for (const unsigned block : {0u, 64u, 1024u}) {
    const EdgeCopy copy = encode_edge_copy(master, {}, {.bits = 2, .sparsity = 0.6, .block = block});
    std::size_t t = 0;
    for (const model::TensorSpec& spec : many_shapes()->tensors()) {
      if (spec.role != Role::Weight) continue;
      const QuantizedTensor& tensor = copy.quantized[t++];
      const auto pruned = static_cast<std::uint64_t>(std::llround(0.6 * static_cast<double>(spec.size)));
      EXPECT_EQ(zeros_of(copy.values.tensor(spec)), pruned) << spec.name;
      const ScaleGroups groups = scale_groups(spec, block);
      std::vector<double> sums(groups.count), counts(groups.count);
      for (std::uint64_t i = 0; i < spec.size; ++i) {
        const float x = master.tensor(spec)[i];
        if (tensor.q[i] == 0) continue;
        ASSERT_EQ(tensor.q[i], x < 0 ? -1 : 1);
        sums[groups.of(i)] += static_cast<double>(std::abs(x));
        counts[groups.of(i)] += 1;
      }
      for (std::size_t g = 0; g < groups.count; ++g) {
        const double mean = counts[g] == 0 ? 0 : sums[g] / counts[g];
        ASSERT_NEAR(static_cast<double>(tensor.scale[g]), mean, mean * 0x1p-8) << spec.name;
      }
    }
  }
}

TEST(EdgeCopy, ATernaryWeightsResidualIsAtMostHalfAScaleHoweverLongItIsKept) {
  const ParameterSet master = gaussian(many_shapes());
  std::vector<float> residual(master.values().size());
  for (int round = 0; round < 50; ++round) {
    const EdgeCopy copy = encode_edge_copy(master, residual, {.bits = 2, .sparsity = 0.5});
    EXPECT_EQ(copy.sparsity, encode_edge_copy(master, {}, {.bits = 2, .sparsity = 0.5}).sparsity);
    std::size_t t = 0;
    for (const model::TensorSpec& spec : many_shapes()->tensors()) {
      if (spec.role != Role::Weight) continue;
      const QuantizedTensor& tensor = copy.quantized[t++];
      for (std::uint64_t i = 0; i < spec.size; ++i) {
        const float scale = tensor.scale[scale_groups(spec, 0).of(i)];
        ASSERT_LE(std::abs(residual[spec.offset + i]), tensor.q[i] == 0 ? 0 : scale / 2);
      }
    }
  }
}

// What was written once is read for ever: header, two scales, models, the block.
TEST(EdgeCopy, ABlobsBytesAreThoseOfItsFormat) {
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{weight("w", {2, 4}, 2, 4), other("b", {1}, Role::Vector)});
  const float values[] = {1, -1, 0.25F, 0.5F, -2, 2, 0.125F, 0.375F, 3};
  const ParameterSet master = filled(layout, [&](std::uint64_t i) { return values[i]; });
  const auto bytes_behind_digest = [&](const EdgePlan& plan) {
    const Bytes blob = encode_edge_copy(master, {}, plan).blob;
    EXPECT_EQ(as_text(ByteSpan(blob).first(5)), "TREC\x01");
    EXPECT_EQ(Digest::from_bytes(ByteSpan(blob).subspan(8, 32)), layout->digest());
    std::string hex;
    for (const std::size_t from : {std::size_t{5}, std::size_t{40}}) {
      for (std::size_t i = from; i < (from == 5 ? 8 : blob.size()); ++i) {
        constexpr const char* kDigits = "0123456789abcdef";
        hex += kDigits[std::to_integer<unsigned>(blob[i]) >> 4];
        hex += kDigits[std::to_integer<unsigned>(blob[i]) & 15u];
      }
    }
    return hex;
  };
  const std::string bias = "00004040";
  // Raw mask 00110011: the two of each channel that stay; then the integers.
  EXPECT_EQ(bytes_behind_digest({.bits = 2, .sparsity = 0.5}),
            "020000"
            "803f"
            "0040"
            "0133"
            "00"
            "04000000"
            "01ffff01" +
                bias);
  EXPECT_EQ(bytes_behind_digest({.bits = 4, .sparsity = 0.5}),
            "040000"
            "133e"
            "933e"
            "0133"
            "00"
            "04000000"
            "07f9f907" +
                bias);
  EXPECT_EQ(bytes_behind_digest({.bits = 8, .sparsity = 0.5, .levels = 64, .block = 64}),
            "084000"
            "003d"
            "0133"
            "00"
            "04000000"
            "20e0c040" +
                bias);
}

TEST(EdgeCopy, TheLargestOfAChannelIsTheLastLevel) {
  for (const unsigned levels : {1u, 7u, 100u, 127u}) {
    const EdgeCopy copy = encode_edge_copy(gaussian(many_shapes()), {}, {.sparsity = 0, .levels = levels});
    for (const QuantizedTensor& tensor : copy.quantized) {
      int largest = 0;
      for (const int q : tensor.q) largest = std::max(largest, std::abs(q));
      EXPECT_LE(largest, static_cast<int>(levels));
      EXPECT_GE(largest, static_cast<int>(levels) - 1);
    }
  }
}

TEST(EdgeCopy, EachLayerIsAsSparseAsPlanned) {
  const ParameterSet master = gaussian(many_shapes());
  for (const unsigned bits : {8u, 32u}) {
    for (const double sparsity : {0.25, 0.5, 0.8}) {
      const EdgeCopy copy = expect_there_and_back(master, {.bits = bits, .sparsity = sparsity});
      std::uint64_t zeros = 0, total = 0;
      for (const model::TensorSpec& spec : many_shapes()->tensors()) {
        if (spec.role != Role::Weight) continue;
        const auto expected = static_cast<std::uint64_t>(std::llround(sparsity * static_cast<double>(spec.size)));
        EXPECT_EQ(zeros_of(copy.values.tensor(spec)), expected) << spec.name;
        zeros += expected;
        total += spec.size;
      }
      EXPECT_DOUBLE_EQ(copy.sparsity, static_cast<double>(zeros) / static_cast<double>(total));
    }
  }
}

TEST(EdgeCopy, OneThresholdOverAllLayersDropsTheSmallestOfAll) {
  const ParameterSet master = gaussian(many_shapes());
  for (const unsigned bits : {8u, 32u}) {
    const EdgeCopy copy = expect_there_and_back(master, {.bits = bits, .sparsity = 0.6, .per_layer = false});
    float largest_dropped = 0, smallest_kept = 1;
    std::uint64_t zeros = 0, total = 0;
    for (const model::TensorSpec& spec : many_shapes()->tensors()) {
      if (spec.role != Role::Weight) continue;
      total += spec.size;
      for (std::uint64_t i = 0; i < spec.size; ++i) {
        const float x = std::abs(master.tensor(spec)[i]);
        const bool dropped = copy.values.tensor(spec)[i] == 0;
        zeros += dropped;
        (dropped ? largest_dropped : smallest_kept) =
            dropped ? std::max(largest_dropped, x) : std::min(smallest_kept, x);
      }
    }
    EXPECT_EQ(zeros, static_cast<std::uint64_t>(std::llround(0.6 * static_cast<double>(total))));
    EXPECT_LE(largest_dropped, smallest_kept);
  }
}

TEST(EdgeCopy, OfEqualWeightsTheFirstArePruned) {
  const ParameterSet master = filled(many_shapes(), [](std::uint64_t i) { return i % 2 == 0 ? 0.5F : -0.5F; });
  for (EdgePlan plan : forms()) {
    for (const bool per_layer : {true, false}) {
      plan.per_layer = per_layer;
      const EdgeCopy copy = expect_there_and_back(master, plan);
      std::vector<bool> kept;
      for (const model::TensorSpec& spec : many_shapes()->tensors()) {
        if (spec.role != Role::Weight) continue;
        if (per_layer) kept.clear();
        for (const float v : copy.values.tensor(spec)) kept.push_back(v != 0);
        EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end())) << spec.name;
      }
      EXPECT_NEAR(copy.sparsity, 0.5, 1e-5);
    }
  }
}

TEST(EdgeCopy, TiesAcrossLayersArePrunedInOrderAndTheirChannelsLoseTheirScale) {
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{weight("a", {4, 5}, 4, 5), weight("b", {4, 5}, 4, 5)});
  const ParameterSet master = filled(layout, [](std::uint64_t) { return 1.0F; });
  const EdgeCopy copy = expect_there_and_back(master, {.sparsity = 26.0 / 40, .per_layer = false});
  EXPECT_EQ(zeros_of(copy.values.values()), 26U);
  EXPECT_EQ(zeros_of(copy.values.values().first(26)), 26U);
  EXPECT_EQ(zeros_of(copy.quantized[0].scale), 4U);
  EXPECT_EQ(zeros_of(copy.quantized[1].scale), 1U);
}

TEST(EdgeCopy, ChannelsAndTensorsOfZerosAreZeroAndTakeAlmostNothing) {
  const ParameterSet zero(many_shapes());
  for (const EdgePlan& plan : plans()) {
    SCOPED_TRACE(text_of(plan));
    const EdgeCopy copy = expect_there_and_back(zero, plan);
    EXPECT_TRUE(same_bits(copy.values.values(), zero.values()));
    EXPECT_EQ(copy.sparsity, 1);
  }
  ParameterSet master = gaussian(many_shapes());
  const model::TensorSpec& dense = *many_shapes()->find("dense");
  for (std::uint64_t i = 0; i < 61; ++i) master.tensor(dense)[3 * 61 + i] = i % 2 == 0 ? 0.0F : -0.0F;
  const EdgeCopy copy = expect_there_and_back(master, {.sparsity = 0});
  EXPECT_EQ(copy.quantized[0].scale[3], 0);
  EXPECT_TRUE(same_bits(copy.values.tensor(dense).subspan(3 * 61, 61), std::vector<float>(61)));
  EXPECT_TRUE(same_bits(expect_there_and_back(zero, {.bits = 32}).values.values(), zero.values()));
}

TEST(EdgeCopy, MagnitudesOfEverySizeSurvive) {
  RandomStream random(4, "sizes");
  const ParameterSet master = filled(many_shapes(), [&](std::uint64_t) {
    return std::ldexp(static_cast<float>(random.normal()), static_cast<int>(random.below(260)) - 149);
  });
  for (const EdgePlan& plan : plans()) {
    SCOPED_TRACE(text_of(plan));
    std::vector<float> residual(master.values().size());
    const EdgeCopy copy = expect_there_and_back(master, plan, residual);
    for (const float v : copy.values.values()) ASSERT_TRUE(std::isfinite(v));
    for (const float r : residual) ASSERT_TRUE(std::isfinite(r));
  }
}

TEST(EdgeCopy, Float32WithoutPruningIsLossless) {
  const ParameterSet master = gaussian(many_shapes());
  const EdgeCopy copy = expect_there_and_back(master, {.bits = 32, .sparsity = 0});
  EXPECT_TRUE(same_bits(copy.values.values(), master.values()));
  EXPECT_TRUE(copy.quantized.empty());
}

TEST(EdgeCopy, WhatRoundingLosesIsTheResidual) {
  const ParameterSet master = gaussian(many_shapes());
  for (const unsigned bits : {8u, 32u}) {
    std::vector<float> residual(master.values().size());
    const EdgeCopy copy = encode_edge_copy(master, residual, {.bits = bits, .sparsity = 0.5});
    bool lost = false;
    for (const model::TensorSpec& spec : many_shapes()->tensors()) {
      for (std::uint64_t i = spec.offset; i < spec.offset + spec.size; ++i) {
        const bool kept = spec.role == Role::Weight && copy.values.values()[i] != 0;
        ASSERT_EQ(residual[i], kept ? master.values()[i] - copy.values.values()[i] : 0) << spec.name;
        lost = lost || residual[i] != 0;
      }
    }
    EXPECT_EQ(lost, bits == 8);
  }
}

TEST(EdgeCopy, WithErrorFeedbackTheMeanOfManyCopiesIsTheMaster) {
  const ParameterSet master = gaussian(small_model());
  std::vector<float> residual(master.values().size());
  std::vector<double> mean(master.values().size());
  constexpr int kRounds = 200;
  EdgeCopy copy;
  for (int round = 0; round < kRounds; ++round) {
    copy = encode_edge_copy(master, residual, {.sparsity = 0, .levels = 7});
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += static_cast<double>(copy.values.values()[i]) / kRounds;
  }
  double once = 0, averaged = 0;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const auto exact = static_cast<double>(master.values()[i]);
    once = std::max(once, std::abs(static_cast<double>(copy.values.values()[i]) - exact));
    averaged = std::max(averaged, std::abs(mean[i] - exact));
  }
  EXPECT_LT(averaged, once / 50);
}

TEST(EdgeCopy, ADivergedModelIsRefusedByTensorAndTheResidualStays) {
  constexpr float kBad[] = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::quiet_NaN(), 0x1p120F};
  for (const unsigned bits : {8u, 32u}) {
    for (const char* name : {"long", "kernel", "tail", "mean"}) {
      const model::TensorSpec& spec = *many_shapes()->find(name);
      for (const float bad : std::span(kBad).first(spec.role == Role::Weight ? 3 : 2)) {
        ParameterSet master = gaussian(many_shapes());
        master.tensor(spec)[spec.size / 2] = bad;
        std::vector<float> residual(master.values().size(), 0.01F);
        try {
          encode_edge_copy(master, residual, {.bits = bits});
          ADD_FAILURE() << name << " " << bad;
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), Error::Kind::Malformed);
          EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
        }
        EXPECT_TRUE(same_bits(residual, std::vector<float>(residual.size(), 0.01F)));
      }
    }
  }
}

TEST(EdgeCopy, AModelWithoutWeightsTravelsAsItIs) {
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{other("b", {11}, Role::Vector), other("mean", {3}, Role::State)});
  const ParameterSet master = gaussian(layout);
  for (const EdgePlan& plan : plans()) {
    const EdgeCopy copy = expect_there_and_back(master, plan);
    EXPECT_TRUE(same_bits(copy.values.values(), master.values()));
    EXPECT_EQ(copy.sparsity, 0);
  }
}

TEST(EdgeCopy, SizesAroundABlockWork) {
  for (const std::int64_t size : {1, 7, 8, 9, 63, 64, 65, 4095, 4097, 131071, 131072, 131073, 262144}) {
    const auto layout =
        std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{weight("w", {size, 1}, 1, 1)});
    for (const EdgePlan& plan : forms()) {
      SCOPED_TRACE(size);
      expect_there_and_back(gaussian(layout), plan);
    }
  }
}

// The limit: order-0 entropy of the integers and H(p) of the mask.
TEST(EdgeCopy, TheBlobIsWithin3PercentOfItsEntropy) {
  for (const char* name : {"2nn", "lenet", "mlp:784-300-100-10"}) {
    const ParameterSet uniform = model::make_zoo_model(name, 1).parameters();
    for (const bool trained : {false, true}) {
      const ParameterSet master = trained ? gaussian(uniform.layout_ptr()) : uniform;
      for (const EdgePlan& plan : plans()) {
        const EdgeCopy copy = encode_edge_copy(master, {}, plan);
        // Where a weight has hardly a bit, the states of the coder show.
        const double limit = plan.sparsity > 0.9 && (plan.bits < 8 || plan.block != 0) ? 1.04 : 1.03;
        EXPECT_LT(static_cast<double>(copy.blob.size()) * 8, limit * copy.entropy_bits)
            << name << ", " << text_of(plan);
      }
    }
  }
}

TEST(EdgeCopy, ThePlanIsCheckedByKey) {
  const auto complaint = [](const EdgePlan& plan) -> std::string {
    try {
      check(plan);
    } catch (const Error& error) {
      return error.kind() == Error::Kind::Malformed ? error.what() : "another kind";
    }
    return "accepted";
  };
  for (const unsigned bad : {0u, 1u, 3u, 16u}) EXPECT_NE(complaint({.bits = bad}).find("edge.bits"), std::string::npos);
  for (const unsigned bad : {1u, 32u, 96u, 65536u}) {
    EXPECT_NE(complaint({.block = bad}).find("edge.block"), std::string::npos) << bad;
  }
  EXPECT_NE(complaint({.bits = 32, .block = 64}).find("edge.block"), std::string::npos);
  for (const double bad : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_NE(complaint({.sparsity = bad}).find("edge.sparsity"), std::string::npos);
  }
  EXPECT_NE(complaint({.levels = 128}).find("edge.levels"), std::string::npos);
  EXPECT_NE(complaint({.bits = 4, .levels = 8}).find("edge.levels"), std::string::npos);
  EXPECT_NE(complaint({.bits = 2, .levels = 2}).find("edge.levels"), std::string::npos);
  for (const EdgePlan& form : forms()) EXPECT_EQ(complaint(form), "accepted");
}

TEST(EdgeCopy, SparsityRisesAlongACubic) {
  EXPECT_EQ(cubic_sparsity(0.1, 0.9, 10, 20, 0), 0.1);
  EXPECT_EQ(cubic_sparsity(0.1, 0.9, 10, 20, 10), 0.1);
  EXPECT_DOUBLE_EQ(cubic_sparsity(0.1, 0.9, 10, 20, 15), 0.9 - 0.8 / 8);
  EXPECT_EQ(cubic_sparsity(0.1, 0.9, 10, 20, 20), 0.9);
  EXPECT_EQ(cubic_sparsity(0.1, 0.9, 10, 20, 99), 0.9);
  EXPECT_EQ(cubic_sparsity(0.1, 0.9, 10, 10, 10), 0.9);
  for (std::uint64_t round = 10; round < 20; ++round) {
    EXPECT_LT(cubic_sparsity(0.1, 0.9, 10, 20, round), cubic_sparsity(0.1, 0.9, 10, 20, round + 1));
  }
}

}  // namespace
}  // namespace tributary::codec
