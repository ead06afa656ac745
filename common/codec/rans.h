// common/codec/rans.h (internal to codec and its tests and benchmarks)
//
// Entropy coding of a stream of bytes by interleaved range asymmetric numeral systems (Duda, "Asymmetric numeral
// systems", 2013; interleaving after Giesen, "Interleaved entropy coders", 2014): symbol i belongs to state i % lanes,
// states are in [2^15, 2^31) and refilled with 16-bit words, probabilities are multiples of 2^-12.
//
//   stream := state(u32){lanes} word(u16)*          lanes = 32 from 2^14 symbols on, else 4; empty when no symbols
//
// A decoder ends with every state at 2^15 and all words read, or the stream was not made by an encoder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/codec/kernels.h"
#include "common/codec/symbol_model.h"

namespace tributary::codec {

class RansEncoder {
 public:
  // REQUIRES: model.kind is Coded.
  explicit RansEncoder(const SymbolModel& model);

  // Appends the stream of `symbols` to `out`; returns its bytes. REQUIRES: every symbol has a frequency.
  std::size_t encode(std::span<const std::uint8_t> symbols, Bytes& out) const;

 private:
  struct Symbol {
    std::uint64_t reciprocal;  // x / frequency = x * reciprocal >> shift, for x < 2^31
    std::uint32_t limit;       // states from here on give a word away first
    std::uint16_t frequency;
    std::uint16_t start;
    std::uint8_t shift;
  };
  std::array<Symbol, 256> symbols_{};
};

class RansDecoder {
 public:
  // REQUIRES: model.kind is Coded.
  explicit RansDecoder(const SymbolModel& model);

  // Writes exactly `count` symbols to `out`. Throws Malformed, nothing read or written out of bounds, when `stream` is
  // not the stream of `count` symbols.
  void decode(ByteSpan stream, std::size_t count, std::uint8_t* out, const Kernels& kernels) const;

 private:
  // Of the 12 low bits of a state: symbol, frequency << 8, (those bits - start) << 20.
  alignas(64) std::array<std::uint32_t, kProbabilityOne> table_;
};

}  // namespace tributary::codec
