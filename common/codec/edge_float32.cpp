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

struct Pruned {
  std::vector<std::uint8_t> mask;
  Bytes own;      // what is kept of the block, where that does not lie in the weights as it is
  ByteSpan kept;  // in `own` or in the weights

  std::size_t nonzeros() const { return kept.size() / sizeof(float); }
};

// Prunes a block in place. Rounding loses nothing here, so the residual is 0. `scratch` has room for a block and
// kSlack: what stays is packed there first, so that what is kept has no room to spare.
Pruned prune(const EdgeWeights& w, const EdgeBlock& block, std::span<float> scratch) {
  const Cut& cut = w.cuts[block.tensor];
  const std::uint64_t place = w.places[block.tensor] + block.begin, at = w.specs[block.tensor]->offset + block.begin;
  Pruned made{std::vector<std::uint8_t>(block.mask_bytes()), {}, {}};
  // Where the treatment of ties changes, down to a whole byte of the mask; the rest of that byte goes singly.
  const std::uint64_t tie_end = cut.first_kept_tie <= place ? 0 : cut.first_kept_tie - place;
  const std::size_t middle = static_cast<std::size_t>(std::min<std::uint64_t>(tie_end, block.size())) / 8 * 8;
  const std::size_t behind = tie_end % 8 == 0 || middle == block.size() ? middle : std::min(middle + 8, block.size());
  std::size_t count =
      kernels().pack_float(w.x.data() + at, middle, cut.keep_from(place), made.mask.data(), scratch.data());
  for (std::size_t i = middle; i < behind; ++i) {
    const float x = w.x[at + i];
    const Magnitude magnitude = std::bit_cast<Magnitude>(std::abs(x));
    if (magnitude == 0 || magnitude < cut.keep_from(place + i)) continue;
    made.mask[i / 8] = static_cast<std::uint8_t>(made.mask[i / 8] | 1u << (i % 8));
    scratch[count++] = x;
  }
  if (behind < block.size()) {
    count += kernels().pack_float(w.x.data() + at + behind, block.size() - behind, cut.keep_from(place + behind),
                                  made.mask.data() + behind / 8, scratch.data() + count);
  }
  // What is x goes when x is the residual.
  const bool stays = count == block.size() && w.residual.empty();
  if (stays) {
    made.kept = std::as_bytes(w.x.subspan(at, count));
  } else {
    const ByteSpan packed = std::as_bytes(scratch.first(count));
    made.own.assign(packed.begin(), packed.end());
    made.kept = made.own;
    const auto* kept = reinterpret_cast<const BlobFloat*>(made.kept.data());
    if (!w.values.empty()) kernels().expand_float(made.mask.data(), kept, count, block.size(), w.values.data() + at);
  }
  if (!w.residual.empty()) std::fill_n(w.residual.begin() + static_cast<std::ptrdiff_t>(at), block.size(), 0.0F);
  fill_last_byte(made.mask, block.size());
  return made;
}

// Head, and each block behind its length.
EdgeRecord record_of(ByteWriter head, const StreamEncoder& masks, std::span<Pruned> blocks) {
  EdgeRecord record(head.take());
  for (Pruned& block : blocks) {
    Bytes mask(sizeof(std::uint32_t));
    put_sized(block.mask, masks, mask);
    const auto length = static_cast<std::uint32_t>(mask.size() - sizeof(std::uint32_t) + block.kept.size());
    std::memcpy(mask.data(), &length, sizeof length);
    record.add(std::move(mask));
    record.own.push_back(std::move(block.own));
    record.pieces.push_back(block.kept);
  }
  return record;
}

EncodedWeights encode(const EdgeWeights& w) {
  std::vector<Pruned> pruned(w.blocks.size());
  parallel_ranges(w.blocks.size(), 1, w.threads, [&](std::size_t begin, std::size_t end) {
    std::vector<float> scratch(kEdgeBlock + kSlack / sizeof(float));
    for (std::size_t b = begin; b < end; ++b) pruned[b] = prune(w, w.blocks[b], scratch);
  });
  EncodedWeights made;
  std::size_t b = 0;
  for (std::size_t t = 0; t < w.specs.size(); ++t) {
    const std::size_t first = b;
    Counts counts{};
    std::uint64_t nonzeros = 0;
    for (; b < w.blocks.size() && w.blocks[b].tensor == t; ++b) {
      count_bytes(pruned[b].mask, counts);
      nonzeros += pruned[b].nonzeros();
    }
    ByteWriter head;
    const StreamEncoder encoder(fit_model(counts, Alphabet::Masks, head));
    made.records.push_back(record_of(std::move(head), encoder, std::span(pruned).subspan(first, b - first)));
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
    } else {
      kernels().expand_float(mask.bytes, kept, mask.ones, block.size(), values);
    }
    return mask.ones;
  }

  std::vector<const model::TensorSpec*> specs_;
  std::vector<SymbolModel> masks_;
  std::vector<ByteSpan> payloads_;
};

}  // namespace

const WeightFormat kFloat32Weights = {.encode = encode,
                                      .reader = [](const EdgeHeader&) -> std::unique_ptr<WeightFormat::Reader> {
                                        return std::make_unique<Float32Reader>();
                                      }};

}  // namespace tributary::codec
