#include "common/codec/edge_delta.h"

#include <algorithm>
#include <functional>
#include <optional>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/codec/edge_models.h"

namespace tributary::codec {
namespace {

// A model that moves, and the copies made of it one after the other.
class MovingModel {
 public:
  explicit MovingModel(const model::LayoutPtr& layout, std::uint64_t seed = 1, const EdgePlan& plan = {.levels = 64})
      : plan_(plan), random_(seed, "moves"), master_(gaussian(layout, seed)), residual_(layout->size()) {}

  // Every value by a normal number of this deviation.
  void move(double deviation) {
    for (float& value : master_.values()) value += static_cast<float>(deviation * random_.normal());
  }
  EdgeCopy copy(double sparsity = 0.5) {
    plan_.sparsity = sparsity;
    plan_.previous_scales = scales_;
    EdgeCopy made = encode_edge_copy(master_, residual_, plan_);
    scales_ = made.scales;
    return made;
  }
  const model::LayoutPtr& layout() const { return master_.layout_ptr(); }

 private:
  EdgePlan plan_;
  RandomStream random_;
  model::ParameterSet master_;
  std::vector<float> residual_;
  std::vector<std::vector<float>> scales_;
};

void expect_same(const EdgeIntegers& a, const EdgeIntegers& b) {
  EXPECT_EQ(a.digest, b.digest);
  ASSERT_EQ(a.weights.size(), b.weights.size());
  for (std::size_t t = 0; t < a.weights.size(); ++t) {
    EXPECT_EQ(a.weights[t].q, b.weights[t].q) << t;
    EXPECT_TRUE(same_bits(a.weights[t].scale, b.weights[t].scale)) << t;
  }
  EXPECT_EQ(a.others, b.others);
}

// The forms that have differences.
std::vector<EdgePlan> integer_forms() {
  std::vector<EdgePlan> all = forms();
  std::erase_if(all, [](const EdgePlan& plan) { return plan.bits == 32; });
  return all;
}

void expect_integers_of(const EdgePlan& plan) {
  MovingModel model(many_shapes(), 1, plan);
  for (const double sparsity : {0.0, 0.5, 0.95}) {
    const EdgeCopy copy = model.copy(sparsity);
    const EdgeIntegers integers = edge_integers(copy.blob, model.layout());
    ASSERT_EQ(integers.weights.size(), copy.quantized.size());
    for (std::size_t t = 0; t < copy.quantized.size(); ++t) EXPECT_EQ(integers.weights[t].q, copy.quantized[t].q);
    EXPECT_EQ(integers.digest, sha256(copy.blob));
    EXPECT_EQ(edge_blob(integers, *model.layout()), copy.blob);
    EXPECT_EQ(edge_blob(integers, *model.layout(), 3), copy.blob);
  }
}

TEST(EdgeIntegers, AreThoseOfTheCopyAndMakeItsBlobAgain) {
  for (const EdgePlan& plan : integer_forms()) expect_integers_of(plan);
}

TEST(EdgeIntegers, ThereAreNoneOfAnUnquantisedCopy) {
  const EdgeCopy copy = encode_edge_copy(gaussian(small_model()), {}, {.bits = 32});
  EXPECT_FALSE(has_edge_integers(copy.blob));
  EXPECT_FALSE(has_edge_integers(ByteSpan(copy.blob).first(5)));
  try {
    edge_integers(copy.blob, small_model());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Error::Kind::Unsupported);
  }
}

void expect_differences_of(const EdgePlan& plan) {
  for (const auto& layout : {small_model(), many_shapes()}) {
    MovingModel model(layout, 3, plan);
    Bytes base = model.copy().blob;
    // Still, slow, a jump, other sparsities.
    const double moves[] = {0.0, 1e-5, 1e-3, 0.5, 0.01, 0.01};
    const double sparsities[] = {0.5, 0.5, 0.5, 0.5, 0.9, 0.0};
    for (std::size_t round = 0; round < std::size(moves); ++round) {
      model.move(moves[round]);
      const EdgeCopy copy = model.copy(sparsities[round]);
      ASSERT_TRUE(has_edge_integers(copy.blob));
      const EdgeIntegers from = edge_integers(base, layout), to = edge_integers(copy.blob, layout);
      const Bytes delta = encode_edge_delta(from, to, *layout);
      expect_same(decode_edge_delta(delta, from, layout), to);
      expect_same(decode_edge_delta(delta, from, layout, {.threads = 3}), to);
      EXPECT_EQ(rebuild_edge_copy(delta, base, layout), copy.blob);
      EXPECT_TRUE(
          same_bits(decode_edge_copy(rebuild_edge_copy(delta, base, layout), layout).values(), copy.values.values()));
      base = copy.blob;
    }
  }
}

TEST(EdgeDelta, GivesTheCopyThatItsWholeBlobGives) {
  for (const EdgePlan& plan : integer_forms()) {
    SCOPED_TRACE(std::to_string(plan.bits) + " bits, block " + std::to_string(plan.block));
    expect_differences_of(plan);
  }
}

// Half of the weights that were kept are pruned now, and know it in little more than a bit each.
TEST(EdgeDelta, AWeightThatIsPrunedNowCostsNoMoreForWhatItWas) {
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{weight("w", {100, 1000}, 100, 1000)});
  MovingModel model(layout);
  const EdgeIntegers base = edge_integers(model.copy(0.0).blob, layout);
  EdgeIntegers copy = base;
  RandomStream random(4, "pruned");
  for (std::int8_t& q : copy.weights[0].q) q = random.below(2) == 0 ? q : std::int8_t{0};
  copy.digest = sha256(edge_blob(copy, *layout));
  const Bytes delta = encode_edge_delta(base, copy, *layout);
  expect_same(decode_edge_delta(delta, base, layout), copy);
  EXPECT_LT(static_cast<double>(delta.size()) * 8, 1.02 * 100'000);
}

TEST(EdgeDelta, TheSameBytesOnAnyNumberOfThreads) {
  MovingModel model(many_shapes());
  const EdgeIntegers base = edge_integers(model.copy().blob, model.layout());
  model.move(0.002);
  const EdgeIntegers copy = edge_integers(model.copy().blob, model.layout());
  EXPECT_EQ(encode_edge_delta(base, copy, *model.layout(), 1), encode_edge_delta(base, copy, *model.layout(), 3));
}

TEST(EdgeDelta, OfAModelThatMovesSlowlyIsMuchSmallerThanTheCopy) {
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{weight("w", {200, 1000}, 200, 1000)});
  MovingModel model(layout);
  Bytes base = model.copy().blob;
  for (int round = 0; round < 5; ++round) {
    model.move(1e-4);  // a fortieth of a level
    const Bytes copy = model.copy().blob;
    const Bytes delta = encode_edge_delta(edge_integers(base, layout), edge_integers(copy, layout), *layout);
    EXPECT_LT(static_cast<double>(delta.size()), 0.5 * static_cast<double>(copy.size())) << round;
    base = copy;
  }
}

TEST(EdgeDelta, OfTheSameCopyIsNextToNothing) {
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{weight("w", {20, 10000}, 20, 10000)});
  const EdgeIntegers copy = edge_integers(MovingModel(layout).copy().blob, layout);
  EXPECT_LT(encode_edge_delta(copy, copy, *layout).size(), 220u);
}

// The largest differences there are: from -127 to 127 and back, 128 among them.
TEST(EdgeDelta, DifferencesThatAByteCannotHoldSurvive) {
  const auto layout = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{weight("w", {1, 255 * 255}, 1, 255 * 255)});
  EdgeIntegers base, copy;
  base.weights.resize(1);
  copy.weights.resize(1);
  base.weights[0].scale = copy.weights[0].scale = {1.0F};
  for (int a = -127; a <= 127; ++a) {
    for (int b = -127; b <= 127; ++b) {
      base.weights[0].q.push_back(static_cast<std::int8_t>(a));
      copy.weights[0].q.push_back(static_cast<std::int8_t>(b));
    }
  }
  const Bytes delta = encode_edge_delta(base, copy, *layout);
  expect_same(decode_edge_delta(delta, base, layout), copy);
}

// ------------------------------------------------------------------------------------------ scales that stay

TEST(StickyScales, AChannelKeepsItsScaleWhileItServes) {
  const auto layout =
      std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{weight("w", {1, 4}, 1, 4)});
  const auto with_largest = [&](float largest) {
    return filled(layout, [=](std::uint64_t i) { return i == 0 ? largest : 0.01F; });
  };
  const auto first = encode_edge_copy(with_largest(1), {}, {.sparsity = 0, .levels = 64});
  ASSERT_EQ(first.scales, std::vector<std::vector<float>>{first.quantized[0].scale});
  const auto scale_at = [&](float largest, unsigned levels) {
    return encode_edge_copy(with_largest(largest), {},
                            {.sparsity = 0, .levels = levels, .previous_scales = first.scales})
        .scales[0][0];
  };
  const float kept = first.scales[0][0];
  for (const float largest : {0.77F, 1.0F, 1.23F}) EXPECT_EQ(scale_at(largest, 64), kept) << largest;
  for (const float largest : {0.74F, 1.26F, 100.0F, 0.02F}) EXPECT_NE(scale_at(largest, 64), kept) << largest;
  EXPECT_EQ(scale_at(1.9F, 120), kept) << "122 levels";
  EXPECT_NE(scale_at(2.1F, 120), kept) << "134 levels: more than an int8 has";
}

TEST(StickyScales, TheErrorStaysBelowHalfOfTwoThirdsMoreThanAFreshScaleHas) {
  MovingModel model(many_shapes());
  const auto layout = many_shapes();
  model::ParameterSet master = gaussian(layout);
  std::vector<std::vector<float>> scales;
  RandomStream random(5, "drift");
  for (int round = 0; round < 20; ++round) {
    for (float& value : master.values()) value *= static_cast<float>(1 + 0.05 * random.normal());
    const EdgeCopy copy = encode_edge_copy(master, {}, {.sparsity = 0.5, .levels = 64, .previous_scales = scales});
    scales = copy.scales;
    EXPECT_NEAR(copy.sparsity, 0.5, 0.01);
    std::size_t t = 0;
    for (const model::TensorSpec& spec : layout->tensors()) {
      if (spec.role != model::Role::Weight) continue;
      const auto& tensor = copy.quantized[t++];
      const auto x = master.tensor(spec);
      const auto made = copy.values.tensor(spec);
      std::vector<float> largest(spec.channels);
      for (std::uint64_t i = 0; i < spec.size; ++i) {
        float& of_channel = largest[i / spec.channel_stride % spec.channels];
        of_channel = std::max(of_channel, std::abs(x[i]));
      }
      for (std::uint64_t i = 0; i < spec.size; ++i) {
        const std::uint64_t c = i / spec.channel_stride % spec.channels;
        ASSERT_NE(tensor.q[i], -128);
        if (tensor.q[i] == 0) continue;
        ASSERT_LE(std::abs(x[i] - made[i]), tensor.scale[c] * 0.501F);
        ASSERT_LE(tensor.scale[c], largest[c] / (0.749F * 64));
      }
    }
  }
}

TEST(StickyScales, AreTheSameOnAnyNumberOfThreadsAndForTheBlobAlone) {
  MovingModel model(many_shapes());
  const auto scales = model.copy().scales;
  const auto moved = gaussian(many_shapes(), 9);
  std::vector<float> residual(moved.layout().size()), again(moved.layout().size());
  const EdgeCopy one = encode_edge_copy(moved, residual, {.previous_scales = scales});
  const EdgeCopy three =
      encode_edge_copy(moved, again, {.threads = 3, .result = EdgePlan::Result::Blob, .previous_scales = scales});
  EXPECT_EQ(one.blob, three.blob);
  EXPECT_EQ(one.scales, three.scales);
}

// ------------------------------------------------------------------------------------------ what nobody wrote

class DeltaBlob {
 public:
  explicit DeltaBlob(const model::LayoutPtr& layout, double move = 0.01, const EdgePlan& plan = {.levels = 64})
      : layout_(layout) {
    MovingModel model(layout, 1, plan);
    base_ = edge_integers(model.copy().blob, layout);
    model.move(move);
    delta_ = encode_edge_delta(base_, edge_integers(model.copy().blob, layout), *layout);
  }
  const Bytes& bytes() const { return delta_; }
  DeltaBlob with(const std::function<void(Bytes&)>& change) const {
    DeltaBlob changed = *this;
    change(changed.delta_);
    changed.delta_.shrink_to_fit();
    return changed;
  }
  // Why it is refused, or nothing. What is accepted is a copy.
  std::optional<Error::Kind> refusal(const DecodeLimits& limits = {}) const {
    try {
      const EdgeIntegers copy = decode_edge_delta(delta_, base_, layout_, limits);
      const Bytes blob = edge_blob(copy, *layout_);
      EdgeIntegers again = edge_integers(blob, layout_);
      again.digest = copy.digest;
      expect_same(again, copy);
      return std::nullopt;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("edge copy: "), 0U) << error.what();
      return error.kind();
    }
  }
  bool malformed() const { return refusal() == Error::Kind::Malformed; }

 private:
  model::LayoutPtr layout_;
  EdgeIntegers base_;
  Bytes delta_;
};

model::LayoutPtr long_streams() {
  return std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{weight("w", {9, 15000}, 9, 15000)});
}

TEST(EdgeDeltaBlob, EveryTruncationAndTrailingByteIsRefused) {
  std::vector<DeltaBlob> blobs;
  for (const double move : {0.0, 1e-3, 0.1}) blobs.emplace_back(small_model(), move);
  for (const EdgePlan& plan : integer_forms()) blobs.emplace_back(small_model(), 0.01, plan);
  for (const DeltaBlob& blob : blobs) {
    ASSERT_EQ(blob.refusal(), std::nullopt);
    for (std::size_t length = 0; length < blob.bytes().size(); ++length) {
      ASSERT_TRUE(blob.with([=](Bytes& b) { b.resize(length); }).malformed()) << length;
    }
    ASSERT_TRUE(blob.with([=](Bytes& b) { b.resize(b.size() + 1); }).malformed());
  }
  const DeltaBlob blob(long_streams(), 1e-3);
  for (std::size_t cut = 1; cut < blob.bytes().size(); cut += 97) {
    ASSERT_TRUE(blob.with([=](Bytes& b) { b.resize(b.size() - cut); }).malformed()) << cut;
  }
}

TEST(EdgeDeltaBlob, AFlippedBitIsRefusedOrHarmless) {
  for (const EdgePlan& plan : integer_forms()) {
    const DeltaBlob blob(small_model(), 0.01, plan);
    for (std::size_t bit = 0; bit < blob.bytes().size() * 8; ++bit) {
      blob.with([=](Bytes& b) { b[bit / 8] ^= std::byte{1} << (bit % 8); }).refusal();
    }
  }
  RandomStream random(1, "flips");
  const DeltaBlob large(long_streams(), 1e-3);
  for (int trial = 0; trial < 400; ++trial) {
    const std::size_t bit =
        trial < 200 ? 8 * 104 + static_cast<std::size_t>(trial) : random.below(large.bytes().size() * 8);
    large.with([=](Bytes& b) { b[bit / 8] ^= std::byte{1} << (bit % 8); }).refusal();
  }
}

TEST(EdgeDeltaBlob, RandomBytesBehindAGoodHeaderAreRefusedOrHarmless) {
  RandomStream random(2, "noise");
  const DeltaBlob blob(small_model());
  int accepted = 0;
  for (int trial = 0; trial < 10'000; ++trial) {
    accepted += blob.with([&](Bytes& b) {
                      for (std::uint64_t changes = 1 + random.below(4); changes > 0; --changes) {
                        b[104 + random.below(b.size() - 104)] = static_cast<std::byte>(random.next_u32());
                      }
                    })
                    .refusal() == std::nullopt;
  }
  EXPECT_GT(accepted, 100);
}

TEST(EdgeDeltaBlob, HeadersOfAnotherKindModelOrBaseAreRefused) {
  const DeltaBlob blob(small_model());
  const auto with_flip = [&](std::size_t at) { return blob.with([=](Bytes& b) { b[at] ^= std::byte{3}; }); };
  EXPECT_TRUE(with_flip(0).malformed()) << "magic";
  EXPECT_EQ(with_flip(4).refusal(), Error::Kind::Unsupported) << "version 2";
  EXPECT_TRUE(with_flip(5).malformed()) << "reserved";
  EXPECT_TRUE(with_flip(8).malformed()) << "layout";
  EXPECT_TRUE(with_flip(40).malformed()) << "base";
  EXPECT_EQ(blob.refusal({.max_parameters = small_model()->size() - 1}), Error::Kind::Overloaded);
}

TEST(EdgeDeltaBlob, ACopyThatIsNotTheOneClaimedIsRefusedWhenItIsRebuilt) {
  MovingModel model(small_model());
  const Bytes base = model.copy().blob;
  model.move(0.01);
  Bytes delta = encode_edge_delta(edge_integers(base, small_model()), edge_integers(model.copy().blob, small_model()),
                                  *small_model());
  EXPECT_NO_THROW(rebuild_edge_copy(delta, base, small_model()));
  delta[72] ^= std::byte{1};
  EXPECT_THROW(rebuild_edge_copy(delta, base, small_model()), Error);
}

}  // namespace
}  // namespace tributary::codec
