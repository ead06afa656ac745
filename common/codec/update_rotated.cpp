// rotated:b (detail = b, key = the stream of signs). After a random rotation every vector looks like normal noise, for
// which the best quantiser of b bits is known (gaussian_levels.h); scaled so that the estimate is unbiased: EDEN
// (Vargaftik et al., "EDEN: Communication-Efficient and Robust Distributed Mean Estimation for Federated Learning",
// ICML 2022, sections 3 and 4), DRIVE for one bit. The rotation is H D: random signs D, then the Walsh-Hadamard
// transform H.
//
//   record  := block* value(f32){rest}
//   block   := scale(f32) plane(count / 8 bytes){b}
//
// Blocks have 4096 values, then the powers of two, down to 64, that the rest of the tensor is made of, largest first;
// the last values, fewer than 64, are as they are. Bit i % 8 of byte i / 8 of plane k is bit k of number i: the number
// of a level, lowest first, + 2^(b-1) when negative. Value = D H (scale * level), H unnormalised; scale = |x|^2 divided
// by the sum of level * (H D x).
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/codec/gaussian_levels.h"
#include "common/codec/update_format.h"

namespace tributary::codec {

namespace {

constexpr std::uint32_t kLargestBlock = 4096;
constexpr std::uint32_t kSmallestBlock = 64;
constexpr std::uint32_t kPlain = 0, kRotatedBlock = 1;  // UpdatePiece::form

using Block = std::array<float, kLargestBlock>;
using Codes = std::array<std::uint8_t, kLargestBlock>;

// The next block of a tensor of which `left` values are left; fewer than kSmallestBlock = these are plain.
std::uint32_t next_block(std::uint64_t left) {
  if (left >= kLargestBlock) return kLargestBlock;
  return left < kSmallestBlock ? static_cast<std::uint32_t>(left) : std::bit_floor(static_cast<std::uint32_t>(left));
}

std::size_t block_bytes(std::uint32_t count, unsigned bits) {
  return sizeof(float) + std::size_t{count} / 8 * bits;
}

// Signs of the block that begins at `offset` of the arena.
void flip(std::uint64_t key, std::uint64_t offset, float* x, std::uint32_t count) {
  std::array<std::uint16_t, kKernelBlock> bits;
  kernels().dither(key, offset, bits.data());
  kernels().flip_signs(x, count, bits.data());
}

void write_planes(const Codes& codes, std::uint32_t count, unsigned bits, std::byte* out) {
  for (unsigned plane = 0; plane < bits; ++plane) {
    for (std::uint32_t i = 0; i < count; i += 8) {
      unsigned byte = 0;
      for (unsigned j = 0; j < 8; ++j) byte |= (codes[i + j] >> plane & 1u) << j;
      *out++ = static_cast<std::byte>(byte);
    }
  }
}

void read_planes(const std::byte* in, std::uint32_t count, unsigned bits, Codes& codes) {
  const std::size_t stride = count / 8;
  for (std::uint32_t i = 0; i < count; i += 8) {
    // Eight codes side by side in one word.
    std::uint64_t word = 0;
    for (unsigned plane = 0; plane < bits; ++plane) {
      const auto byte = std::to_integer<std::uint64_t>(in[plane * stride + i / 8]);
      // Bit j of the byte to bit 8 j: seven bits by multiplication, which cannot carry, and the last one by itself.
      const std::uint64_t spread = ((byte & 0x7F) * 0x0002040810204081u & 0x0001010101010101u) | (byte >> 7) << 56;
      word |= spread << plane;
    }
    std::memcpy(codes.data() + i, &word, 8);
  }
}

// What a code stands for, negative ones behind the positive ones.
std::array<float, 16> levels_by_code(unsigned bits, float scale) {
  std::array<float, 16> values{};
  const unsigned positive = 1u << (bits - 1);
  for (unsigned i = 0; i < positive; ++i) {
    values[i] = scale * kGaussianLevels[bits - 1][i];
    values[positive + i] = -values[i];
  }
  return values;
}

void decode_block(const UpdatePiece& piece, const UpdateDetail& detail, float* out) {
  float scale = 0;
  std::memcpy(&scale, piece.bytes.data(), sizeof scale);
  Codes codes;
  read_planes(piece.bytes.data() + sizeof scale, piece.count, detail.detail, codes);
  const std::array<float, 16> values = levels_by_code(detail.detail, scale);
  for (std::uint32_t i = 0; i < piece.count; ++i) out[i] = values[codes[i] & 15u];
  kernels().hadamard(out, piece.count);
  flip(detail.key, piece.offset, out, piece.count);
}

// Appends the block's bytes.
void encode_block(const float* x, std::uint64_t offset, std::uint32_t count, const UpdateDetail& detail,
                  Bytes& record) {
  const unsigned bits = detail.detail;
  const Kernels& k = kernels();
  Block rotated, levels;
  std::copy_n(x, count, rotated.begin());
  // Scaled to a largest magnitude of about 1, so that no sum leaves the range of floats.
  const Magnitude largest = k.max_magnitude(x, count);
  const float up = largest < 0x0D000000u ? 0 : std::ldexp(1.0F, 126 - static_cast<int>(largest >> 23));
  k.scale_by(rotated.data(), count, up);
  const double squares = k.dot(rotated.data(), rotated.data(), count);
  flip(detail.key, offset, rotated.data(), count);
  k.hadamard(rotated.data(), count);
  levels = rotated;
  Codes codes;
  const float unit = squares > 0 ? static_cast<float>(1 / std::sqrt(squares)) : 0;
  const unsigned row = bits - 1;
  k.nearest_levels(levels.data(), count, unit, kGaussianThresholds[row].data(), kGaussianLevels[row].data(),
                   std::size_t{1} << row, codes.data());
  const double product = k.dot(rotated.data(), levels.data(), count);
  const float scale = squares > 0 ? static_cast<float>(squares / product / static_cast<double>(up)) : 0;
  const std::size_t at = record.size();
  record.resize(at + block_bytes(count, bits));
  std::memcpy(record.data() + at, &scale, sizeof scale);
  write_planes(codes, count, bits, record.data() + at + sizeof scale);
}

class Rotated final : public UpdateFormat {
 public:
  std::vector<Bytes> encode(const UpdateInput& input, const UpdateDetail& detail) const override {
    std::vector<Bytes> records;
    for (const model::TensorSpec& spec : input.layout.tensors()) {
      if (spec.role == model::Role::Weight) records.push_back(record_of(input, spec, detail));
    }
    return records;
  }

  void split(ByteReader& in, const model::TensorSpec& spec, const UpdateDetail& detail,
             std::vector<UpdatePiece>& pieces) const override {
    for (std::uint64_t first = 0; first < spec.size;) {
      const std::uint32_t count = next_block(spec.size - first);
      const bool plain = count < kSmallestBlock;
      const std::size_t bytes = plain ? count * sizeof(float) : block_bytes(count, detail.detail);
      pieces.push_back({&spec, spec.offset + first, count, plain ? kPlain : kRotatedBlock, in.get_bytes(bytes)});
      first += count;
    }
  }

  void read(const UpdatePiece& piece, const UpdateDetail& detail, float* out) const override {
    if (piece.form == kPlain) {
      std::memcpy(out, piece.bytes.data(), piece.count * sizeof(float));
    } else {
      decode_block(piece, detail, out);
    }
  }

 private:
  static Bytes record_of(const UpdateInput& input, const model::TensorSpec& spec, const UpdateDetail& detail) {
    Bytes record;
    for (std::uint64_t first = 0; first < spec.size;) {
      const std::uint32_t count = next_block(spec.size - first);
      float* const x = input.x.data() + spec.offset + first;
      const std::size_t at = record.size();
      if (count < kSmallestBlock) {
        const auto plain = std::as_bytes(std::span(x, count));
        record.insert(record.end(), plain.begin(), plain.end());
      } else {
        encode_block(x, spec.offset + first, count, detail, record);
        decode_block({&spec, spec.offset + first, count, kRotatedBlock, ByteSpan(record).subspan(at)}, detail, x);
      }
      first += count;
    }
    return record;
  }
};

const Rotated kObject;

}  // namespace

const UpdateFormat& kRotatedUpdate = kObject;

}  // namespace tributary::codec
