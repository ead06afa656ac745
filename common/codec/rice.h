// common/codec/rice.h (internal to codec and its tests)
//
// Bits, and the gaps between rare positions in them: Golomb codes whose parameter is a power of two (Rice). A gap g is
// g >> k ones and a zero, then the k low bits of g. For positions that are set with probability p independently, the
// best k is within 0.5 % to 1.5 % of the entropy H(p) / p. Bits fill bytes from the lowest one up.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "common/base/bytes.h"

namespace tributary::codec {

inline constexpr unsigned kMaxRice = 24;

class BitWriter {
 public:
  // The `count` low bits of `value`, lowest first. REQUIRES: count <= 56, no higher bit is set.
  void put(std::uint64_t value, unsigned count) {
    word_ |= value << used_;
    used_ += count;
    while (used_ >= 8) {
      bytes_.push_back(static_cast<std::byte>(word_));
      word_ >>= 8;
      used_ -= 8;
    }
  }
  void put_rice(std::uint64_t gap, unsigned k) {
    std::uint64_t ones = gap >> k;
    for (; ones >= 32; ones -= 32) put(0xFFFFFFFFu, 32);
    put((std::uint64_t{1} << ones) - 1, static_cast<unsigned>(ones) + 1);
    put(gap & ((std::uint64_t{1} << k) - 1), k);
  }
  // Fills the last byte with zeros.
  Bytes take() {
    if (used_ > 0) put(0, 8 - used_);
    return std::move(bytes_);
  }

 private:
  Bytes bytes_;
  std::uint64_t word_ = 0;
  unsigned used_ = 0;
};

// Reads what BitWriter wrote. Past the end there are zeros, and overrun() says so. Does not own the bytes.
class BitReader {
 public:
  explicit BitReader(ByteSpan bytes) : bytes_(bytes) {}

  // REQUIRES: count <= 32.
  std::uint64_t get(unsigned count) {
    const std::uint64_t value = peek() & ((std::uint64_t{1} << count) - 1);
    at_ += count;
    return value;
  }
  // A gap that is longer than the stream has bits ends past its end. REQUIRES: k <= kMaxRice.
  std::uint64_t get_rice(unsigned k) {
    std::uint64_t ones = 0;
    for (;;) {
      const std::uint64_t word = peek();
      const auto run = static_cast<unsigned>(std::countr_one(word));
      if (run < kPeek) {
        at_ += run + 1;
        return (ones + run) << k | get(k);
      }
      ones += kPeek;
      at_ += kPeek;
    }
  }
  bool overrun() const { return at_ > bytes_.size() * 8; }
  // Everything was read: what is left are fewer than eight bits, all zero.
  bool at_end() {
    if (overrun() || bytes_.size() * 8 - at_ >= 8) return false;
    return get(static_cast<unsigned>(bytes_.size() * 8 - at_)) == 0;
  }

 private:
  static constexpr unsigned kPeek = 56;

  // At least the next 56 bits.
  std::uint64_t peek() const {
    const std::size_t byte = static_cast<std::size_t>(at_ / 8);
    std::uint64_t word = 0;
    if (byte + 8 <= bytes_.size()) {
      std::memcpy(&word, bytes_.data() + byte, 8);
    } else if (byte < bytes_.size()) {
      std::memcpy(&word, bytes_.data() + byte, bytes_.size() - byte);
    }
    return word >> (at_ % 8) & ((std::uint64_t{1} << kPeek) - 1);
  }

  ByteSpan bytes_;
  std::uint64_t at_ = 0;
};

// The k that codes these gaps in the fewest bits.
unsigned best_rice(std::span<const std::uint32_t> gaps);

}  // namespace tributary::codec
