// common/codec/edge_masks.h (internal to codec)
//
// The masks of an edge copy: which elements of a block are not zero. Shared by all ways to write weights.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/codec/edge_format.h"
#include "common/codec/rans.h"
#include "common/codec/symbol_model.h"

namespace tributary::codec {

// Makes the bits that fill a mask's last byte repeat its last one. REQUIRES: they are 0; elements > 0.
void fill_last_byte(std::span<std::uint8_t> mask, std::size_t elements);

// A stream of bytes whose model is known: how both the masks and the int8 values are written.
class StreamEncoder {
 public:
  explicit StreamEncoder(const SymbolModel& model);
  bool coded() const { return rans_.has_value(); }
  // Appends the stream; returns its bytes.
  std::size_t put(std::span<const std::uint8_t> bytes, Bytes& out) const;

 private:
  SymbolModel::Kind kind_;
  std::optional<RansEncoder> rans_;
};

// Reads `count` bytes, which fill the whole of `stream`. Throws Malformed otherwise. Writes up to kSlack past `out`.
void decode_stream(ByteSpan stream, const SymbolModel& model, std::size_t count, std::uint8_t* out);

// A mask as read.
struct Mask {
  const std::uint8_t* bytes = nullptr;  // in the blob or in the scratch given
  std::size_t ones = 0;
};

// Takes a mask, written by put_sized, off the front of a block's payload. REQUIRES: elements > 0. `scratch` has room
// for the block's mask bytes and kSlack.
Mask take_mask(ByteReader& payload, const SymbolModel& model, std::size_t elements, std::span<std::uint8_t> scratch);

// Appends [length] stream: the length where the model does not say it.
void put_sized(std::span<const std::uint8_t> bytes, const StreamEncoder& encoder, Bytes& out);

// Takes what put_sized wrote of `count` bytes. The result is in the payload or in `scratch`, which has room for them
// and kSlack. Throws as decode_stream.
const std::uint8_t* take_sized(ByteReader& payload, const SymbolModel& model, std::size_t count,
                               std::span<std::uint8_t> scratch);

// Adds the bytes' counts.
void count_bytes(std::span<const std::uint8_t> bytes, Counts& counts);

// n H(ones / n): the limit for a mask of n elements without structure, in bits.
double mask_entropy_bits(std::uint64_t ones, std::uint64_t n);

// Joins head and blocks to a record, each block behind its length.
Bytes join_record(ByteWriter head, std::span<Bytes> blocks);

// The records of all tensors. Takes heads and payloads apart.
std::vector<Bytes> join_records(std::vector<ByteWriter> heads, std::span<const EdgeBlock> blocks,
                                std::span<Bytes> payloads);

// Takes the blocks of a tensor off the reader, unread.
std::vector<ByteSpan> take_blocks(ByteReader& in, const model::TensorSpec& spec);

}  // namespace tributary::codec
