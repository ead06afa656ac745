#include "common/codec/edge_rounding.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>

#include "common/base/error.h"
#include "common/codec/edge_format.h"
#include "common/codec/edge_scales.h"
#include "common/codec/kernels.h"

namespace tributary::codec {

namespace {

constexpr std::size_t kTile = 8192;  // weights whose integers, which nobody wants, are in the first-level cache

std::vector<Magnitude> largest_of(const ChannelRuns& runs, std::span<const float> x, std::size_t groups) {
  std::vector<Magnitude> by_slot(runs.slots()), by_group(groups);
  runs.walk(0, x.size(), [&](std::uint64_t begin, std::uint64_t end, std::size_t slot) {
    if (runs.each()) {
      kernels().max_magnitude_each(x.data() + begin, end - begin, by_slot.data() + slot);
    } else {
      by_slot[slot] = std::max(by_slot[slot], kernels().max_magnitude(x.data() + begin, end - begin));
    }
  });
  for (std::size_t slot = 0; slot < by_slot.size(); ++slot) {
    Magnitude& largest = by_group[runs.channel(slot)];
    largest = std::max(largest, by_slot[slot]);
  }
  return by_group;
}

// Rounds to -1, 0 or 1 then.
void keep_within_one(const QuantizeRun& run) {
  for (std::size_t i = 0; i < run.n; ++i) {
    const float most = run.scales != nullptr ? run.scales[i] : run.scale;
    run.x[i] = std::clamp(run.x[i], -most, most);
  }
}

[[noreturn]] void refuse_copy(const char* why) {
  fail(Error::Kind::Malformed, std::string("no training through the rounding of an edge copy that ") + why);
}

}  // namespace

struct EdgeRounding::Tensor {
  const model::TensorSpec& spec;
  ChannelRuns runs;
  std::vector<float> scales;         // of the copy
  std::vector<std::uint32_t> zeros;  // places that count as zero

  std::vector<float> scales_for(std::span<const float> x, const RoundingPlan& plan, unsigned levels) const {
    if (plan.bits == 2) return scales;
    const std::vector<Magnitude> largest = largest_of(runs, x, scales.size());
    std::vector<float> chosen(scales.size());
    for (std::size_t c = 0; c < chosen.size(); ++c)
      chosen[c] = still_serves(scales[c], largest[c], levels, plan.bits) ? scales[c] : scale_of(largest[c], levels);
    return chosen;
  }

  void round(std::span<float> x, const RoundingPlan& plan, unsigned levels) const {
    for (const std::uint32_t at : zeros) x[at] = 0;
    const std::vector<float> by_slot = runs.by_slot(std::span<const float>(scales_for(x, plan, levels)));
    std::array<std::int8_t, kTile> q;
    runs.walk(0, x.size(), [&](std::uint64_t begin, std::uint64_t end, std::size_t slot) {
      for (std::uint64_t at = begin; at < end; at += kTile) {
        const QuantizeRun run{.x = x.data() + at,
                              .n = static_cast<std::size_t>(std::min<std::uint64_t>(kTile, end - at)),
                              .scale = by_slot[slot],
                              .scales = runs.each() ? by_slot.data() + slot + (at - begin) : nullptr,
                              .q = q.data()};
        if (plan.bits == 2) keep_within_one(run);
        kernels().quantize(run);
      }
    });
  }
};

void check(const RoundingPlan& plan) {
  if (plan.bits == 32) fail(Error::Kind::Malformed, "there is no training through the rounding of 32 bits");
  check(EdgePlan{.bits = plan.bits, .sparsity = 0, .levels = plan.levels, .block = plan.block});
}

EdgeRounding::EdgeRounding(const RoundingPlan& plan, const EdgeCopy& copy)
    : plan_(plan), layout_(copy.values.layout_ptr()) {
  check(plan);
  levels_ = levels_of({.bits = plan.bits, .levels = plan.levels});
  const auto specs = weights_of(*layout_);
  if (copy.quantized.size() != specs.size()) refuse_copy("has no integers");
  for (std::size_t t = 0; t < specs.size(); ++t) {
    const QuantizedTensor& tensor = copy.quantized[t];
    if (tensor.block != plan.block) refuse_copy("shares its scales in another way");
    tensors_.push_back({*specs[t], ChannelRuns(*specs[t], plan.block), tensor.scale, {}});
    const int most = static_cast<int>(largest_integer(plan.bits));
    for (std::uint32_t i = 0; i < tensor.q.size(); ++i) {
      if (std::abs(int{tensor.q[i]}) > most) refuse_copy("has integers of more bits");
      if (tensor.q[i] == 0 && plan.pruned && plan.bits != 2) tensors_.back().zeros.push_back(i);
    }
  }
}

EdgeRounding::~EdgeRounding() = default;

void EdgeRounding::round(std::span<const float> values, std::span<float> out) const {
  TRIBUTARY_CHECK(values.size() == layout_->size() && out.size() == values.size());
  std::copy(values.begin(), values.end(), out.begin());
  for (const Tensor& tensor : tensors_) tensor.round(out.subspan(tensor.spec.offset, tensor.spec.size), plan_, levels_);
}

std::vector<float> EdgeRounding::steps() const {
  std::vector<float> steps(layout_->size());
  for (const Tensor& tensor : tensors_) {
    const auto here = std::span(steps).subspan(tensor.spec.offset, tensor.spec.size);
    const ScaleGroups groups = scale_groups(tensor.spec, plan_.block);
    for (std::uint64_t i = 0; i < here.size(); ++i) here[i] = tensor.scales[groups.of(i)];
    for (const std::uint32_t at : tensor.zeros) here[at] = 0;
  }
  return steps;
}

}  // namespace tributary::codec
