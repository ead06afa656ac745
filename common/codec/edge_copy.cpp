#include "common/codec/edge_copy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/codec/edge_format.h"
#include "common/codec/pruning.h"

namespace tributary::codec {

namespace {

constexpr std::size_t kTile = 4096;

// Makes x = master + residual at `x`, or, where there is no residual, looks at the master; and makes w.maxima. Throws
// when a tensor has a value that cannot be coded.
void load_weights(EdgeWeights& w, std::span<const float> master, std::span<float> x) {
  std::vector<ChannelRuns> runs;
  for (const auto* spec : w.specs) {
    runs.emplace_back(*spec, w.plan->block);
    w.maxima.emplace_back(runs.back().slots());
  }
  std::mutex mutex;
  parallel_ranges(w.blocks.size(), 1, w.threads, [&](std::size_t first, std::size_t last) {
    for (std::size_t b = first; b < last; ++b) {
      const EdgeBlock& block = w.blocks[b];
      const std::uint64_t offset = w.specs[block.tensor]->offset;
      const ChannelRuns::Slots slots = runs[block.tensor].slots_of(block.begin, block.end);
      std::vector<Magnitude> maxima(slots.last - slots.first);
      for (std::uint64_t at = block.begin; at < block.end; at += kTile) {
        const std::uint64_t stop = std::min<std::uint64_t>(block.end, at + kTile);
        const float* here = master.data() + offset + at;
        if (!w.residual.empty()) {
          kernels().add(here, w.residual.data() + offset + at, stop - at, x.data() + offset + at);
          here = x.data() + offset + at;
        }
        runs[block.tensor].walk(at, stop, [&](std::uint64_t from, std::uint64_t to, std::size_t slot) {
          Magnitude* const largest = maxima.data() + (slot - slots.first);
          if (runs[block.tensor].each()) {
            kernels().max_magnitude_each(here + (from - at), to - from, largest);
          } else {
            *largest = std::max(*largest, kernels().max_magnitude(here + (from - at), to - from));
          }
        });
      }
      const std::lock_guard lock(mutex);
      Magnitude* const all = w.maxima[block.tensor].data() + slots.first;
      for (std::size_t slot = 0; slot < maxima.size(); ++slot) all[slot] = std::max(all[slot], maxima[slot]);
    }
  });
  for (std::size_t t = 0; t < w.specs.size(); ++t) {
    std::vector<Magnitude> by_channel(scale_groups(*w.specs[t], w.plan->block).count);
    for (std::size_t slot = 0; slot < w.maxima[t].size(); ++slot) {
      Magnitude& largest = by_channel[runs[t].channel(slot)];
      largest = std::max(largest, w.maxima[t][slot]);
    }
    w.maxima[t] = std::move(by_channel);
    if (*std::max_element(w.maxima[t].begin(), w.maxima[t].end()) >= kTooLarge) {
      refuse_edge_copy("has a weight that is not finite or 2^120 or more: the model diverged", *w.specs[t]);
    }
  }
}

void choose_cuts(EdgeWeights& w) {
  const EdgePlan& plan = *w.plan;
  std::vector<std::span<const float>> parts;
  std::uint64_t total = 0;
  for (const auto* spec : w.specs) {
    parts.push_back(w.x.subspan(spec->offset, spec->size));
    w.places.push_back(plan.per_layer ? 0 : total);
    total += spec->size;
  }
  const auto share = [&](std::uint64_t of) {
    return static_cast<std::uint64_t>(std::llround(plan.sparsity * static_cast<double>(of)));
  };
  if (!plan.per_layer) {
    w.cuts.assign(parts.size(), magnitude_cut(parts, share(total), w.threads));
    return;
  }
  for (const auto& part : parts) {
    w.cuts.push_back(magnitude_cut(std::span(&part, 1), share(part.size()), w.threads));
  }
}

// Whether there are no scales of the copy before, or one for each channel or block.
bool serve(const EdgePlan& plan, const model::ParameterLayout& layout) {
  const auto specs = weights_of(layout);
  return plan.previous_scales.empty() || std::equal(plan.previous_scales.begin(), plan.previous_scales.end(),
                                                    specs.begin(), specs.end(), [&](const auto& row, const auto* spec) {
                                                      return row.size() == scale_groups(*spec, plan.block).count;
                                                    });
}

// The other tensors travel as they are.
void check_others(const model::ParameterSet& values) {
  for (const model::TensorSpec& spec : values.layout().tensors()) {
    if (spec.role == model::Role::Weight) continue;
    const auto tensor = values.tensor(spec);
    if (kernels().max_magnitude(tensor.data(), tensor.size()) >= kInfinity) {
      refuse_edge_copy("has a value that is not finite: the model diverged", spec);
    }
  }
}

EdgeCopy decode(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits, bool with_integers) {
  check_size(*layout, limits);
  ByteReader in(blob, "edge copy");
  const EdgeHeader header = read_header(in);
  if (header.layout != layout->digest()) fail(Error::Kind::Malformed, "edge copy: made for a model of another layout");

  EdgeCopy copy;
  copy.values = model::ParameterSet(layout);
  const auto reader =
      read_records(in, header, *layout, [&](const model::TensorSpec& spec) { return copy.values.tensor(spec); });
  DecodedWeights out{.values = copy.values.values(), .threads = std::max(1u, limits.threads)};
  if (with_integers) out.quantized = &copy.quantized;
  reader->decode(out);
  std::uint64_t weights = 0;
  for (const auto* spec : weights_of(*layout)) weights += spec->size;
  if (weights > 0) copy.sparsity = 1 - static_cast<double>(out.nonzeros) / static_cast<double>(weights);
  return copy;
}

}  // namespace

unsigned largest_integer(unsigned bits) {
  return bits == 8 ? 127 : bits == 4 ? 7 : bits == 2 ? 1 : 0;
}

unsigned levels_of(const EdgePlan& plan) {
  constexpr unsigned kDefault = 16;
  return plan.levels != 0 ? plan.levels : std::min(kDefault, largest_integer(plan.bits));
}

void check(const EdgePlan& plan) {
  if (weight_format(plan.bits) == nullptr) {
    fail(Error::Kind::Malformed, "edge.bits is " + std::to_string(plan.bits) + ", but must be 8, 4, 2 or 32");
  }
  if (!(plan.sparsity >= 0 && plan.sparsity < 1)) {
    fail(Error::Kind::Malformed,
         "edge.sparsity is " + std::to_string(plan.sparsity) + ", but must be at least 0 and below 1");
  }
  if (plan.bits == 32) {
    if (plan.block == 0) return;
    fail(Error::Kind::Malformed, "edge.block does not go with edge.bits = 32, which has no scales");
  }
  if (plan.levels > largest_integer(plan.bits)) {
    fail(Error::Kind::Malformed, "edge.levels is " + std::to_string(plan.levels) + ", but " +
                                     std::to_string(plan.bits) + " bits hold at most " +
                                     std::to_string(largest_integer(plan.bits)));
  }
  if (!is_block(plan.block)) {
    fail(Error::Kind::Malformed,
         "edge.block is " + std::to_string(plan.block) + ", but must be 0 or a power of two from 64 to 32768");
  }
}

EdgeCopy encode_edge_copy(const model::ParameterSet& master, std::span<float> residual, const EdgePlan& plan,
                          Bytes memory) {
  check(plan);
  TRIBUTARY_CHECK(residual.empty() || residual.size() == master.layout().size());
  TRIBUTARY_CHECK(serve(plan, master.layout()));
  check_others(master);
  EdgeCopy copy;
  const bool whole = plan.result == EdgePlan::Result::Whole;
  if (whole) copy.values = master;

  EdgeWeights weights;
  weights.specs = weights_of(master.layout());
  weights.blocks = edge_blocks(weights.specs);
  if (whole) weights.values = copy.values.values();
  weights.plan = &plan;
  const std::span<float> x = whole ? weights.values : residual;
  weights.x = x.empty() ? master.values() : x;
  weights.residual = residual;
  weights.levels = levels_of(plan);
  weights.threads = std::max(1u, plan.threads);
  load_weights(weights, master.values(), x);
  choose_cuts(weights);
  EncodedWeights encoded = weight_format(plan.bits)->encode(weights);

  std::uint64_t total = 0;
  for (const model::TensorSpec& spec : master.layout().tensors()) {
    if (spec.role == model::Role::Weight) {
      total += spec.size;
      continue;
    }
    copy.entropy_bits += 32.0 * static_cast<double>(spec.size);
    if (!residual.empty()) std::fill_n(residual.begin() + static_cast<std::ptrdiff_t>(spec.offset), spec.size, 0.0F);
  }
  copy.blob = join_blob(
      {plan.bits, plan.block, master.layout().digest()}, master.layout(), std::move(encoded.records),
      [&](const model::TensorSpec& spec) { return master.tensor(spec); }, std::move(memory));
  for (QuantizedTensor& tensor : encoded.quantized) {
    copy.scales.push_back(whole ? tensor.scale : std::move(tensor.scale));
  }
  if (whole) copy.quantized = std::move(encoded.quantized);
  copy.entropy_bits += encoded.entropy_bits;
  if (total > 0) copy.sparsity = 1 - static_cast<double>(encoded.nonzeros) / static_cast<double>(total);
  return copy;
}

model::ParameterSet decode_edge_copy(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits) {
  return std::move(decode(blob, layout, limits, false).values);
}

EdgeCopy decode_edge_copy_quantized(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits) {
  EdgeCopy copy = decode(blob, layout, limits, true);
  copy.blob.assign(blob.begin(), blob.end());
  return copy;
}

EdgeCopy decode_edge_copy_quantized(Bytes&& blob, const model::LayoutPtr& layout, const DecodeLimits& limits) {
  EdgeCopy copy = decode(blob, layout, limits, true);
  copy.blob = std::move(blob);
  return copy;
}

double cubic_sparsity(double initial, double final, std::uint64_t begin, std::uint64_t end, std::uint64_t round) {
  if (round >= end) return final;
  if (round <= begin) return initial;
  const double left = static_cast<double>(end - round) / static_cast<double>(end - begin);
  return final + (initial - final) * left * left * left;
}

}  // namespace tributary::codec
