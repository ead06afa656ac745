#include "common/net/framing.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace tributary::net {
namespace {

// Feeds `bytes` in pieces of at most `piece` and returns the payloads.
std::vector<Bytes> feed(FrameAssembler& assembler, ByteSpan bytes, std::size_t piece) {
  std::vector<Bytes> payloads;
  for (;;) {
    if (assembler.complete()) payloads.push_back(assembler.take());
    if (bytes.empty()) return payloads;
    const auto space = assembler.space();
    const std::size_t count = std::min({space.size(), bytes.size(), piece});
    std::copy_n(bytes.begin(), count, space.begin());
    assembler.filled(count);
    bytes = bytes.subspan(count);
  }
}

Bytes stream_of(const std::vector<std::size_t>& sizes) {
  ByteWriter stream;
  for (const std::size_t size : sizes) {
    stream.put(static_cast<std::uint32_t>(size));
    stream.put_bytes(Bytes(size, static_cast<std::byte>(size)));
  }
  return stream.take();
}

TEST(FrameAssembler, PayloadsComeOutInWhateverPiecesTheStreamArrives) {
  const std::vector<std::size_t> sizes = {5, 0, 70'000, 16'384, 1, 400'000};
  const Bytes stream = stream_of(sizes);
  for (const std::size_t piece : {1u, 3u, 4096u, 1u << 20}) {
    FrameAssembler assembler(1 << 20);
    const std::vector<Bytes> payloads = feed(assembler, stream, piece);
    ASSERT_EQ(payloads.size(), sizes.size()) << "pieces of " << piece;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      EXPECT_TRUE(payloads[i] == Bytes(sizes[i], static_cast<std::byte>(sizes[i])));
    }
    EXPECT_TRUE(assembler.at_boundary());
  }
}

TEST(FrameAssembler, ALengthAboveTheLimitIsMalformed) {
  FrameAssembler assembler(99);
  EXPECT_THROW(feed(assembler, stream_of({100}), 4), Error);
  FrameAssembler largest(UINT32_MAX);
  const Bytes announcement(4, std::byte{0xff});
  EXPECT_TRUE(feed(largest, announcement, 4).empty());
}

TEST(FrameAssembler, MemoryFollowsWhatArrivedNotWhatWasAnnounced) {
  FrameAssembler assembler(UINT32_MAX);
  ByteWriter stream;
  stream.put(std::uint32_t{4'000'000'000});
  feed(assembler, stream.bytes(), 4);
  std::size_t arrived = 0;
  for (int i = 0; i < 40; ++i) {
    const auto space = assembler.space();
    ASSERT_FALSE(space.empty());
    EXPECT_LE(arrived + space.size(), std::max<std::size_t>(64 * 1024, 4 * arrived));
    assembler.filled(space.size());
    arrived += space.size();
  }
}

TEST(FrameAssembler, AHalfLengthIsNoBoundary) {
  FrameAssembler assembler(100);
  EXPECT_TRUE(assembler.at_boundary());
  const Bytes stream = stream_of({0});
  feed(assembler, ByteSpan(stream).first(2), 2);
  EXPECT_FALSE(assembler.at_boundary());
  EXPECT_FALSE(assembler.complete());
}

}  // namespace
}  // namespace tributary::net
