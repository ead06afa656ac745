// common/base/bytes.h
//
// Byte buffers and little-endian, bounds-checked reading and writing of fixed-width values. Values without threads.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tributary {

static_assert(std::endian::native == std::endian::little, "Tributary's formats are read in place, little-endian");

using Bytes = std::vector<std::byte>;
using ByteSpan = std::span<const std::byte>;

inline ByteSpan as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
Bytes to_bytes(std::string_view text);

// a * b and a + b for sizes that come from outside: throw Malformed, naming `what`, when they do not fit 64 bits.
std::uint64_t checked_multiply(std::uint64_t a, std::uint64_t b, std::string_view what);
std::uint64_t checked_add(std::uint64_t a, std::uint64_t b, std::string_view what);

// Appends fixed-width little-endian values to a buffer that it owns.
class ByteWriter {
 public:
  // Room for so many bytes in all, made at once.
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  template <class T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  void put_bytes(ByteSpan bytes) {
    if (bytes.empty()) return;
    // Not insert(): at -O3 GCC 12 sees writes past the end in it where there are none.
    const auto at = bytes_.size();
    bytes_.resize(at + bytes.size());
    std::memcpy(bytes_.data() + at, bytes.data(), bytes.size());
  }
  // Length (u32) and characters.
  void put_text(std::string_view text);
  std::size_t size() const { return bytes_.size(); }
  Bytes take() { return std::move(bytes_); }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// Reads what ByteWriter wrote. Every read past the end throws Malformed that names `what` (given at construction).
// Does not own the bytes.
class ByteReader {
 public:
  ByteReader(ByteSpan bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  template <class T>
  T get() {
    static_assert(std::is_arithmetic_v<T>);
    const ByteSpan raw = get_bytes(sizeof(T));
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  ByteSpan get_bytes(std::uint64_t count);
  std::string get_text(std::size_t max_length);
  std::size_t remaining() const { return bytes_.size() - at_; }
  std::size_t position() const { return at_; }
  // Throws Malformed unless everything was read.
  void expect_end() const;

 private:
  ByteSpan bytes_;
  std::string_view what_;
  std::size_t at_ = 0;
};

}  // namespace tributary
