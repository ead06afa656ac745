// common/net/framing.h
//
// Cuts a stream of bytes into frames' payloads: a 4-byte little-endian length, then so many bytes. Says where the next
// bytes belong, so that they are read or decrypted straight into place. Pure; one thread. Used by the channels only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/bytes.h"

namespace tributary::net {

class FrameAssembler {
 public:
  explicit FrameAssembler(std::uint32_t max_payload_bytes) : max_(max_payload_bytes) {}

  // Where the next bytes of the stream go; never empty, never beyond the frame in work. Payload memory grows fourfold
  // each time that it is full, from 64 KiB or the length of the frame before, so it stays below four times the bytes
  // that arrived (or what one frame has taken). REQUIRES: not complete().
  std::span<std::byte> space();

  // `count` bytes were put at space(). Throws Malformed when they complete a length above the limit.
  void filled(std::size_t count);

  bool complete() const { return length_bytes_ == kLengthBytes && filled_ == expected_; }
  // Whether the stream stands between two frames.
  bool at_boundary() const { return length_bytes_ == 0; }
  // The payload. The next frame may begin. REQUIRES: complete().
  Bytes take();

 private:
  static constexpr std::size_t kLengthBytes = 4;

  std::uint32_t max_;
  std::array<std::byte, kLengthBytes> length_{};
  std::size_t length_bytes_ = 0;  // of the length, so far
  std::size_t expected_ = 0;      // of the payload
  std::size_t filled_ = 0;
  std::size_t before_ = 0;  // length of the last whole payload
  Bytes payload_;           // may be longer than filled_
};

}  // namespace tributary::net
