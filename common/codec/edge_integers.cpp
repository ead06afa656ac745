#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/codec/edge_format.h"
#include "common/codec/edge_masks.h"
#include "common/codec/edge_scales.h"

namespace tributary::codec {

namespace {

// Elements that are expanded and multiplied while they are in the first-level cache. A multiple of 64.
constexpr std::size_t kTile = 8192;

template <class Body>
void for_blocks(std::size_t count, unsigned threads, Body&& body) {
  parallel_ranges(count, 1, threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t b = begin; b < end; ++b) body(b);
  });
}

// Mean magnitudes, of each slot by itself, of what is kept. Sums are integers, in units of a 2^24th of a slot's largest
// magnitude: the same in any order.
class MeanMagnitudes {
 public:
  explicit MeanMagnitudes(const std::vector<Magnitude>& maxima) : sums_(maxima.size()), counts_(maxima.size()) {
    for (const Magnitude largest : maxima) units_.push_back(largest < kTooSmall ? 0 : std::bit_cast<float>(largest));
  }

  void add(std::span<const float> x, Magnitude keep_from, std::size_t channel) {
    const float up = units_[channel] > 0 ? kOne / units_[channel] : 0;
    for (const float each : x) add(each, keep_from, channel, up);
  }
  void add_each(std::span<const float> x, Magnitude keep_from, const ChannelRuns& runs, std::size_t slot) {
    for (const float each : x) {
      const std::size_t channel = runs.channel(slot++);
      add(each, keep_from, channel, units_[channel] > 0 ? kOne / units_[channel] : 0);
    }
  }
  void merge(const MeanMagnitudes& other) {
    for (std::size_t c = 0; c < sums_.size(); ++c) {
      sums_[c] += other.sums_[c];
      counts_[c] += other.counts_[c];
    }
  }
  // 0 where nothing is kept.
  float mean(std::size_t channel) const {
    if (counts_[channel] == 0) return 0;
    const double parts = static_cast<double>(sums_[channel]) / static_cast<double>(counts_[channel]);
    return static_cast<float>(parts / static_cast<double>(kOne)) * units_[channel];
  }

 private:
  static constexpr float kOne = 0x1p24F;

  void add(float x, Magnitude keep_from, std::size_t channel, float up) {
    const Magnitude magnitude = std::bit_cast<Magnitude>(std::abs(x));
    if (magnitude == 0 || magnitude < keep_from) return;
    sums_[channel] += static_cast<std::uint64_t>(std::abs(x) * up);
    ++counts_[channel];
  }

  std::vector<std::uint64_t> sums_, counts_;
  std::vector<float> units_;
};

// Integers on their way into records: taken apart block by block, then coded.
class IntegerWriter {
 public:
  IntegerWriter(std::span<const EdgeBlock> blocks, std::size_t tensors)
      : blocks_(blocks), parts_(blocks.size()), tensors_(tensors) {}

  // Takes block `b` apart into mask and symbols; `q` are its tensor's integers. Any thread, once for each block.
  void pack(std::size_t b, const std::vector<std::int8_t>& q) {
    const EdgeBlock& block = blocks_[b];
    Block& parts = parts_[b];
    parts.mask.resize(block.mask_bytes());
    // Packed elsewhere first, so that what is kept until all blocks are counted has no room to spare.
    std::vector<std::uint8_t> symbols(block.size() + kSlack);
    const std::size_t count = kernels().pack(q.data() + block.begin, block.size(), parts.mask.data(), symbols.data());
    parts.symbols.assign(symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(count));
    fill_last_byte(parts.mask, block.size());

    Counts masks{}, values{};
    count_bytes(parts.mask, masks);
    count_bytes(parts.symbols, values);
    const std::lock_guard lock(mutex_);
    Tensor& tensor = tensors_[block.tensor];
    for (std::size_t s = 0; s < 256; ++s) {
      tensor.mask_counts[s] += masks[s];
      tensor.value_counts[s] += values[s];
    }
  }

  // When all blocks are packed. Once; the integers stay with the caller.
  EncodedWeights write(std::span<const QuantizedTensor> quantized, unsigned threads) {
    EncodedWeights made;
    std::vector<ByteWriter> heads;
    for (std::size_t t = 0; t < tensors_.size(); ++t) heads.push_back(describe(tensors_[t], quantized[t], made));
    std::vector<Bytes> payloads(blocks_.size());
    for_blocks(blocks_.size(), threads, [&](std::size_t b) { payloads[b] = code(b); });
    for (Bytes& record : join_records(std::move(heads), blocks_, payloads))
      made.records.emplace_back(std::move(record));
    return made;
  }

 private:
  struct Tensor {
    Counts mask_counts{}, value_counts{};
    std::optional<StreamEncoder> masks, values;
  };
  struct Block {
    std::vector<std::uint8_t> mask, symbols;
  };

  static ByteWriter describe(Tensor& tensor, const QuantizedTensor& quantized, EncodedWeights& made) {
    ByteWriter head;
    for (const float scale : quantized.scale) put_scale(head, scale);
    tensor.masks.emplace(fit_model(tensor.mask_counts, Alphabet::Masks, head));
    tensor.values.emplace(fit_model(tensor.value_counts, Alphabet::Values, head));

    std::uint64_t nonzeros = 0;
    for (const std::uint64_t count : tensor.value_counts) nonzeros += count;
    made.nonzeros += nonzeros;
    made.entropy_bits += 16.0 * static_cast<double>(quantized.scale.size()) + entropy_bits(tensor.value_counts) +
                         mask_entropy_bits(nonzeros, quantized.q.size());
    return head;
  }

  Bytes code(std::size_t b) {
    Block& parts = parts_[b];
    const Tensor& tensor = tensors_[blocks_[b].tensor];
    Bytes payload;
    put_sized(parts.mask, *tensor.masks, payload);
    tensor.values->put(parts.symbols, payload);
    parts = {};
    return payload;
  }

  std::span<const EdgeBlock> blocks_;
  std::vector<Block> parts_;
  std::vector<Tensor> tensors_;
  std::mutex mutex_;
};

class IntegerEncoder {
 public:
  explicit IntegerEncoder(const EdgeWeights& weights) : w_(weights), writer_(w_.blocks, w_.specs.size()) {
    for (std::size_t t = 0; t < w_.specs.size(); ++t) prepare(t);
  }

  EncodedWeights encode() {
    if (is_ternary()) choose_ternary_scales();
    for_blocks(w_.blocks.size(), w_.threads, [this](std::size_t b) {
      quantize(b);
      writer_.pack(b, quantized_[w_.blocks[b].tensor].q);
    });
    for (std::size_t t = 0; t < w_.specs.size(); ++t) clear_scales_of_zero_channels(t);
    EncodedWeights made = writer_.write(quantized_, w_.threads);
    made.quantized = std::move(quantized_);
    return made;
  }

 private:
  struct Tensor {
    ChannelRuns runs;
    std::vector<float> slot_scales;
  };

  bool is_ternary() const { return w_.plan->bits == 2; }

  void prepare(std::size_t t) {
    const model::TensorSpec& spec = *w_.specs[t];
    QuantizedTensor made{std::vector<std::int8_t>(spec.size), {}, w_.plan->block};
    for (std::size_t c = 0; c < w_.maxima[t].size(); ++c) {
      const Magnitude largest = w_.maxima[t][c];
      const float previous = w_.plan->previous_scales.empty() ? 0 : w_.plan->previous_scales[t][c];
      // A channel that is pruned altogether has no scale.
      const bool pruned = largest < w_.cuts[t].threshold;
      const bool keep = still_serves(previous, largest, w_.levels, w_.plan->bits);
      made.scale.push_back(pruned ? 0 : keep ? previous : scale_of(largest, w_.levels));
    }
    Tensor tensor{ChannelRuns(spec, w_.plan->block), {}};
    tensor.slot_scales = tensor.runs.by_slot(std::span<const float>(made.scale));
    tensors_.push_back(std::move(tensor));
    quantized_.push_back(std::move(made));
  }

  // Calls run(begin, end, slot, keep_from) for the runs of a block, which end also where the treatment of ties changes.
  template <class Run>
  void walk(const EdgeBlock& block, Run&& run) const {
    const Cut& cut = w_.cuts[block.tensor];
    const std::uint64_t place = w_.places[block.tensor];
    const std::uint64_t tie_end = cut.first_kept_tie <= place ? 0 : cut.first_kept_tie - place;
    const std::uint64_t middle = std::clamp(tie_end, block.begin, block.end);
    const auto with_cut = [&](std::uint64_t begin, std::uint64_t end, std::size_t slot) {
      run(begin, end, slot, cut.keep_from(place + begin));
    };
    tensors_[block.tensor].runs.walk(block.begin, middle, with_cut);
    tensors_[block.tensor].runs.walk(middle, block.end, with_cut);
  }

  void choose_ternary_scales() {
    std::vector<MeanMagnitudes> means(w_.maxima.begin(), w_.maxima.end());
    std::vector<std::mutex> mutexes(means.size());
    for_blocks(w_.blocks.size(), w_.threads, [&](std::size_t b) {
      const EdgeBlock& block = w_.blocks[b];
      const ChannelRuns& runs = tensors_[block.tensor].runs;
      const float* const x = w_.x.data() + w_.specs[block.tensor]->offset;
      MeanMagnitudes here(w_.maxima[block.tensor]);
      walk(block, [&](std::uint64_t begin, std::uint64_t end, std::size_t slot, Magnitude keep_from) {
        const std::span run(x + begin, end - begin);
        runs.each() ? here.add_each(run, keep_from, runs, slot) : here.add(run, keep_from, slot);
      });
      const std::lock_guard lock(mutexes[block.tensor]);
      means[block.tensor].merge(here);
    });
    for (std::size_t t = 0; t < means.size(); ++t) {
      auto& scales = quantized_[t].scale;
      for (std::size_t c = 0; c < scales.size(); ++c) scales[c] = upper_half(means[t].mean(c), 0x8000);
      tensors_[t].slot_scales = tensors_[t].runs.by_slot(std::span<const float>(scales));
    }
  }

  // Rounds a block, which leaves its values, residuals and integers.
  void quantize(std::size_t b) {
    const EdgeBlock& block = w_.blocks[b];
    const Tensor& tensor = tensors_[block.tensor];
    std::int8_t* const q = quantized_[block.tensor].q.data();
    const model::TensorSpec& spec = *w_.specs[block.tensor];
    std::array<float, kTile> scratch;
    walk(block, [&](std::uint64_t begin, std::uint64_t end, std::size_t slot, Magnitude keep_from) {
      // In the place of the values where they are wanted, else in the cache.
      const std::uint64_t step = w_.values.empty() ? kTile : end - begin;
      for (std::uint64_t from = begin; from < end; from += step) {
        const std::uint64_t at = spec.offset + from, n = std::min(step, end - from);
        float* const x = w_.values.empty() ? scratch.data() : w_.values.data() + at;
        if (w_.values.empty()) std::memcpy(x, w_.x.data() + at, n * sizeof(float));
        const QuantizeRun run{
            .x = x,
            .n = static_cast<std::size_t>(n),
            .scale = tensor.slot_scales[slot],
            .scales = tensor.runs.each() ? tensor.slot_scales.data() + slot + (from - begin) : nullptr,
            .keep_from = keep_from,
            .q = q + from,
            .residual = w_.residual.empty() ? nullptr : w_.residual.data() + at};
        is_ternary() ? kernels().ternarize(run) : kernels().quantize(run);
      }
    });
  }

  // A channel whose largest magnitude ties with the threshold may have lost it.
  void clear_scales_of_zero_channels(std::size_t t) {
    QuantizedTensor& tensor = quantized_[t];
    const Cut& cut = w_.cuts[t];
    const auto& maxima = w_.maxima[t];
    if (cut.first_kept_tie == 0 || std::find(maxima.begin(), maxima.end(), cut.threshold) == maxima.end()) return;
    const model::TensorSpec& spec = *w_.specs[t];
    const ScaleGroups groups = scale_groups(spec, tensor.block);
    std::vector<bool> used(groups.count);
    for (std::uint64_t i = 0; i < spec.size; ++i) {
      if (tensor.q[i] != 0) used[groups.of(i)] = true;
    }
    for (std::size_t c = 0; c < used.size(); ++c) {
      if (!used[c]) tensor.scale[c] = 0;
    }
  }

  const EdgeWeights& w_;
  IntegerWriter writer_;
  std::vector<Tensor> tensors_;
  std::vector<QuantizedTensor> quantized_;
};

class IntegerReader final : public WeightFormat::Reader {
 public:
  explicit IntegerReader(const EdgeHeader& header) : block_(header.block), largest_(largest_integer(header.bits)) {}

  void read_record(ByteReader& in, const model::TensorSpec& spec) override {
    Record record(spec, block_);
    for (std::uint64_t left = scale_groups(spec, block_).count; left > 0; --left) {
      record.scale.push_back(take_scale(in, spec));
    }
    record.slot_scales = record.runs.by_slot(std::span<const float>(record.scale));
    record.mask = read_model(in, Alphabet::Masks);
    record.value = read_model(in, Alphabet::Values);
    const std::vector<ByteSpan> payloads = take_blocks(in, spec);
    payloads_.insert(payloads_.end(), payloads.begin(), payloads.end());
    specs_.push_back(&spec);
    records_.push_back(std::move(record));
  }

  void decode(DecodedWeights& out) override {
    if (out.quantized != nullptr) {
      for (Record& record : records_) {
        out.quantized->push_back({std::vector<std::int8_t>(record.spec.size), std::move(record.scale), block_});
      }
    }
    const std::vector<EdgeBlock> blocks = edge_blocks(specs_);
    std::vector<std::uint64_t> nonzeros(blocks.size());
    parallel_ranges(blocks.size(), 1, out.threads, [&](std::size_t begin, std::size_t end) {
      Scratch scratch;
      for (std::size_t b = begin; b < end; ++b) nonzeros[b] = decode_block(blocks[b], payloads_[b], out, scratch);
    });
    for (const std::uint64_t count : nonzeros) out.nonzeros += count;
  }

 private:
  struct Record {
    Record(const model::TensorSpec& of, unsigned block) : spec(of), runs(of, block) {}

    const model::TensorSpec& spec;
    ChannelRuns runs;
    std::vector<float> scale, slot_scales;
    SymbolModel mask, value;
  };
  struct Scratch {
    std::vector<std::uint8_t> mask, symbols;
    std::array<std::int8_t, kTile> q;
  };

  std::size_t decode_block(const EdgeBlock& block, ByteSpan payload, DecodedWeights& out, Scratch& scratch) const {
    const Record& record = records_[block.tensor];
    ByteReader in(payload, "edge copy");
    scratch.mask.resize(std::max(scratch.mask.size(), block.mask_bytes() + kSlack));
    const Mask mask = take_mask(in, record.mask, block.size(), scratch.mask);
    scratch.symbols.resize(std::max(scratch.symbols.size(), mask.ones + kSlack));
    decode_stream(in.get_bytes(in.remaining()), record.value, mask.ones, scratch.symbols.data());
    if (!are_good(record.value, std::span(scratch.symbols).first(mask.ones))) {
      refuse_edge_copy("has a value that is 0 or more than its bits hold", record.spec);
    }

    const std::uint8_t* symbols = scratch.symbols.data();
    for (std::uint64_t begin = block.begin; begin < block.end; begin += kTile) {
      const std::uint64_t end = std::min<std::uint64_t>(block.end, begin + kTile);
      std::int8_t* q = out.quantized != nullptr ? (*out.quantized)[block.tensor].q.data() + begin : scratch.q.data();
      symbols += kernels().expand(mask.bytes + (begin - block.begin) / 8, symbols, end - begin, q);
      if (out.values.empty()) continue;
      record.runs.walk(begin, end, [&](std::uint64_t from, std::uint64_t to, std::size_t slot) {
        float* values = out.values.data() + record.spec.offset + from;
        if (record.runs.each()) {
          kernels().dequantize_each(q + (from - begin), to - from, record.slot_scales.data() + slot, values);
        } else {
          kernels().dequantize(q + (from - begin), to - from, record.slot_scales[slot], values);
        }
      });
    }
    return mask.ones;
  }

  // A model of 8 bits gives no others than good ones.
  bool are_good(const SymbolModel& model, std::span<const std::uint8_t> symbols) const {
    if (largest_ == 127) {
      return model.kind != SymbolModel::Kind::Raw || !kernels().has_bad_symbol(symbols.data(), symbols.size());
    }
    const auto largest = static_cast<int>(largest_);
    return std::all_of(symbols.begin(), symbols.end(), [=](std::uint8_t symbol) {
      const int q = static_cast<std::int8_t>(symbol);
      return q != 0 && q >= -largest && q <= largest;
    });
  }

  unsigned block_, largest_;
  std::vector<Record> records_;
  std::vector<const model::TensorSpec*> specs_;
  std::vector<ByteSpan> payloads_;
};

}  // namespace

void put_scale(ByteWriter& out, float scale) {
  out.put(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(scale) >> 16));
}

float take_scale(ByteReader& in, const model::TensorSpec& spec) {
  const auto scale = std::bit_cast<float>(static_cast<std::uint32_t>(in.get<std::uint16_t>()) << 16);
  if (std::signbit(scale) || !std::isfinite(scale * 127.0F)) refuse_edge_copy("has a scale out of range", spec);
  return scale;
}

std::vector<EdgeRecord> integer_records(std::span<const model::TensorSpec* const> specs,
                                        std::span<const QuantizedTensor> quantized, unsigned threads) {
  const std::vector<EdgeBlock> blocks = edge_blocks(specs);
  IntegerWriter writer(blocks, specs.size());
  for_blocks(blocks.size(), threads, [&](std::size_t b) { writer.pack(b, quantized[blocks[b].tensor].q); });
  return writer.write(quantized, threads).records;
}

const WeightFormat kIntegerWeights = {
    .encode = [](const EdgeWeights& weights) { return IntegerEncoder(weights).encode(); },
    .reader = [](const EdgeHeader& header) -> std::unique_ptr<WeightFormat::Reader> {
      return std::make_unique<IntegerReader>(header);
    }};

}  // namespace tributary::codec
