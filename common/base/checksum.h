// common/base/checksum.h
//
// XXH3 with 128 bits: tells bytes that are what they were from bytes that are not, at the speed of memory. It guards
// against faults of disks and lines, not against people: what must not be forged is named by its SHA-256 (digest.h).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace tributary {

struct Checksum {
  std::array<std::byte, 16> bytes{};  // XXH3's canonical form

  // 32 lower-case hexadecimal characters.
  std::string hex() const;
  // Throws Malformed unless `text` is 32 hexadecimal characters.
  static Checksum from_hex(std::string_view text);
  // Throws Malformed unless `raw` has 16 bytes.
  static Checksum from_bytes(ByteSpan raw);
  friend auto operator<=>(const Checksum&, const Checksum&) = default;
};

Checksum checksum(ByteSpan bytes);

// For data that come in pieces: update() any number of times; value() of what came so far, at any time.
class RunningChecksum {
 public:
  RunningChecksum();
  ~RunningChecksum();
  RunningChecksum(RunningChecksum&&) noexcept;
  RunningChecksum& operator=(RunningChecksum&&) noexcept;
  void update(ByteSpan bytes);
  Checksum value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary
