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
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/codec/kernels.h"

namespace tributary::codec {

namespace {

constexpr std::uint32_t kMagic = 0x31505554;  // "TUP1"
constexpr std::uint64_t kHeaderBytes = 40;
constexpr std::uint64_t kBlock = kKernelBlock;
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

float scale_at(ByteSpan blob, const Piece& piece) {
  float scale = 0;
  std::memcpy(&scale, blob.data() + piece.at, sizeof scale);
  return scale;
}

const std::int8_t* integers_at(ByteSpan blob, const Piece& piece) {
  return reinterpret_cast<const std::int8_t*>(blob.data() + piece.at + sizeof(float));
}

const BlobFloat* floats_at(ByteSpan blob, const Piece& piece) {
  return reinterpret_cast<const BlobFloat*>(blob.data() + piece.at);
}

// The values of a piece; each float32 product scale * q is rounded once, as to_fixed() asks.
void read_piece(ByteSpan blob, const Piece& piece, float* values) {
  if (piece.quantized)
    return kernels().dequantize(integers_at(blob, piece), piece.count, scale_at(blob, piece), values);
  std::memcpy(values, blob.data() + piece.at, piece.count * sizeof(float));
}

// delta + residual of a piece, in `sum` unless there is no residual.
const float* values_of(const Piece& piece, std::span<const float> delta, std::span<const float> residual,
                       std::array<float, kBlock>& sum) {
  const float* from = delta.data() + piece.offset;
  if (residual.empty()) return from;
  kernels().add(from, residual.data() + piece.offset, piece.count, sum.data());
  return sum.data();
}

// `kept` (may be null) becomes what rounding drops. Random numbers are taken by the piece's place.
void write_int8_piece(const Piece& piece, std::size_t place, const float* values, const RandomStream& random,
                      std::byte* out, float* kept) {
  const auto largest = std::bit_cast<float>(kernels().max_magnitude(values, piece.count));
  const float scale = largest / 127.0F;
  // Below this the quotient is not finite; such a block is zero to any sum.
  if (!(scale >= 0x1p-120F)) {
    std::memset(out, 0, bytes_of(piece));
    if (kept != nullptr) std::copy_n(values, piece.count, kept);
    return;
  }
  std::memcpy(out, &scale, sizeof scale);
  std::array<std::uint16_t, kBlock> dither;
  kernels().dither(random.key(), place * (kBlock / 8), dither.data());
  kernels().quantize_stochastic(values, piece.count, scale, dither.data(),
                                reinterpret_cast<std::int8_t*>(out + sizeof scale), kept);
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

UpdateFault judge_magnitude(Magnitude largest) {
  if (largest >= kInfinity) return UpdateFault::NotFinite;
  return largest > std::bit_cast<Magnitude>(kMaxMagnitude) ? UpdateFault::OutOfRange : UpdateFault::None;
}

// Judges one piece; the sums of squares are added in order, so that the norm has the same bits everywhere.
UpdateFault judge_piece(ByteSpan blob, const Piece& piece, double& squares) {
  if (!piece.quantized) {
    const FloatCheck check = kernels().check_float(floats_at(blob, piece), piece.count);
    squares += check.squares;
    return judge_magnitude(check.largest);
  }
  const float scale = scale_at(blob, piece);
  if (!std::isfinite(scale)) return UpdateFault::NotFinite;
  if (scale < 0) return UpdateFault::Malformed;
  const Int8Check check = kernels().check_int8(integers_at(blob, piece), piece.count);
  if (check.has_minus_128) return UpdateFault::Malformed;
  squares += static_cast<double>(scale) * static_cast<double>(scale) * static_cast<double>(check.squares);
  if (scale * 127.0F <= kMaxMagnitude) return UpdateFault::None;
  std::array<float, kBlock> values;
  read_piece(blob, piece, values.data());
  return judge_magnitude(kernels().max_magnitude(values.data(), piece.count));
}

}  // namespace

Bytes encode_update(const model::ParameterLayout& layout, std::span<const float> delta, std::span<float> residual,
                    const UpdateEncoding& encoding, const RandomStream& random) {
  TRIBUTARY_CHECK(delta.size() == layout.size());
  TRIBUTARY_CHECK(residual.empty() || residual.size() == layout.size());
  const std::uint8_t kind = encoding.lossy() ? kInt8 : kFloat32;
  const std::vector<Piece> pieces = pieces_of(layout, kind);
  std::array<float, kBlock> sum;
  for (const Piece& piece : pieces) {
    const float* values = values_of(piece, delta, residual, sum);
    if (judge_magnitude(kernels().max_magnitude(values, piece.count)) == UpdateFault::None) continue;
    fail(Error::Kind::Malformed,
         "update of " + piece.tensor->name +
             " is not finite or exceeds 512; lower training.learning_rate or set training.clip_norm");
  }

  Bytes blob(end_of(pieces));
  std::memcpy(blob.data(), &kMagic, sizeof kMagic);
  blob[4] = std::byte{kind};
  std::memcpy(blob.data() + 8, layout.digest().bytes.data(), 32);
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    const Piece& piece = pieces[p];
    const float* values = values_of(piece, delta, residual, sum);
    float* kept = residual.empty() ? nullptr : residual.data() + piece.offset;
    if (piece.quantized) {
      write_int8_piece(piece, p, values, random, blob.data() + piece.at, kept);
      continue;
    }
    std::memcpy(blob.data() + piece.at, values, bytes_of(piece));
    if (kept != nullptr) std::fill_n(kept, piece.count, 0.0F);
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
    read_piece(blob, piece, values.data() + piece.offset);
  }
  return values;
}

void fold_update(ByteSpan blob, const model::ParameterLayout& layout, double weight, std::span<std::int64_t> sum,
                 unsigned threads) {
  TRIBUTARY_CHECK(sum.size() == layout.size());
  TRIBUTARY_CHECK(weight > 0 && weight <= 1);
  const std::vector<Piece> pieces = pieces_of(layout, read_header(blob, layout).encoding);
  TRIBUTARY_CHECK(blob.size() == end_of(pieces));
  const double unit = weight * kUnit;
  parallel_ranges(pieces.size(), 64, threads, [&](std::size_t begin, std::size_t end) {
    for (std::size_t p = begin; p < end; ++p) {
      const Piece& piece = pieces[p];
      std::int64_t* to = sum.data() + piece.offset;
      if (piece.quantized) {
        kernels().fold_int8(integers_at(blob, piece), piece.count, scale_at(blob, piece), unit, to);
      } else {
        kernels().fold_float(floats_at(blob, piece), piece.count, unit, to);
      }
    }
  });
}

}  // namespace tributary::codec
