#include "common/data/gzip.h"

#include <algorithm>
#include <utility>

#include <zlib.h>

#include "common/base/error.h"

namespace tributary::data {

namespace {

// zlib counts in 32 bits.
constexpr std::size_t kPiece = std::size_t{1} << 30;
constexpr int kGzipOnly = 16 + MAX_WBITS;

}  // namespace

struct GzipReader::State {
  State(ByteSpan bytes, std::string label) : input(bytes), name(std::move(label)) {
    if (inflateInit2(&stream, kGzipOnly) != Z_OK) fail(Error::Kind::Unavailable, name + ": zlib cannot start");
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { inflateEnd(&stream); }

  [[noreturn]] void damaged(const std::string& how) const {
    fail(Error::Kind::Malformed,
         name + ": damaged gzip near byte " + std::to_string(at) + ": " + how + ": fetch the file again");
  }

  // Inflates into `out` once; returns the bytes made.
  std::size_t step(std::span<std::byte> out) {
    const std::size_t offered = std::min(input.size() - at, kPiece);
    const std::size_t room = std::min(out.size(), kPiece);
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input.data() + at));
    stream.avail_in = static_cast<uInt>(offered);
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(room);
    const int code = inflate(&stream, Z_NO_FLUSH);
    at += offered - stream.avail_in;
    const std::size_t made = room - stream.avail_out;
    if (code == Z_STREAM_END) {
      next_member();
    } else if (code == Z_BUF_ERROR || (code == Z_OK && made == 0 && offered == 0)) {
      damaged("it ends early");
    } else if (code != Z_OK) {
      damaged(stream.msg != nullptr ? stream.msg : "cannot be read");
    }
    return made;
  }

  void next_member() {
    if (at == input.size()) {
      ended = true;
    } else if (is_gzip(input.subspan(at))) {
      inflateReset(&stream);
    } else {
      damaged("bytes that are not gzip follow the end");
    }
  }

  ByteSpan input;
  std::string name;
  z_stream stream{};
  std::size_t at = 0;
  bool ended = false;
};

bool is_gzip(ByteSpan bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

GzipReader::GzipReader(ByteSpan compressed, std::string name)
    : state_(std::make_unique<State>(compressed, std::move(name))) {}

GzipReader::~GzipReader() = default;

std::size_t GzipReader::read(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size() && !state_->ended) done += state_->step(out.subspan(done));
  return done;
}

Bytes gunzip(ByteSpan compressed, const std::string& name, std::uint64_t max_bytes) {
  max_bytes = std::min(max_bytes, std::uint64_t{1} << 62);
  GzipReader reader(compressed, name);
  Bytes plain;
  std::size_t done = 0;
  // One byte more than allowed is asked for, to tell "exactly as much" from "more".
  for (std::uint64_t room = std::max<std::uint64_t>(4 * compressed.size(), 4096);; room *= 2) {
    plain.resize(std::min(room, max_bytes + 1));
    done += reader.read(std::span(plain).subspan(done));
    if (done > max_bytes) {
      fail(Error::Kind::Overloaded,
           name + ": more than " + std::to_string(max_bytes) + " bytes after decompression: split the file");
    }
    if (done < plain.size()) break;
  }
  plain.resize(done);
  return plain;
}

}  // namespace tributary::data
