#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/codec/edge_format.h"
#include "common/codec/edge_masks.h"

namespace tributary::codec {

namespace {

// Prunes a block in place; returns its mask and appends what stays to `kept`. Rounding loses nothing here, so the
// residual is 0.
std::vector<std::uint8_t> prune(const EdgeWeights& w, const EdgeBlock& block, Bytes& kept) {
  const Cut& cut = w.cuts[block.tensor];
  const std::uint64_t place = w.places[block.tensor], at = w.specs[block.tensor]->offset + block.begin;
  std::vector<std::uint8_t> mask(block.mask_bytes());
  std::vector<float> stay;
  stay.reserve(block.size());
  for (std::size_t i = 0; i < block.size(); ++i) {
    const float x = w.x[at + i];
    const Magnitude magnitude = std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFu;
    if (magnitude == 0 || magnitude < cut.keep_from(place + block.begin + i)) {
      if (!w.values.empty()) w.values[at + i] = 0;
      continue;
    }
    mask[i / 8] = static_cast<std::uint8_t>(mask[i / 8] | 1u << (i % 8));
    stay.push_back(x);
  }
  if (!w.residual.empty()) std::fill_n(w.residual.begin() + static_cast<std::ptrdiff_t>(at), block.size(), 0.0F);
  fill_last_byte(mask, block.size());
  const ByteSpan raw = std::as_bytes(std::span(stay));
  kept.insert(kept.end(), raw.begin(), raw.end());
  return mask;
}

EncodedWeights encode(const EdgeWeights& w) {
  std::vector<std::vector<std::uint8_t>> masks(w.blocks.size());
  std::vector<Bytes> kept(w.blocks.size());
  parallel_ranges(w.blocks.size(), 1, w.threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t b = begin; b < end; ++b) masks[b] = prune(w, w.blocks[b], kept[b]);
  });
  EncodedWeights made;
  std::size_t b = 0;
  for (std::size_t t = 0; t < w.specs.size(); ++t) {
    const std::size_t first = b;
    Counts counts{};
    std::uint64_t nonzeros = 0;
    for (; b < w.blocks.size() && w.blocks[b].tensor == t; ++b) {
      count_bytes(masks[b], counts);
      nonzeros += kept[b].size() / sizeof(float);
    }
    ByteWriter head;
    const StreamEncoder encoder(fit_model(counts, Alphabet::Masks, head));
    std::vector<Bytes> payloads(b - first);
    for (std::size_t i = first; i < b; ++i) {
      put_sized(masks[i], encoder, payloads[i - first]);
      payloads[i - first].insert(payloads[i - first].end(), kept[i].begin(), kept[i].end());
      kept[i] = Bytes();
    }
    made.records.push_back(join_record(std::move(head), payloads));
    made.nonzeros += nonzeros;
    made.entropy_bits += 32.0 * static_cast<double>(nonzeros) + mask_entropy_bits(nonzeros, w.specs[t]->size);
  }
  return made;
}

class Float32Reader final : public WeightFormat::Reader {
 public:
  void read_record(ByteReader& in, const model::TensorSpec& spec) override {
    specs_.push_back(&spec);
    masks_.push_back(read_model(in, Alphabet::Masks));
    const std::vector<ByteSpan> payloads = take_blocks(in, spec);
    payloads_.insert(payloads_.end(), payloads.begin(), payloads.end());
  }

  void decode(DecodedWeights& out) override {
    const std::vector<EdgeBlock> blocks = edge_blocks(specs_);
    std::vector<std::uint64_t> nonzeros(blocks.size());
    parallel_ranges(blocks.size(), 1, out.threads, [&](std::size_t begin, std::size_t end) {
      std::vector<std::uint8_t> scratch(kEdgeBlock / 8 + kSlack);
      for (std::size_t b = begin; b < end; ++b) nonzeros[b] = decode_block(blocks[b], payloads_[b], out, scratch);
    });
    for (const std::uint64_t count : nonzeros) out.nonzeros += count;
  }

 private:
  std::size_t decode_block(const EdgeBlock& block, ByteSpan payload, DecodedWeights& out,
                           std::span<std::uint8_t> scratch) const {
    const model::TensorSpec& spec = *specs_[block.tensor];
    ByteReader in(payload, "edge copy");
    const Mask mask = take_mask(in, masks_[block.tensor], block.size(), scratch);
    const ByteSpan raw = in.get_bytes(std::uint64_t{mask.ones} * sizeof(float));
    in.expect_end();
    const auto* kept = reinterpret_cast<const BlobFloat*>(raw.data());
    if (kernels().check_float(kept, mask.ones).largest >= kInfinity) {
      refuse_edge_copy("has a value that is not finite", spec);
    }
    float* values = out.values.data() + spec.offset + block.begin;
    if (mask.ones == block.size()) {
      std::memcpy(values, raw.data(), raw.size());
      return mask.ones;
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
      values[i] = (mask.bytes[i / 8] >> (i % 8) & 1u) != 0 ? *kept++ : 0.0F;
    }
    return mask.ones;
  }

  std::vector<const model::TensorSpec*> specs_;
  std::vector<SymbolModel> masks_;
  std::vector<ByteSpan> payloads_;
};

}  // namespace

const WeightFormat kFloat32Weights = {
    .bits = 32, .encode = encode, .reader = []() -> std::unique_ptr<WeightFormat::Reader> {
      return std::make_unique<Float32Reader>();
    }};

}  // namespace tributary::codec
