// The bytes of a difference. All numbers little-endian; what is not explained here is as in edge_format.h.
//
//   delta      := "TRED" version(u8 = 1) zero(u8){3} layout_digest(32) base_digest(32) copy_digest(32) record*
//   record     := float(f32){size}                                      Vector and State tensors
//               | scales model model model model block*                 weights: models of mask and values, for each
//               part
//   scales     := mask scale(u16){ones}
//                 a bit a scale, lowest first, 1 = another one than the base's; spare bits are 0
//   block      := bytes(u32) part part
//                 the integers of the next 2^17 elements: the first part those whose integer in the base is 0, as they
//                 are; the second part the others as changes
//   change     := from base b to q, with p = q and a = b, or p = -q and a = -b where b < 0: -128 for p = 0, else -a
//                 for p - a = 128, else p - a, modulo 256. 0 = no change; one that is pruned now is the same symbol
//                 whatever it was
//   part       := [mask_bytes(u32)] mask [value_bytes(u32)] values
//                 nothing when the part has no elements; lengths where the model does not say them
//   values     := the non-zero ones: int8 without 0 and -128 in the first part, without 0 in the second
//
// Base and copy have the same bits and blocks: the base's header says them.
// The base says which element is in which part, so that places cost nothing; and a weight that was pruned and one that
// was not have statistics of their own: the first mostly stays pruned, the second mostly stays what it was.
#include "common/codec/edge_delta.h"

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/codec/edge_format.h"
#include "common/codec/edge_masks.h"

namespace tributary::codec {

namespace {

constexpr std::string_view kMagic = "TRED", kCopyMagic = "TREC";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kParts = 2;
constexpr std::array<Alphabet, kParts> kAlphabets = {Alphabet::Values, Alphabet::Differences};

[[noreturn]] void refuse(const std::string& reason) {
  fail(Error::Kind::Malformed, "edge copy: " + reason);
}

std::uint64_t other_tensors(const model::ParameterLayout& layout) {
  return layout.tensors().size() - weights_of(layout).size();
}

bool is_of(const EdgeIntegers& copy, const model::ParameterLayout& layout) {
  const auto specs = weights_of(layout);
  return copy.others.size() == other_tensors(layout) &&
         std::equal(specs.begin(), specs.end(), copy.weights.begin(), copy.weights.end(),
                    [&](const auto* spec, const auto& tensor) {
                      return tensor.q.size() == spec->size && tensor.block == copy.block &&
                             tensor.scale.size() == scale_groups(*spec, copy.block).count;
                    });
}

// Takes the tensors that are not weights one after the other.
OtherTensors in_order(const EdgeIntegers& copy) {
  return [next = copy.others.begin()](const model::TensorSpec&) mutable { return std::span<const float>(*next++); };
}

OtherPlaces at_end_of(EdgeIntegers& copy) {
  return [&copy](const model::TensorSpec& spec) {
    return std::span<float>(copy.others.emplace_back(static_cast<std::size_t>(spec.size)));
  };
}

constexpr std::uint8_t kPruned = 0x80;

// What a change of `by` makes of b; -128 for what is no change.
std::int8_t changed(std::int8_t b, std::int8_t by) {
  const int sign = b < 0 ? -1 : 1, a = b * sign;
  const auto symbol = static_cast<std::uint8_t>(by);
  const std::uint8_t difference = symbol == static_cast<std::uint8_t>(-a) ? kPruned : symbol;
  const auto p = static_cast<std::int8_t>(static_cast<std::uint8_t>(a + difference));
  return static_cast<std::int8_t>(symbol == kPruned || p == -128 ? (symbol == kPruned ? 0 : -128) : p * sign);
}

void put_scales(ByteWriter& out, std::span<const float> base, std::span<const float> scales) {
  std::vector<std::uint8_t> mask((scales.size() + 7) / 8);
  for (std::size_t i = 0; i < scales.size(); ++i) {
    if (scales[i] != base[i]) mask[i / 8] = static_cast<std::uint8_t>(mask[i / 8] | 1u << (i % 8));
  }
  out.put_bytes(std::as_bytes(std::span(mask)));
  for (std::size_t i = 0; i < scales.size(); ++i) {
    if (scales[i] != base[i]) put_scale(out, scales[i]);
  }
}

std::vector<float> take_scales(ByteReader& in, std::span<const float> base, const model::TensorSpec& spec) {
  const ByteSpan mask = in.get_bytes((base.size() + 7) / 8);
  std::vector<float> scales(base.begin(), base.end());
  for (std::size_t i = 0; i < 8 * mask.size(); ++i) {
    if ((std::to_integer<unsigned>(mask[i / 8]) >> (i % 8) & 1u) == 0) continue;
    if (i >= scales.size()) refuse_edge_copy("has bits beyond its last scale", spec);
    scales[i] = take_scale(in, spec);
    if (scales[i] == base[i]) refuse_edge_copy("has a scale that is said to change and does not", spec);
  }
  return scales;
}

class DeltaWriter {
 public:
  DeltaWriter(const EdgeIntegers& base, const EdgeIntegers& copy, std::span<const EdgeBlock> blocks)
      : base_(base), copy_(copy), blocks_(blocks), parts_(blocks.size()), tensors_(copy.weights.size()) {}

  std::vector<Bytes> records(unsigned threads) {
    parallel_ranges(blocks_.size(), 1, threads, [&](std::size_t first, std::size_t last) {
      Scratch scratch;
      for (std::size_t b = first; b < last; ++b) take_apart(b, scratch);
    });
    std::vector<ByteWriter> heads;
    for (std::size_t t = 0; t < tensors_.size(); ++t) heads.push_back(describe(t));
    std::vector<Bytes> payloads(blocks_.size());
    parallel_ranges(blocks_.size(), 1, threads, [&](std::size_t first, std::size_t last) {
      for (std::size_t b = first; b < last; ++b) payloads[b] = code(b);
    });
    return join_records(std::move(heads), blocks_, payloads);
  }

 private:
  struct Part {
    std::vector<std::uint8_t> mask, symbols;
  };
  struct PartOfTensor {
    Counts mask_counts{}, value_counts{};
    std::optional<StreamEncoder> masks, values;
  };
  using Scratch = std::array<std::vector<std::int8_t>, kParts>;

  void take_apart(std::size_t b, Scratch& scratch) {
    const EdgeBlock& block = blocks_[b];
    const std::int8_t* base = base_.weights[block.tensor].q.data() + block.begin;
    const std::int8_t* q = copy_.weights[block.tensor].q.data() + block.begin;
    for (auto& each : scratch) each.resize(block.size() + kSlack);
    const std::size_t zeros = kernels().take_apart(base, q, block.size(), scratch[0].data(), scratch[1].data());
    pack(b, 0, {scratch[0].data(), zeros});
    pack(b, 1, {scratch[1].data(), block.size() - zeros});
  }

  void pack(std::size_t b, std::size_t p, std::span<const std::int8_t> q) {
    if (q.empty()) return;
    Part& part = parts_[b][p];
    part.mask.resize((q.size() + 7) / 8);
    part.symbols.resize(q.size() + kSlack);
    part.symbols.resize(kernels().pack(q.data(), q.size(), part.mask.data(), part.symbols.data()));
    fill_last_byte(part.mask, q.size());
    Counts masks{}, values{};
    count_bytes(part.mask, masks);
    count_bytes(part.symbols, values);
    PartOfTensor& tensor = tensors_[blocks_[b].tensor][p];
    const std::lock_guard lock(mutex_);
    for (std::size_t s = 0; s < 256; ++s) {
      tensor.mask_counts[s] += masks[s];
      tensor.value_counts[s] += values[s];
    }
  }

  ByteWriter describe(std::size_t t) {
    ByteWriter head;
    put_scales(head, base_.weights[t].scale, copy_.weights[t].scale);
    for (std::size_t p = 0; p < kParts; ++p) {
      PartOfTensor& part = tensors_[t][p];
      part.masks.emplace(fit_model(part.mask_counts, Alphabet::Masks, head));
      part.values.emplace(fit_model(part.value_counts, kAlphabets[p], head));
    }
    return head;
  }

  Bytes code(std::size_t b) {
    Bytes payload;
    for (std::size_t p = 0; p < kParts; ++p) {
      Part part = std::move(parts_[b][p]);
      if (part.mask.empty()) continue;
      const PartOfTensor& models = tensors_[blocks_[b].tensor][p];
      put_sized(part.mask, *models.masks, payload);
      put_sized(part.symbols, *models.values, payload);
    }
    return payload;
  }

  const EdgeIntegers& base_;
  const EdgeIntegers& copy_;
  std::span<const EdgeBlock> blocks_;
  std::vector<std::array<Part, kParts>> parts_;
  std::vector<std::array<PartOfTensor, kParts>> tensors_;
  std::mutex mutex_;
};

class DeltaReader {
 public:
  DeltaReader(const EdgeIntegers& base, EdgeIntegers& copy) : base_(base), copy_(copy) {}

  void read_record(ByteReader& in, const model::TensorSpec& spec) {
    const QuantizedTensor& base = base_.weights[copy_.weights.size()];
    copy_.weights.push_back({{}, take_scales(in, base.scale, spec), base.block});
    auto& parts = models_.emplace_back();
    for (std::size_t p = 0; p < kParts; ++p) {
      parts[p].masks = read_model(in, Alphabet::Masks);
      parts[p].values = read_model(in, kAlphabets[p]);
    }
    const std::vector<ByteSpan> payloads = take_blocks(in, spec);
    payloads_.insert(payloads_.end(), payloads.begin(), payloads.end());
    specs_.push_back(&spec);
  }

  // Decodes what was read. The bytes read must still be there.
  void decode(unsigned threads) {
    for (std::size_t t = 0; t < specs_.size(); ++t) copy_.weights[t].q.resize(specs_[t]->size);
    const std::vector<EdgeBlock> blocks = edge_blocks(specs_);
    parallel_ranges(blocks.size(), 1, threads, [&](std::size_t first, std::size_t last) {
      Scratch scratch;
      for (std::size_t b = first; b < last; ++b) decode_block(blocks[b], payloads_[b], scratch);
    });
  }

 private:
  struct Models {
    SymbolModel masks, values;
  };
  struct Scratch {
    std::vector<std::uint8_t> mask, symbols;
    std::array<std::vector<std::int8_t>, kParts> q;
  };

  void decode_block(const EdgeBlock& block, ByteSpan payload, Scratch& scratch) {
    const std::int8_t* base = base_.weights[block.tensor].q.data() + block.begin;
    std::int8_t* q = copy_.weights[block.tensor].q.data() + block.begin;
    const auto zeros = static_cast<std::size_t>(std::count(base, base + block.size(), std::int8_t{0}));
    ByteReader in(payload, "edge copy");
    take_part(in, block, 0, zeros, scratch);
    take_part(in, block, 1, block.size() - zeros, scratch);
    in.expect_end();

    const std::int8_t* was_zero = scratch.q[0].data();
    const std::int8_t* was_not = scratch.q[1].data();
    const auto largest = static_cast<int>(largest_integer(base_.bits));
    bool bad = false;
    for (std::size_t i = 0; i < block.size(); ++i) {
      q[i] = base[i] == 0 ? *was_zero : changed(base[i], *was_not);
      was_zero += base[i] == 0;
      was_not += base[i] != 0;
      bad |= q[i] < -largest || q[i] > largest;
    }
    if (bad) refuse_edge_copy("has a value that is more than its bits hold", *specs_[block.tensor]);
  }

  // Fills scratch.q[p]; one more element than `elements` may be read from it.
  void take_part(ByteReader& in, const EdgeBlock& block, std::size_t p, std::size_t elements, Scratch& scratch) {
    std::vector<std::int8_t>& q = scratch.q[p];
    q.resize(std::max(q.size(), elements + 1));
    if (elements == 0) return;
    const Models& models = models_[block.tensor][p];
    scratch.mask.resize(std::max(scratch.mask.size(), block.mask_bytes() + kSlack));
    scratch.symbols.resize(std::max(scratch.symbols.size(), block.size() + kSlack));
    const Mask mask = take_mask(in, models.masks, elements, scratch.mask);
    const std::uint8_t* symbols = take_sized(in, models.values, mask.ones, scratch.symbols);
    if (models.values.kind == SymbolModel::Kind::Raw) {
      if (mask.ones > 0) std::memcpy(scratch.symbols.data(), symbols, mask.ones);  // expand() reads past their end
      symbols = scratch.symbols.data();
      if (std::find(symbols, symbols + mask.ones, 0) != symbols + mask.ones) {
        refuse_edge_copy("has a zero where its mask has none", *specs_[block.tensor]);
      }
    }
    kernels().expand(mask.bytes, symbols, elements, q.data());
  }

  const EdgeIntegers& base_;
  EdgeIntegers& copy_;
  std::vector<std::array<Models, kParts>> models_;
  std::vector<const model::TensorSpec*> specs_;
  std::vector<ByteSpan> payloads_;
};

// The copy's digest, when the header is that of a difference to this base.
Digest read_delta_header(ByteReader& in, const Digest& layout, const Digest& base) {
  if (as_text(in.get_bytes(kMagic.size())) != kMagic) refuse("not a difference of edge copies");
  const auto version = in.get<std::uint8_t>();
  if (version > kVersion) {
    fail(Error::Kind::Unsupported, "edge copy: a difference of version " + std::to_string(version) +
                                       ", this build reads " + std::to_string(kVersion));
  }
  const ByteSpan spare = in.get_bytes(3);
  const bool clean = std::all_of(spare.begin(), spare.end(), [](std::byte b) { return b == std::byte{0}; });
  if (version == 0 || !clean) refuse("a difference with a damaged header");
  if (Digest::from_bytes(in.get_bytes(sizeof(Digest))) != layout) refuse("made for a model of another layout");
  if (Digest::from_bytes(in.get_bytes(sizeof(Digest))) != base) refuse("a difference to another edge copy");
  return Digest::from_bytes(in.get_bytes(sizeof(Digest)));
}

}  // namespace

bool has_edge_integers(ByteSpan blob) {
  const std::size_t bits_at = kCopyMagic.size() + 1;
  return blob.size() > bits_at && as_text(blob.first(kCopyMagic.size())) == kCopyMagic &&
         largest_integer(std::to_integer<unsigned>(blob[bits_at])) != 0;
}

EdgeIntegers edge_integers(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits) {
  check_size(*layout, limits);
  ByteReader in(blob, "edge copy");
  const EdgeHeader header = read_header(in);
  if (header.layout != layout->digest()) refuse("made for a model of another layout");
  if (largest_integer(header.bits) == 0) {
    fail(Error::Kind::Unsupported, "edge copy: one of 32 bits has no integers, and no differences");
  }
  EdgeIntegers copy;
  copy.digest = sha256(blob);
  copy.bits = header.bits;
  copy.block = header.block;
  const auto reader = read_records(in, header, *layout, at_end_of(copy));
  DecodedWeights out;
  out.quantized = &copy.weights;
  out.threads = std::max(1u, limits.threads);
  reader->decode(out);
  return copy;
}

Bytes edge_blob(const EdgeIntegers& copy, const model::ParameterLayout& layout, unsigned threads) {
  TRIBUTARY_CHECK(is_of(copy, layout));
  const auto specs = weights_of(layout);
  return join_blob({copy.bits, copy.block, layout.digest()}, layout,
                   integer_records(specs, copy.weights, std::max(1u, threads)), in_order(copy));
}

Bytes encode_edge_delta(const EdgeIntegers& base, const EdgeIntegers& copy, const model::ParameterLayout& layout,
                        unsigned threads) {
  TRIBUTARY_CHECK(is_of(base, layout) && is_of(copy, layout) && base.bits == copy.bits && base.block == copy.block);
  const auto specs = weights_of(layout);
  const std::vector<EdgeBlock> blocks = edge_blocks(specs);
  const std::vector<Bytes> records = DeltaWriter(base, copy, blocks).records(std::max(1u, threads));
  ByteWriter out;
  out.put_bytes(as_bytes(kMagic));
  out.put(kVersion);
  for (int spare = 0; spare < 3; ++spare) out.put(std::uint8_t{0});
  for (const Digest& digest : {layout.digest(), base.digest, copy.digest}) out.put_bytes(digest.bytes);
  const OtherTensors other = in_order(copy);
  auto record = records.begin();
  for (const model::TensorSpec& spec : layout.tensors()) {
    out.put_bytes(spec.role == model::Role::Weight ? ByteSpan(*record++) : std::as_bytes(other(spec)));
  }
  return out.take();
}

EdgeIntegers decode_edge_delta(ByteSpan delta, const EdgeIntegers& base, const model::LayoutPtr& layout,
                               const DecodeLimits& limits) {
  TRIBUTARY_CHECK(is_of(base, *layout));
  check_size(*layout, limits);
  ByteReader in(delta, "edge copy");
  EdgeIntegers copy;
  copy.digest = read_delta_header(in, layout->digest(), base.digest);
  copy.bits = base.bits;
  copy.block = base.block;
  DeltaReader reader(base, copy);
  const OtherPlaces place = at_end_of(copy);
  for (const model::TensorSpec& spec : layout->tensors()) {
    if (spec.role == model::Role::Weight) {
      reader.read_record(in, spec);
    } else {
      read_other(in, spec, place);
    }
  }
  in.expect_end();
  reader.decode(std::max(1u, limits.threads));
  return copy;
}

Bytes rebuild_edge_copy(ByteSpan delta, ByteSpan base_blob, const model::LayoutPtr& layout,
                        const DecodeLimits& limits) {
  EdgeIntegers base = edge_integers(base_blob, layout, limits);
  const EdgeIntegers copy = decode_edge_delta(delta, base, layout, limits);
  base = {};
  Bytes blob = edge_blob(copy, *layout, limits.threads);
  if (sha256(blob) != copy.digest) refuse("a difference gives another copy than it claims");
  return blob;
}

}  // namespace tributary::codec
