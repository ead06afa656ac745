// The encodings that give every weight its own number:
//
//   float32   value(f32){size}
//   int8      block*, block := scale(f32) q(i8){count}            count = 1024, the last one what is left
//   int4      block*, block := scale(f32) pair(u8){(count + 1) / 2}   two numbers -7..7 a byte, the first one low; an
//   odd
//                                                                  last one has 0 beside it
//
// scale = largest magnitude / 127 or 7; rounding is stochastic, so that a sum of many updates is unbiased. q = -128 or
// -8 is refused.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/error.h"
#include "common/codec/fixed_point.h"
#include "common/codec/update_format.h"

namespace tributary::codec {

namespace {

constexpr std::uint32_t kBlock = kKernelBlock;

float scale_at(const UpdatePiece& piece) {
  float scale = 0;
  std::memcpy(&scale, piece.bytes.data(), sizeof scale);
  return scale;
}

// A block whose scale is not finite or negative: what check() says of it.
bool bad_scale(float scale, PieceCheck& check) {
  if (scale >= 0 && std::isfinite(scale)) return false;
  check.malformed = std::isfinite(scale);
  check.largest = std::isfinite(scale) ? 0 : kInfinity;
  return true;
}

class Float32 final : public UpdateFormat {
 public:
  std::vector<Bytes> encode(const UpdateInput& input, const UpdateDetail&) const override {
    std::vector<Bytes> records;
    for (const model::TensorSpec& spec : input.layout.tensors()) {
      if (spec.role != model::Role::Weight) continue;
      const auto bytes = std::as_bytes(input.x.subspan(spec.offset, spec.size));
      records.emplace_back(bytes.begin(), bytes.end());
    }
    return records;
  }
  void split(ByteReader& in, const model::TensorSpec& spec, const UpdateDetail&,
             std::vector<UpdatePiece>& pieces) const override {
    split_values(in, spec, pieces);
  }
  std::optional<Extent> next_piece(std::uint64_t values_left) const override {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kDensePiece, values_left));
    return Extent{count, count * sizeof(float)};
  }
  void read(const UpdatePiece& piece, const UpdateDetail&, float* out) const override {
    std::memcpy(out, piece.bytes.data(), piece.count * sizeof(float));
  }
  PieceCheck check(const UpdatePiece& piece, const UpdateDetail&) const override {
    const FloatCheck found = kernels().check_float(reinterpret_cast<const BlobFloat*>(piece.bytes.data()), piece.count);
    return {false, found.largest, found.squares};
  }
  void fold(const UpdatePiece& piece, const UpdateDetail&, double unit, std::int64_t* sum) const override {
    kernels().fold_float(reinterpret_cast<const BlobFloat*>(piece.bytes.data()), piece.count, unit, sum);
  }
};

// Integers in [-Levels, Levels], blocks with a scale of their own.
template <unsigned kLevels>
class Scaled : public UpdateFormat {
 public:
  std::vector<Bytes> encode(const UpdateInput& input, const UpdateDetail&) const override {
    return records_of<Left::Decoded>(input);
  }
  std::vector<Bytes> encode_dropping(const UpdateInput& input, const UpdateDetail&) const override {
    return records_of<Left::Dropped>(input);
  }
  void split(ByteReader& in, const model::TensorSpec& spec, const UpdateDetail&,
             std::vector<UpdatePiece>& pieces) const override {
    for (std::uint64_t first = 0; first < spec.size; first += kBlock) {
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kBlock, spec.size - first));
      pieces.push_back({&spec, spec.offset + first, count, 0, in.get_bytes(sizeof(float) + packed(count))});
    }
  }
  std::optional<Extent> next_piece(std::uint64_t values_left) const override {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kBlock, values_left));
    return Extent{count, sizeof(float) + packed(count)};
  }

 protected:
  virtual std::size_t packed(std::uint32_t count) const = 0;
  virtual void pack(const std::int8_t* q, std::uint32_t count, std::byte* out) const = 0;

 private:
  enum class Left { Decoded, Dropped };  // in place of the weights

  template <Left kLeft>
  std::vector<Bytes> records_of(const UpdateInput& input) const {
    std::vector<Bytes> records;
    for (const model::TensorSpec& spec : input.layout.tensors()) {
      if (spec.role == model::Role::Weight) records.push_back(record_of<kLeft>(input, spec));
    }
    return records;
  }

  // All of a block while it is in the first cache.
  template <Left kLeft>
  Bytes record_of(const UpdateInput& input, const model::TensorSpec& spec) const {
    Bytes record;
    record.reserve((spec.size + kBlock - 1) / kBlock * (sizeof(float) + packed(kBlock)));
    std::array<std::int8_t, kBlock> q{};
    for (std::uint64_t first = 0; first < spec.size; first += kBlock) {
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kBlock, spec.size - first));
      float* const x = input.x.data() + spec.offset + first;
      const float scale = quantize(input.random, spec.offset + first, {x, count}, q.data());
      if (kLeft == Left::Dropped && scale * static_cast<float>(kLevels) > kMaxMagnitude) refuse_range(spec);
      const std::size_t at = record.size();
      record.resize(at + sizeof scale + packed(count));
      std::memcpy(record.data() + at, &scale, sizeof scale);
      pack(q.data(), count, record.data() + at + sizeof scale);
      leave<kLeft>(q.data(), scale, {x, count});
    }
    return record;
  }

  // Writes the integers of the block that begins at `offset` of the arena; returns its scale.
  static float quantize(const RandomStream& random, std::uint64_t offset, std::span<const float> x, std::int8_t* q) {
    const Magnitude largest = kernels().max_magnitude(x.data(), x.size());
    const float scale = std::bit_cast<float>(largest) / static_cast<float>(kLevels);
    // Below this the quotient is not finite; such a block is zero to any sum.
    if (!(scale >= 0x1p-120F)) {
      std::fill_n(q, kBlock, std::int8_t{0});
      return 0;
    }
    // n numbers come from at most n blocks of the stream, so that no two blocks of weights share one.
    std::array<std::uint16_t, kBlock> dither;
    kernels().dither(random.key(), offset, dither.data());
    kernels().quantize_stochastic(x.data(), x.size(), scale, dither.data(), q, nullptr);
    if constexpr (kLevels < 127) {
      constexpr auto kMost = static_cast<std::int8_t>(kLevels);
      for (auto& each : std::span(q, x.size())) each = std::clamp<std::int8_t>(each, -kMost, kMost);
    }
    return scale;
  }

  template <Left kLeft>
  static void leave(const std::int8_t* q, float scale, std::span<float> x) {
    if constexpr (kLeft == Left::Decoded) {
      kernels().dequantize(q, x.size(), scale, x.data());
    } else {
      std::array<float, kBlock> decoded;
      kernels().dequantize(q, x.size(), scale, decoded.data());
      for (std::size_t i = 0; i < x.size(); ++i) x[i] -= decoded[i];
    }
  }
};

class Int8 final : public Scaled<127> {
 public:
  void read(const UpdatePiece& piece, const UpdateDetail&, float* out) const override {
    kernels().dequantize(numbers(piece), piece.count, scale_at(piece), out);
  }
  PieceCheck check(const UpdatePiece& piece, const UpdateDetail&) const override {
    PieceCheck result;
    const float scale = scale_at(piece);
    if (bad_scale(scale, result)) return result;
    const Int8Check found = kernels().check_int8(numbers(piece), piece.count);
    const double squared = static_cast<double>(scale) * static_cast<double>(scale);
    // The largest value that the scale allows: every encoder's block has it.
    return {found.has_minus_128, std::bit_cast<Magnitude>(scale * 127.0F), squared * found.squares};
  }
  void fold(const UpdatePiece& piece, const UpdateDetail&, double unit, std::int64_t* sum) const override {
    kernels().fold_int8(numbers(piece), piece.count, scale_at(piece), unit, sum);
  }

 protected:
  std::size_t packed(std::uint32_t count) const override { return count; }
  void pack(const std::int8_t* q, std::uint32_t count, std::byte* out) const override { std::memcpy(out, q, count); }

 private:
  static const std::int8_t* numbers(const UpdatePiece& piece) {
    return reinterpret_cast<const std::int8_t*>(piece.bytes.data() + sizeof(float));
  }
};

class Int4 final : public Scaled<7> {
 public:
  void read(const UpdatePiece& piece, const UpdateDetail&, float* out) const override {
    std::array<std::int8_t, kBlock> q{};
    unpack(piece, q.data());
    kernels().dequantize(q.data(), piece.count, scale_at(piece), out);
  }
  PieceCheck check(const UpdatePiece& piece, const UpdateDetail&) const override {
    PieceCheck result;
    const float scale = scale_at(piece);
    if (bad_scale(scale, result)) return result;
    std::array<std::int8_t, kBlock> q{};
    unpack(piece, q.data());
    result.malformed = std::find(q.begin(), q.begin() + piece.count, std::int8_t{-8}) != q.begin() + piece.count ||
                       (piece.count % 2 != 0 && (std::to_integer<unsigned>(piece.bytes.back()) >> 4) != 0);
    result.largest = std::bit_cast<Magnitude>(scale * 7.0F);
    const double squared = static_cast<double>(scale) * static_cast<double>(scale);
    result.squares = squared * kernels().check_int8(q.data(), piece.count).squares;
    return result;
  }

 protected:
  std::size_t packed(std::uint32_t count) const override { return (count + 1) / 2; }
  void pack(const std::int8_t* q, std::uint32_t count, std::byte* out) const override {
    for (std::uint32_t i = 0; i < count; i += 2) {
      const unsigned low = static_cast<unsigned>(q[i]) & 15u;
      const unsigned high = i + 1 < count ? static_cast<unsigned>(q[i + 1]) & 15u : 0u;
      out[i / 2] = static_cast<std::byte>(low | high << 4);
    }
  }

 private:
  // Writes an even number of integers.
  static void unpack(const UpdatePiece& piece, std::int8_t* q) {
    const auto* pairs = reinterpret_cast<const std::uint8_t*>(piece.bytes.data() + sizeof(float));
    for (std::uint32_t i = 0; 2 * i < piece.count; ++i) {
      q[2 * i] = static_cast<std::int8_t>(static_cast<std::int8_t>(pairs[i] << 4) >> 4);
      q[2 * i + 1] = static_cast<std::int8_t>(static_cast<std::int8_t>(pairs[i]) >> 4);
    }
  }
};

const Float32 kFloat32Object;
const Int8 kInt8Object;
const Int4 kInt4Object;

}  // namespace

const UpdateFormat& kFloat32Update = kFloat32Object;
const UpdateFormat& kInt8Update = kInt8Object;
const UpdateFormat& kInt4Update = kInt4Object;

}  // namespace tributary::codec
