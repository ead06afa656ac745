// common/wire/frame.h
//
// Messages as frames: a 4-byte little-endian length, then one flat Cap'n Proto message. The only code that includes the
// generated schema is frame.cpp. Stateless; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/wire/messages.h"

namespace tributary::wire {

struct WireLimits {
  std::size_t max_text_bytes = 1024;  // each text
  std::size_t max_list_entries = 64;  // each list
  std::uint64_t max_chunk_bytes = kMaxChunkBytes;
};

// A whole frame, length included, ready for Channel::send. Texts are made fit to send (text_rules.h): control
// characters and bytes that are not UTF-8 become '?' or a space, and what exceeds 1024 bytes is cut, so that an error's
// words can be a reason. REQUIRES: Data of at most kMaxChunkBytes.
Bytes to_frame(const Message& message);

// to_frame(Data{offset, bytes}), copying the bytes once.
Bytes data_frame(std::uint64_t offset, ByteSpan bytes);

// The message in a frame's payload (without the length). The payload must be 8-byte aligned, as a fresh Bytes is.
// Throws Malformed: not a message, unknown kind, text or list over a limit, text with control characters, digest of a
// wrong length, number out of range (nan, negative seconds), empty or oversize Data, nesting or traversal beyond what a
// message needs, bytes behind the message.
Message from_payload(ByteSpan payload, const WireLimits& limits = {});

// A Data message whose bytes still lie in the payload.
struct DataView {
  std::uint64_t offset = 0;
  ByteSpan bytes;
};

// The payload's Data without copying its bytes, or nullopt when it holds another kind of message (then ask
// from_payload). For the paths that move blobs. Alignment and errors as from_payload.
std::optional<DataView> view_data(ByteSpan payload, const WireLimits& limits = {});

// A blob cut into Data frames, made once and shared by every session that sends it: the blob as it is, and beside it
// what stands before each chunk in its frame. Immutable once it is shared.
class FramedBlob {
 public:
  // A frame in the order in which its bytes travel. The spans lie in the FramedBlob; the last one may be empty.
  using Frame = std::array<ByteSpan, 3>;

  // REQUIRES: 1 <= chunk_bytes <= kMaxChunkBytes.
  explicit FramedBlob(Bytes blob, std::uint32_t chunk_bytes = kMaxChunkBytes);
  const Bytes& blob() const { return blob_; }
  // The blob, which the object has no more: of use only to its one owner.
  Bytes take_blob() { return std::exchange(blob_, Bytes()); }
  std::uint64_t blob_bytes() const { return blob_.size(); }
  std::uint32_t chunk_bytes() const { return chunk_bytes_; }
  std::size_t chunks() const { return (blob_.size() + chunk_bytes_ - 1) / chunk_bytes_; }
  // The frame of chunk `i`: blob bytes [i * chunk_bytes, ...).
  Frame frame(std::size_t i) const;

 private:
  ByteSpan chunk(std::size_t i) const;

  Bytes blob_;
  std::uint32_t chunk_bytes_;
  Bytes heads_;  // all of the same length
};

}  // namespace tributary::wire
