#include "common/base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/error.h"

namespace tributary {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

Checksum from_hash(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Checksum checksum;
  static_assert(sizeof canonical.digest == sizeof checksum.bytes);
  std::memcpy(checksum.bytes.data(), canonical.digest, sizeof canonical.digest);
  return checksum;
}

}  // namespace

std::string Checksum::hex() const {
  std::string text;
  for (const std::byte b : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(b) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(b) & 15]);
  }
  return text;
}

Checksum Checksum::from_hex(std::string_view text) {
  Checksum checksum;
  if (text.size() != 2 * checksum.bytes.size() || text.find_first_not_of(kDigits) != std::string_view::npos)
    fail(Error::Kind::Malformed, "a checksum has 32 hexadecimal characters");
  for (std::size_t i = 0; i < checksum.bytes.size(); ++i) {
    checksum.bytes[i] = static_cast<std::byte>(kDigits.find(text[2 * i]) * 16 + kDigits.find(text[2 * i + 1]));
  }
  return checksum;
}

Checksum Checksum::from_bytes(ByteSpan raw) {
  Checksum checksum;
  if (raw.size() != checksum.bytes.size())
    fail(Error::Kind::Malformed, "a checksum has 16 bytes, not " + std::to_string(raw.size()));
  std::memcpy(checksum.bytes.data(), raw.data(), raw.size());
  return checksum;
}

Checksum checksum(ByteSpan bytes) {
  return from_hash(XXH3_128bits(bytes.data(), bytes.size()));
}

struct RunningChecksum::State {
  XXH3_state_t hash;
};

RunningChecksum::RunningChecksum() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(&state_->hash);
}
RunningChecksum::~RunningChecksum() = default;
RunningChecksum::RunningChecksum(RunningChecksum&&) noexcept = default;
RunningChecksum& RunningChecksum::operator=(RunningChecksum&&) noexcept = default;

void RunningChecksum::update(ByteSpan bytes) {
  XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size());
}

Checksum RunningChecksum::value() const {
  return from_hash(XXH3_128bits_digest(&state_->hash));
}

}  // namespace tributary
