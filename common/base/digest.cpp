#include "common/base/digest.h"

#include <openssl/evp.h>

#include "common/base/error.h"

namespace tributary {

namespace {
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
}  // namespace

std::string Digest::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(64);
  for (const std::byte b : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(b) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(b) & 15]);
  }
  return text;
}

Digest Digest::from_hex(std::string_view text) {
  if (text.size() != 64) fail(Error::Kind::Malformed, "a SHA-256 digest has 64 hexadecimal characters");
  Digest digest;
  for (std::size_t i = 0; i < 32; ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) fail(Error::Kind::Malformed, "a SHA-256 digest has 64 hexadecimal characters");
    digest.bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  return digest;
}

Digest Digest::from_bytes(ByteSpan raw) {
  if (raw.size() != 32) fail(Error::Kind::Malformed, "a SHA-256 digest has 32 bytes, not " + std::to_string(raw.size()));
  Digest digest;
  std::memcpy(digest.bytes.data(), raw.data(), 32);
  return digest;
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  TRIBUTARY_CHECK(state_->context != nullptr);
  TRIBUTARY_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteSpan bytes) {
  TRIBUTARY_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest;
  unsigned length = 0;
  auto* out = reinterpret_cast<unsigned char*>(digest.bytes.data());
  TRIBUTARY_CHECK(EVP_DigestFinal_ex(state_->context, out, &length) == 1 && length == 32);
  return digest;
}

Digest sha256(ByteSpan bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace tributary
