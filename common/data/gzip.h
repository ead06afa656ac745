// common/data/gzip.h
//
// Bounded decompression of gzip (RFC 1952), members one after another included. Private to the room. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/base/bytes.h"

namespace tributary::data {

// Deflate never makes one byte out of less than 1/1032 byte: a bound on what a compressed size can become.
constexpr std::uint64_t kMaxInflation = 1032;

// By content: begins with 1f 8b.
bool is_gzip(ByteSpan bytes);

// Decompresses piece by piece into memory that the caller provides.
class GzipReader {
 public:
  // `compressed` must outlive the reader; `name` is what messages call it.
  GzipReader(ByteSpan compressed, std::string name);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Fills `out` and returns its size; less only at the end of the data. Throws Malformed when the stream is damaged,
  // ends early, fails its checksum or is followed by something else.
  std::size_t read(std::span<std::byte> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All of it. Throws Overloaded when it is more than `max_bytes`.
Bytes gunzip(ByteSpan compressed, const std::string& name, std::uint64_t max_bytes);

}  // namespace tributary::data
