#include "common/codec/rans.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/error.h"

namespace tributary::codec {

namespace {

constexpr std::uint32_t kLow = 1u << 15;
constexpr std::uint32_t kHigh = 1u << 31;
constexpr unsigned kMaxLanes = 32;
// A lane costs about 24 bits: 32 of them would be 2 % of a sparse mask of 4096 bytes.
constexpr std::size_t kManySymbols = std::size_t{1} << 14;

unsigned lanes_for(std::size_t count) {
  return count >= kManySymbols ? kMaxLanes : 4;
}

[[noreturn]] void refuse() {
  fail(Error::Kind::Malformed, "edge copy: a coded stream is not one that an encoder writes");
}

}  // namespace

RansEncoder::RansEncoder(const SymbolModel& model) {
  std::uint32_t start = 0;
  for (unsigned s = 0; s < 256; ++s) {
    const std::uint32_t f = model.frequency[s];
    if (f == 0) continue;
    // Granlund & Montgomery 1994: exact for 31-bit numerators, and the product stays below 2^63.
    const auto log = static_cast<unsigned>(std::bit_width(f - 1));
    Symbol& symbol = symbols_[s];
    symbol.shift = static_cast<std::uint8_t>(31 + log);
    symbol.reciprocal = (std::uint64_t{1} << symbol.shift) / f + 1;
    symbol.limit = f << (31 - kProbabilityBits);
    symbol.frequency = static_cast<std::uint16_t>(f);
    symbol.start = static_cast<std::uint16_t>(start);
    start += f;
  }
}

std::size_t RansEncoder::encode(std::span<const std::uint8_t> symbols, Bytes& out) const {
  if (symbols.empty()) return 0;
  const unsigned lanes = lanes_for(symbols.size());
  std::array<std::uint32_t, kMaxLanes> states;
  states.fill(kLow);

  // Backwards, as the decoder's last symbol is the encoder's first: words fill a buffer from its end.
  const std::size_t before = out.size(), room = 4 * lanes + 2 * symbols.size();
  out.resize(before + room);
  std::byte* at = out.data() + before + room;
  const auto put = [&](unsigned lane, std::uint8_t byte) {
    const Symbol& symbol = symbols_[byte];
    std::uint32_t x = states[lane];
    const auto word = static_cast<std::uint16_t>(x);
    const unsigned full = x >= symbol.limit;
    std::memcpy(at - 2, &word, 2);
    at -= 2 * full;
    x >>= 16 * full;
    const auto quotient = static_cast<std::uint32_t>(x * symbol.reciprocal >> symbol.shift);
    states[lane] = x + quotient * (kProbabilityOne - symbol.frequency) + symbol.start;
  };
  std::size_t i = symbols.size();
  for (; i % lanes != 0; --i) put(static_cast<unsigned>((i - 1) % lanes), symbols[i - 1]);
  for (; i != 0; i -= lanes) {
    for (unsigned lane = lanes; lane-- > 0;) put(lane, symbols[i - lanes + lane]);
  }
  const auto words = static_cast<std::size_t>(out.data() + out.size() - at);
  std::memmove(out.data() + before + 4 * lanes, at, words);
  std::memcpy(out.data() + before, states.data(), 4 * lanes);
  out.resize(before + 4 * lanes + words);
  return 4 * lanes + words;
}

RansDecoder::RansDecoder(const SymbolModel& model) {
  std::uint32_t at = 0;
  for (unsigned s = 0; s < 256; ++s) {
    const std::uint32_t f = model.frequency[s];
    for (std::uint32_t i = 0; i < f; ++i) table_[at++] = s | f << 8 | i << 20;
  }
  TRIBUTARY_CHECK(at == kProbabilityOne);
}

void RansDecoder::decode(ByteSpan stream, std::size_t count, std::uint8_t* out, const Kernels& kernels) const {
  const unsigned lanes = count == 0 ? 0 : lanes_for(count);
  if (stream.size() < 4 * lanes || stream.size() % 2 != 0) refuse();
  std::array<std::uint32_t, kMaxLanes> states;
  states.fill(kLow);
  std::copy_n(stream.begin(), 4 * lanes, std::as_writable_bytes(std::span(states)).begin());
  for (const std::uint32_t state : states) {
    if (state < kLow || state >= kHigh) refuse();
  }
  RansCursor cursor{states.data(), stream.data() + 4 * lanes, stream.data() + stream.size()};
  std::size_t i = 0;
  if (lanes == kMaxLanes) i = kMaxLanes * kernels.rans_decode(table_.data(), cursor, count / kMaxLanes, out);
  for (; i < count; ++i) {
    std::uint32_t& x = states[i % lanes];
    const std::uint32_t entry = table_[x % kProbabilityOne];
    out[i] = static_cast<std::uint8_t>(entry);
    x = (entry >> 8 & 0xFFFu) * (x >> kProbabilityBits) + (entry >> 20);
    if (x >= kLow) continue;
    if (cursor.words == cursor.end) refuse();
    std::uint16_t word;
    std::memcpy(&word, cursor.words, 2);
    cursor.words += 2;
    x = x << 16 | word;
  }
  const bool all_low = std::all_of(states.begin(), states.end(), [](std::uint32_t x) { return x == kLow; });
  if (!all_low || cursor.words != cursor.end) refuse();
}

}  // namespace tributary::codec
