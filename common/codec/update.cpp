// Update blob, little-endian:
//
//   blob    := magic:u32 ("TUP1") encoding:u8 zero:u8[3] layout:u8[32] segment*
//   segment := float32 tensor: value:f32 x size
//            | int8 tensor:    block*           (Role::Weight under int8 only)
//   block   := scale:f32 q:i8 x min(1024, what is left of the tensor)
//
// Segments stand in layout order and have no lengths of their own: the layout gives them, so a blob has exactly one
// valid size and nothing in it decides what is allocated. q = -128 is refused. Drawback: a reader without the layout
// cannot skip through a blob.
#include "common/codec/update.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "common/base/error.h"
#include "common/base/parallel.h"

namespace tributary::codec {

namespace {

constexpr std::uint32_t kMagic = 0x31505554;  // "TUP1"
constexpr std::uint64_t kHeaderBytes = 40;
constexpr std::uint64_t kBlock = 1024;
constexpr std::uint8_t kFloat32 = 0;
constexpr std::uint8_t kInt8 = 1;

// A run of values coded in one way: a block of int8, or a piece of a float32 tensor. Pieces are independent.
struct Piece {
  const model::TensorSpec* tensor;
  std::uint64_t offset;  // of the first value in the arena
  std::uint64_t count;
  std::uint64_t at;  // of the first byte in the blob
  bool quantized;
};

std::uint64_t bytes_of(const Piece& piece) {
  return piece.quantized ? sizeof(float) + piece.count : piece.count * 4;
}

std::vector<Piece> pieces_of(const model::ParameterLayout& layout, std::uint8_t encoding) {
  std::vector<Piece> pieces;
  std::uint64_t at = kHeaderBytes;
  for (const model::TensorSpec& tensor : layout.tensors()) {
    const bool quantized = encoding == kInt8 && tensor.role == model::Role::Weight;
    for (std::uint64_t first = 0; first < tensor.size; first += kBlock) {
      pieces.push_back({&tensor, tensor.offset + first, std::min(kBlock, tensor.size - first), at, quantized});
      at += bytes_of(pieces.back());
    }
  }
  return pieces;
}

std::uint64_t end_of(const std::vector<Piece>& pieces) {
  return pieces.empty() ? kHeaderBytes : pieces.back().at + bytes_of(pieces.back());
}

// The values of a piece; each float32 product scale * q is rounded once, as to_fixed() asks.
void read_piece(ByteSpan blob, const Piece& piece, std::span<float> values) {
  const std::byte* at = blob.data() + piece.at;
  if (!piece.quantized) {
    std::memcpy(values.data(), at, piece.count * sizeof(float));
    return;
  }
  float scale = 0;
  std::memcpy(&scale, at, sizeof scale);
  const auto* q = reinterpret_cast<const std::int8_t*>(at + sizeof scale);
  for (std::uint64_t i = 0; i < piece.count; ++i) values[i] = scale * static_cast<float>(q[i]);
}

// Uniform 16-bit numbers by position: number i of the stream is half (i % 8) of block i / 8.
class Dither {
 public:
  explicit Dither(const RandomStream& random) : random_(random) {}
  float at(std::uint64_t i) {
    if (i / 8 != block_) {
      block_ = i / 8;
      words_ = random_.block(block_);
    }
    const std::uint32_t word = words_[i % 8 / 2];
    const std::uint32_t half = i % 2 == 0 ? word & 0xffff : word >> 16;
    return static_cast<float>(half) * 0x1p-16F;
  }

 private:
  const RandomStream& random_;
  std::uint64_t block_ = ~std::uint64_t{0};
  std::array<std::uint32_t, 4> words_{};
};

void write_float_piece(const Piece& piece, std::span<const float> values, std::span<std::byte> blob) {
  std::memcpy(blob.data() + piece.at, values.data(), values.size_bytes());
}

void write_int8_piece(const Piece& piece, std::span<const float> values, const RandomStream& random,
                      std::span<std::byte> blob) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  const float scale = largest / 127.0F;
  // Below this the quotient is not finite; such a block is zero to any sum.
  const bool zero = !(scale >= 0x1p-120F);
  const float written = zero ? 0.0F : scale;
  std::memcpy(blob.data() + piece.at, &written, sizeof written);
  auto* q = reinterpret_cast<std::int8_t*>(blob.data() + piece.at + sizeof written);
  Dither dither(random);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float down = zero ? 0.0F : std::floor(values[i] / scale + dither.at(piece.offset + i));
    q[i] = static_cast<std::int8_t>(std::clamp(down, -127.0F, 127.0F));
  }
}

// What the header says of the rest: the encoding, or why there is none.
struct Header {
  UpdateFault fault = UpdateFault::None;
  std::string detail;
  std::uint8_t encoding = kFloat32;
};

Header read_header(ByteSpan blob, const model::ParameterLayout& layout) {
  if (blob.size() < kHeaderBytes) return {UpdateFault::Malformed, "update: shorter than its header", 0};
  std::uint32_t magic = 0;
  std::memcpy(&magic, blob.data(), sizeof magic);
  if (magic != kMagic) return {UpdateFault::Malformed, "update: not an update blob", 0};
  const auto encoding = std::to_integer<std::uint8_t>(blob[4]);
  const bool padded = std::all_of(blob.begin() + 5, blob.begin() + 8, [](std::byte b) { return b == std::byte{0}; });
  if (encoding > kInt8 || !padded) return {UpdateFault::Malformed, "update: unknown encoding", 0};
  if (std::memcmp(blob.data() + 8, layout.digest().bytes.data(), 32) != 0) {
    return {UpdateFault::WrongLayout, "update: made for a model of another layout", 0};
  }
  return {UpdateFault::None, {}, encoding};
}

// Judges one piece; the sum of squares is added in order, so that the norm has the same bits everywhere.
UpdateFault judge_piece(ByteSpan blob, const Piece& piece, double& squares) {
  std::array<float, kBlock> values;
  if (piece.quantized) {
    float scale = 0;
    std::memcpy(&scale, blob.data() + piece.at, sizeof scale);
    if (!std::isfinite(scale)) return UpdateFault::NotFinite;
    if (scale < 0) return UpdateFault::Malformed;
    const auto* q = reinterpret_cast<const std::int8_t*>(blob.data() + piece.at + sizeof scale);
    if (std::find(q, q + piece.count, std::int8_t{-128}) != q + piece.count) return UpdateFault::Malformed;
  }
  read_piece(blob, piece, values);
  for (std::uint64_t i = 0; i < piece.count; ++i) {
    const float value = values[i];
    if (!std::isfinite(value)) return UpdateFault::NotFinite;
    if (std::abs(value) > kMaxMagnitude) return UpdateFault::OutOfRange;
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  return UpdateFault::None;
}

}  // namespace

std::uint64_t max_update_bytes(const model::ParameterLayout& layout, const UpdateEncoding& encoding) {
  return end_of(pieces_of(layout, encoding.lossy() ? kInt8 : kFloat32));
}

Bytes encode_update(const model::ParameterLayout& layout, std::span<const float> delta, std::span<float> residual,
                    const UpdateEncoding& encoding, const RandomStream& random) {
  TRIBUTARY_CHECK(delta.size() == layout.size());
  TRIBUTARY_CHECK(residual.empty() || residual.size() == layout.size());
  std::vector<float> values(delta.begin(), delta.end());
  for (std::size_t i = 0; i < residual.size(); ++i) values[i] += residual[i];
  for (const model::TensorSpec& tensor : layout.tensors()) {
    for (const float value : std::span(values).subspan(tensor.offset, tensor.size)) {
      if (!(std::abs(value) <= kMaxMagnitude)) {
        fail(Error::Kind::Malformed,
             "update of " + tensor.name +
                 " is not finite or exceeds 512; lower training.learning_rate or set training.clip_norm");
      }
    }
  }

  const std::uint8_t kind = encoding.lossy() ? kInt8 : kFloat32;
  const std::vector<Piece> pieces = pieces_of(layout, kind);
  Bytes blob(end_of(pieces));
  std::memcpy(blob.data(), &kMagic, sizeof kMagic);
  blob[4] = std::byte{kind};
  std::memcpy(blob.data() + 8, layout.digest().bytes.data(), 32);
  for (const Piece& piece : pieces) {
    const auto part = std::span<const float>(values).subspan(piece.offset, piece.count);
    if (piece.quantized) {
      write_int8_piece(piece, part, random, blob);
    } else {
      write_float_piece(piece, part, blob);
    }
  }
  if (!residual.empty()) {
    for (const Piece& piece : pieces) {
      std::array<float, kBlock> decoded;
      read_piece(blob, piece, decoded);
      for (std::uint64_t i = 0; i < piece.count; ++i)
        residual[piece.offset + i] = values[piece.offset + i] - decoded[i];
    }
  }
  return blob;
}

UpdateCheck check_update(ByteSpan blob, const model::ParameterLayout& layout, const UpdateLimits& limits) {
  const Header header = read_header(blob, layout);
  if (header.fault != UpdateFault::None) return {header.fault, header.detail, 0};
  const std::vector<Piece> pieces = pieces_of(layout, header.encoding);
  if (blob.size() != end_of(pieces)) {
    return {UpdateFault::Malformed,
            "update: " + std::to_string(blob.size()) + " bytes, " + std::to_string(end_of(pieces)) + " expected", 0};
  }
  double squares = 0;
  for (const Piece& piece : pieces) {
    const UpdateFault fault = judge_piece(blob, piece, squares);
    if (fault != UpdateFault::None)
      return {fault, "update of " + piece.tensor->name + ": " + std::string(name_of(fault)), 0};
  }
  const double norm = std::sqrt(squares);
  if (limits.max_norm && norm > *limits.max_norm) {
    return {UpdateFault::NormTooLarge,
            "update: norm " + std::to_string(norm) + ", at most " + std::to_string(*limits.max_norm), norm};
  }
  return {UpdateFault::None, {}, norm};
}

std::vector<float> decode_update(ByteSpan blob, const model::ParameterLayout& layout) {
  const UpdateCheck check = check_update(blob, layout);
  if (check.fault != UpdateFault::None) fail(Error::Kind::Malformed, check.detail);
  std::vector<float> values(layout.size());
  for (const Piece& piece : pieces_of(layout, read_header(blob, layout).encoding)) {
    read_piece(blob, piece, std::span(values).subspan(piece.offset, piece.count));
  }
  return values;
}

void fold_update(ByteSpan blob, const model::ParameterLayout& layout, double weight, std::span<std::int64_t> sum,
                 unsigned threads) {
  TRIBUTARY_CHECK(sum.size() == layout.size());
  TRIBUTARY_CHECK(weight > 0 && weight <= 1);
  const std::vector<Piece> pieces = pieces_of(layout, read_header(blob, layout).encoding);
  TRIBUTARY_CHECK(blob.size() == end_of(pieces));
  parallel_ranges(pieces.size(), 64, threads, [&](std::size_t begin, std::size_t end) {
    std::array<float, kBlock> values;
    for (std::size_t p = begin; p < end; ++p) {
      read_piece(blob, pieces[p], values);
      std::int64_t* out = sum.data() + pieces[p].offset;
      for (std::uint64_t i = 0; i < pieces[p].count; ++i) out[i] += to_fixed(weight, values[i]);
    }
  });
}

}  // namespace tributary::codec
