// common/data/content.h
//
// A data file's bytes, and how messages speak of what is in it. Private to the room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/files.h"

namespace tributary::data {

// Immutable bytes and what keeps them alive.
struct Content {
  ByteSpan bytes;
  std::shared_ptr<const void> owner;
};

// The file as it is, mapped. Throws Unavailable.
Content map_file(const Path& path);

// The file's text, decompressed if it is gzip. Throws Overloaded beyond `max_bytes`, Malformed for damaged gzip.
Content read_text(const Path& path, std::uint64_t max_bytes);

// Foreign text for a one-line message: quoted, cut after about 40 bytes, control characters as '?'.
std::string shown(std::string_view text);

// "name:line: what", thrown as Malformed.
[[noreturn]] void fail_line(std::string_view name, std::uint64_t line, const std::string& what);

}  // namespace tributary::data
