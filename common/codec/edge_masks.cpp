#include "common/codec/edge_masks.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/error.h"

namespace tributary::codec {

namespace {

[[noreturn]] void refuse() {
  fail(Error::Kind::Malformed, "edge copy: a block does not have the length that its mask says");
}

// The bits of the last byte that stand for elements; 0xFF when all do.
unsigned last_byte_bits(std::size_t elements) {
  return elements % 8 == 0 ? 0xFFu : (1u << elements % 8) - 1;
}

}  // namespace

void fill_last_byte(std::span<std::uint8_t> mask, std::size_t elements) {
  const unsigned used = last_byte_bits(elements);
  if ((mask.back() & (used ^ used >> 1)) != 0) mask.back() = static_cast<std::uint8_t>(mask.back() | ~used);
}

StreamEncoder::StreamEncoder(const SymbolModel& model) : kind_(model.kind) {
  if (kind_ == SymbolModel::Kind::Coded) rans_.emplace(model);
}

std::size_t StreamEncoder::put(std::span<const std::uint8_t> bytes, Bytes& out) const {
  if (kind_ == SymbolModel::Kind::Constant) return 0;
  if (rans_) return rans_->encode(bytes, out);
  const ByteSpan raw = std::as_bytes(bytes);
  out.insert(out.end(), raw.begin(), raw.end());
  return raw.size();
}

void decode_stream(ByteSpan stream, const SymbolModel& model, std::size_t count, std::uint8_t* out) {
  switch (model.kind) {
    case SymbolModel::Kind::Raw:
      if (stream.size() != count) refuse();
      if (count > 0) std::memcpy(out, stream.data(), count);
      return;
    case SymbolModel::Kind::Constant:
      if (!stream.empty()) refuse();
      std::memset(out, model.constant, count);
      return;
    case SymbolModel::Kind::Coded:
      RansDecoder(model).decode(stream, count, out, kernels());
      return;
  }
}

const std::uint8_t* take_sized(ByteReader& payload, const SymbolModel& model, std::size_t count,
                               std::span<std::uint8_t> scratch) {
  if (model.kind == SymbolModel::Kind::Raw) {
    return reinterpret_cast<const std::uint8_t*>(payload.get_bytes(count).data());
  }
  const std::uint64_t length = model.kind == SymbolModel::Kind::Coded ? payload.get<std::uint32_t>() : 0;
  decode_stream(payload.get_bytes(length), model, count, scratch.data());
  return scratch.data();
}

Mask take_mask(ByteReader& payload, const SymbolModel& model, std::size_t elements, std::span<std::uint8_t> scratch) {
  const std::size_t bytes = (elements + 7) / 8;
  Mask mask;
  mask.bytes = take_sized(payload, model, bytes, scratch);
  const unsigned used = last_byte_bits(elements), last = mask.bytes[bytes - 1];
  const unsigned fill = (last & (used ^ used >> 1)) != 0 ? 0xFFu & ~used : 0;
  if ((last & ~used) != fill) {
    fail(Error::Kind::Malformed, "edge copy: a mask has bits beyond its last element");
  }
  mask.ones = kernels().count_ones(mask.bytes, bytes) - static_cast<std::size_t>(std::popcount(fill));
  return mask;
}

void put_sized(std::span<const std::uint8_t> bytes, const StreamEncoder& encoder, Bytes& out) {
  const std::size_t before = out.size();
  if (encoder.coded()) out.resize(before + 4);
  const auto length = static_cast<std::uint32_t>(encoder.put(bytes, out));
  if (encoder.coded()) std::memcpy(out.data() + before, &length, 4);
}

void count_bytes(std::span<const std::uint8_t> bytes, Counts& counts) {
  // Four sets: equal neighbours need not wait for each other's increments.
  std::array<std::array<std::uint32_t, 256>, 4> sets{};
  std::size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    ++sets[0][bytes[i]];
    ++sets[1][bytes[i + 1]];
    ++sets[2][bytes[i + 2]];
    ++sets[3][bytes[i + 3]];
  }
  for (; i < bytes.size(); ++i) ++sets[0][bytes[i]];
  for (std::size_t s = 0; s < 256; ++s) counts[s] += std::uint64_t{sets[0][s]} + sets[1][s] + sets[2][s] + sets[3][s];
}

double mask_entropy_bits(std::uint64_t ones, std::uint64_t n) {
  Counts counts{};
  counts[0] = n - ones;
  counts[1] = ones;
  return entropy_bits(counts);
}

Bytes join_record(ByteWriter head, std::span<Bytes> blocks) {
  Bytes record = head.take();
  std::size_t total = record.size();
  for (const Bytes& block : blocks) total += 4 + block.size();
  record.reserve(total);
  for (Bytes& block : blocks) {
    const auto length = static_cast<std::uint32_t>(block.size());
    const ByteSpan raw = std::as_bytes(std::span(&length, 1));
    record.insert(record.end(), raw.begin(), raw.end());
    record.insert(record.end(), block.begin(), block.end());
    block = Bytes();
  }
  return record;
}

std::vector<Bytes> join_records(std::vector<ByteWriter> heads, std::span<const EdgeBlock> blocks,
                                std::span<Bytes> payloads) {
  std::vector<Bytes> records;
  std::size_t first = 0;
  for (std::size_t t = 0; t < heads.size(); ++t) {
    std::size_t last = first;
    while (last < blocks.size() && blocks[last].tensor == t) ++last;
    records.push_back(join_record(std::move(heads[t]), payloads.subspan(first, last - first)));
    first = last;
  }
  return records;
}

std::vector<ByteSpan> take_blocks(ByteReader& in, const model::TensorSpec& spec) {
  std::vector<ByteSpan> blocks;
  for (std::uint64_t begin = 0; begin < spec.size; begin += kEdgeBlock) {
    const auto length = in.get<std::uint32_t>();
    blocks.push_back(in.get_bytes(length));
  }
  return blocks;
}

}  // namespace tributary::codec
