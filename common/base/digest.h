// common/base/digest.h
//
// SHA-256, the name of every blob, model and certificate. (libcrypto's, which uses the SHA instructions.)
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace tributary {

struct Digest {
  std::array<std::byte, 32> bytes{};

  // 64 lower-case hexadecimal characters.
  std::string hex() const;
  // Throws Malformed unless `text` is 64 hexadecimal characters.
  static Digest from_hex(std::string_view text);
  // Throws Malformed unless `raw` has 32 bytes.
  static Digest from_bytes(ByteSpan raw);
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

Digest sha256(ByteSpan bytes);

// For data that come in pieces: update() any number of times, then finish() once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(ByteSpan bytes);
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary
