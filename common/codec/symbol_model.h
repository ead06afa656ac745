// common/codec/symbol_model.h (internal to codec and its tests)
//
// What a coder knows about the bytes of a stream: nothing, that they are all the same, or how frequent each one is. A
// model is fitted to counts, written in a few bytes, and read back to the same frequencies; a whole frequency table
// would drown a small tensor.
//
//   model    := 0                                  raw: bytes as they are
//             | 1 symbol(u8)                       constant: every byte is `symbol`; the stream is empty
//             | 2 p(u16)                           bits: every bit of a byte is set with probability p / 65536, p > 0
//             | 128 + 64 s + w first(u8) last(u8) weight(5 bits)*
//                                                  table: one weight a bucket from `first` to `last`, packed from the
//                                                  lowest bit up; spare bits are 0
//   A bucket holds 2^w neighbouring symbols, w <= 4, which share a weight. s = 1: symbols q and -q share a bucket
//   (not for masks). Weight 0 = does not occur, e > 0 = 2^((e - 1) / 2) relative to the others: steps of 3 dB cost
//   below 0.01 bit a symbol. The first and last weights are not 0.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/bytes.h"

namespace tributary::codec {

enum class Alphabet : std::uint8_t {
  Masks,        // eight bits of a mask: all 256 bytes
  Values,       // the non-zero integers -127..127 as bytes
  Differences,  // the non-zero integers -128..127 as bytes
};

using Counts = std::array<std::uint64_t, 256>;

inline constexpr unsigned kProbabilityBits = 12;
inline constexpr unsigned kProbabilityOne = 1u << kProbabilityBits;

struct SymbolModel {
  enum class Kind : std::uint8_t { Raw, Constant, Coded };
  Kind kind = Kind::Raw;
  std::uint8_t constant = 0;
  // Coded: frequency of each byte in units of 2^-12; they sum to 2^12 and none is 2^12.
  std::array<std::uint16_t, 256> frequency{};
};

// The model that codes bytes with these counts in the fewest bits, its description included, appended to `out`.
// REQUIRES: Values: no counts for 0 and -128; Differences: none for 0.
SymbolModel fit_model(const Counts& counts, Alphabet alphabet, ByteWriter& out);

// Throws Malformed for what fit_model does not write.
SymbolModel read_model(ByteReader& in, Alphabet alphabet);

// Order-0 entropy of bytes with these counts, in bits.
double entropy_bits(const Counts& counts);

}  // namespace tributary::codec
