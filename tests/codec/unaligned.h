// tests/codec/unaligned.h
//
// An array that begins at any address that suits its elements (a multiple of sizeof(T) past an odd place of a cache
// line), fenced on both sides. The destructor fails the test when a fence was written over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace tributary::codec {

template <class T>
class Unaligned {
 public:
  // `shift` elements past a place; all elements 0.
  Unaligned(std::size_t n, std::size_t shift) : size_(n), begin_(kFence + shift), raw_(kFence + shift + n + kFence) {
    std::memset(raw_.data(), 0xA5, raw_.size() * sizeof(T));
    std::fill_n(data(), n, T{});
  }
  Unaligned(const Unaligned&) = default;
  Unaligned& operator=(const Unaligned&) = delete;
  ~Unaligned() { EXPECT_TRUE(intact(0, begin_) && intact(begin_ + size_, raw_.size())) << "written out of bounds"; }

  T* data() { return raw_.data() + begin_; }
  const T* data() const { return raw_.data() + begin_; }
  std::size_t size() const { return size_; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  T& operator[](std::size_t i) { return data()[i]; }
  // Bit for bit.
  bool same_as(const Unaligned& other) const {
    return size_ == other.size_ && (size_ == 0 || std::memcmp(data(), other.data(), size_ * sizeof(T)) == 0);
  }

 private:
  static constexpr std::size_t kFence = 64;

  bool intact(std::size_t from, std::size_t to) const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(raw_.data());
    return std::all_of(bytes + from * sizeof(T), bytes + to * sizeof(T), [](unsigned char b) { return b == 0xA5; });
  }

  std::size_t size_, begin_;
  std::vector<T> raw_;
};

}  // namespace tributary::codec
