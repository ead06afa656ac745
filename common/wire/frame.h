// common/wire/frame.h
//
// Messages as frames: a 4-byte little-endian length, then one flat Cap'n Proto message. The only code that includes the
// generated schema is frame.cpp. Stateless; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/bytes.h"
#include "common/wire/messages.h"

namespace tributary::wire {

struct WireLimits {
  std::size_t max_text_bytes = 1024;      // each text
  std::size_t max_list_entries = 64;      // each list
  std::uint64_t max_chunk_bytes = kMaxChunkBytes;
};

// A whole frame, length included, ready for Channel::send.
Bytes to_frame(const Message& message);

// The message in a frame's payload (without the length). The payload must be 8-byte aligned, as a fresh Bytes is.
// Throws Malformed: not a message, unknown kind, text or list over a limit, enum or number out of range (nan, negative
// seconds), nesting or traversal beyond what a message needs.
Message from_payload(ByteSpan payload, const WireLimits& limits = {});

// A blob cut into ready Data frames, made once and shared by every session that sends it.
class FramedBlob {
 public:
  explicit FramedBlob(ByteSpan blob, std::uint32_t chunk_bytes = kMaxChunkBytes);
  std::uint64_t blob_bytes() const { return blob_bytes_; }
  std::uint32_t chunk_bytes() const { return chunk_bytes_; }
  std::size_t chunks() const { return starts_.size() - 1; }
  // The frame of chunk `i`: blob bytes [i * chunk_bytes, ...).
  ByteSpan frame(std::size_t i) const { return ByteSpan(frames_).subspan(starts_[i], starts_[i + 1] - starts_[i]); }

 private:
  Bytes frames_;
  std::vector<std::size_t> starts_;
  std::uint64_t blob_bytes_ = 0;
  std::uint32_t chunk_bytes_ = 0;
};

}  // namespace tributary::wire
