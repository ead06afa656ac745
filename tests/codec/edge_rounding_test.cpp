#include "common/codec/edge_rounding.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/codec/edge_models.h"

namespace tributary::codec {
namespace {

using model::ParameterSet;
using ::testing::HasSubstr;

RoundingPlan plan_of(const EdgePlan& form) {
  return {.bits = form.bits, .levels = form.levels, .block = form.block, .pruned = form.sparsity > 0};
}

// Every way to round, with integers.
std::vector<EdgePlan> roundings(double sparsity) {
  std::vector<EdgePlan> made;
  for (EdgePlan form : forms()) {
    if (form.bits == 32) continue;
    form.sparsity = sparsity;
    made.push_back(form);
  }
  return made;
}

ParameterSet rounded(const EdgeRounding& rounding, const ParameterSet& values) {
  ParameterSet out(values.layout_ptr());
  rounding.round(values.values(), out.values());
  return out;
}

ParameterSet moved(const ParameterSet& from, double far) {
  RandomStream random(5, "moves");
  return filled(from.layout_ptr(),
                [&](std::uint64_t i) { return static_cast<float>(from.values()[i] + far * random.normal()); });
}

TEST(EdgeRounding, GivesTheValuesOfTheCopyWhoseWeightsItIsGiven) {
  for (const double sparsity : {0.0, 0.5}) {
    for (const EdgePlan& form : roundings(sparsity)) {
      SCOPED_TRACE(std::to_string(form.bits) + " bits, block " + std::to_string(form.block));
      const EdgeCopy copy = encode_edge_copy(gaussian(many_shapes()), {}, form);
      const EdgeRounding rounding(plan_of(form), copy);
      EXPECT_TRUE(same_bits(rounded(rounding, copy.values).values(), copy.values.values()));
    }
  }
}

TEST(EdgeRounding, RoundsWeightsThatMovedAsTheNextCopyDoes) {
  const ParameterSet master = gaussian(many_shapes());
  for (EdgePlan form : roundings(0)) {
    if (form.bits == 2) continue;
    SCOPED_TRACE(std::to_string(form.bits) + " bits, block " + std::to_string(form.block));
    const EdgeCopy copy = encode_edge_copy(master, {}, form);
    const EdgeRounding rounding(plan_of(form), copy);
    for (const double far : {0.001, 0.02, 0.5}) {
      const ParameterSet now = moved(master, far);
      form.previous_scales = copy.scales;
      EXPECT_TRUE(same_bits(rounded(rounding, now).values(), encode_edge_copy(now, {}, form).values.values())) << far;
    }
  }
}

TEST(EdgeRounding, WhatThePlanHasPrunedCountsAsZeroWhateverItBecomes) {
  const ParameterSet master = gaussian(many_shapes());
  for (const EdgePlan& form : roundings(0.5)) {
    if (form.bits == 2) continue;
    const EdgeCopy copy = encode_edge_copy(master, {}, form);
    const EdgeRounding rounding(plan_of(form), copy);
    const ParameterSet seen = rounded(rounding, moved(master, 0.5));
    for (const auto& spec : master.layout().tensors()) {
      if (spec.role != model::Role::Weight) continue;
      for (std::uint64_t i = spec.offset; i < spec.offset + spec.size; ++i) {
        if (copy.values.values()[i] != 0) continue;
        ASSERT_EQ(seen.values()[i], 0) << spec.name;
      }
    }
  }
}

TEST(EdgeRounding, OfTwoBitsAWeightBecomesTheNearestOfTheCopysThreeValues) {
  for (const unsigned block : {0U, 256U}) {
    const EdgeCopy copy = encode_edge_copy(gaussian(many_shapes()), {}, {.bits = 2, .sparsity = 0.4, .block = block});
    const EdgeRounding rounding({.bits = 2, .block = block, .pruned = true}, copy);
    const ParameterSet now = moved(copy.values, 0.05), seen = rounded(rounding, now);
    const std::vector<float> steps = rounding.steps();
    for (const auto& spec : now.layout().tensors()) {
      if (spec.role != model::Role::Weight) continue;
      for (std::uint64_t i = spec.offset; i < spec.offset + spec.size; ++i) {
        const float scale = steps[i], x = now.values()[i];
        const float nearest = std::abs(x) <= 0.5F * scale ? 0 : std::copysign(scale, x);
        ASSERT_EQ(seen.values()[i], nearest) << spec.name << " " << x << " of " << scale;
      }
    }
  }
}

TEST(EdgeRounding, AWeightAnywhereInItsStepIsTheCopysAndOutsideIsAnother) {
  const EdgeCopy copy = encode_edge_copy(gaussian(many_shapes()), {}, {.bits = 4, .sparsity = 0});
  const EdgeRounding rounding({.bits = 4}, copy);
  const std::vector<float> steps = rounding.steps();
  const ParameterSet& values = copy.values;
  const auto at = [&](float part) {
    return rounded(rounding, filled(values.layout_ptr(), [&](auto i) { return values.values()[i] + part * steps[i]; }));
  };
  for (const float part : {-0.48F, 0.48F}) EXPECT_TRUE(same_bits(at(part).values(), values.values())) << part;
  EXPECT_FALSE(same_bits(at(0.51F).values(), values.values()));
  for (const auto& spec : values.layout().tensors()) {
    if (spec.role == model::Role::Weight) continue;
    for (std::uint64_t i = 0; i < spec.size; ++i) EXPECT_EQ(steps[spec.offset + i], 0) << spec.name;
  }
}

TEST(EdgeRounding, ThatOfAnotherCopyIsRefused) {
  const ParameterSet master = gaussian(small_model());
  const auto complaint = [&](const RoundingPlan& plan, const EdgePlan& made) -> std::string {
    try {
      const EdgeRounding rounding(plan, encode_edge_copy(master, {}, made));
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Error::Kind::Malformed);
      return e.what();
    }
    return "no complaint";
  };
  EXPECT_THAT(complaint({.bits = 32}, {.bits = 32}), HasSubstr("32 bits"));
  EXPECT_THAT(complaint({.bits = 5}, {.bits = 8}), HasSubstr("edge.bits is 5"));
  EXPECT_THAT(complaint({.bits = 4, .levels = 8}, {.bits = 4}), HasSubstr("at most 7"));
  EXPECT_THAT(complaint({.bits = 4}, {.bits = 32}), HasSubstr("no integers"));
  EXPECT_THAT(complaint({.bits = 4}, {.bits = 8}), HasSubstr("more bits"));
  EXPECT_THAT(complaint({.bits = 4, .block = 64}, {.bits = 4}), HasSubstr("in another way"));
}

}  // namespace
}  // namespace tributary::codec
