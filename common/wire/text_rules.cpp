#include "common/wire/text_rules.h"

#include <cstdint>

namespace tributary::wire {

namespace {

// Bytes of the valid UTF-8 character at the front of `text`, 0 when there is none (RFC 3629: shortest form, no
// surrogates, at most U+10FFFF).
std::size_t character_bytes(std::string_view text, std::uint32_t& code) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  code = first;
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  code = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3fu);
  }
  const bool too_long = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool no_character = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff;
  return too_long || no_character ? 0 : length;
}

bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

}  // namespace

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t bytes = character_bytes(text, code);
    if (bytes == 0 || is_control(code)) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string clean_text(std::string_view text, std::size_t max_bytes) {
  std::string clean;
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t bytes = character_bytes(text, code);
    const bool good = bytes != 0 && !is_control(code);
    const std::size_t added = good ? bytes : 1;
    if (clean.size() + added > max_bytes) break;
    if (good) {
      clean += text.substr(0, bytes);
    } else {
      clean += code == '\n' || code == '\t' || code == '\r' ? ' ' : '?';
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return clean;
}

}  // namespace tributary::wire
