#include "common/data/content.h"

#include <utility>

#include "common/base/error.h"
#include "common/data/gzip.h"

namespace tributary::data {

Content map_file(const Path& path) {
  std::shared_ptr<const MappedFile> file = RealFiles().map(path);
  const ByteSpan bytes = file->bytes();
  return {bytes, std::move(file)};
}

Content read_text(const Path& path, std::uint64_t max_bytes) {
  const Content raw = map_file(path);
  if (is_gzip(raw.bytes)) {
    auto plain = std::make_shared<const Bytes>(gunzip(raw.bytes, path.string(), max_bytes));
    const ByteSpan bytes = *plain;
    return {bytes, std::move(plain)};
  }
  if (raw.bytes.size() > max_bytes) {
    fail(Error::Kind::Overloaded, path.string() + ": " + std::to_string(raw.bytes.size()) + " bytes, at most " +
                                      std::to_string(max_bytes) + " allowed: split the file");
  }
  return raw;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  const bool cut = text.size() > kLongest;
  if (cut) {
    std::size_t length = kLongest;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
    text = text.substr(0, length);
  }
  std::string result = "\"";
  for (const char c : text) result += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return result + (cut ? "...\"" : "\"");
}

void fail_line(std::string_view name, std::uint64_t line, const std::string& what) {
  fail(Error::Kind::Malformed, std::string(name) + ":" + std::to_string(line) + ": " + what);
}

}  // namespace tributary::data
