#include "common/base/bytes.h"

#include <limits>

#include "common/base/error.h"

namespace tributary {

Bytes to_bytes(std::string_view text) {
  const ByteSpan raw = as_bytes(text);
  return {raw.begin(), raw.end()};
}

std::uint64_t checked_multiply(std::uint64_t a, std::uint64_t b, std::string_view what) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) fail(Error::Kind::Malformed, std::string(what) + ": size overflows");
  return product;
}

std::uint64_t checked_add(std::uint64_t a, std::uint64_t b, std::string_view what) {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) fail(Error::Kind::Malformed, std::string(what) + ": size overflows");
  return sum;
}

void ByteWriter::put_text(std::string_view text) {
  TRIBUTARY_CHECK(text.size() <= std::numeric_limits<std::uint32_t>::max());
  put(static_cast<std::uint32_t>(text.size()));
  put_bytes(as_bytes(text));
}

ByteSpan ByteReader::get_bytes(std::uint64_t count) {
  if (count > remaining()) {
    fail(Error::Kind::Malformed, std::string(what_) + ": ends early, " + std::to_string(count) + " bytes expected at " +
                                     std::to_string(at_) + ", " + std::to_string(remaining()) + " left");
  }
  const ByteSpan part = bytes_.subspan(at_, count);
  at_ += count;
  return part;
}

std::string ByteReader::get_text(std::size_t max_length) {
  const auto length = get<std::uint32_t>();
  if (length > max_length) {
    fail(Error::Kind::Malformed, std::string(what_) + ": text of " + std::to_string(length) + " bytes, at most " +
                                     std::to_string(max_length) + " allowed");
  }
  return std::string(as_text(get_bytes(length)));
}

void ByteReader::expect_end() const {
  if (remaining() != 0) {
    fail(Error::Kind::Malformed, std::string(what_) + ": " + std::to_string(remaining()) + " bytes too many");
  }
}

}  // namespace tributary
