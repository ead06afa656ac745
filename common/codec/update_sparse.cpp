// The encodings that give most weights nothing. Kept are the weights of largest magnitude over all tensors; the others
// wait in the residual.
//
//   topk:p      the share p of the weights, as integers -127..127 times a scale
//   ternary:p   the share p, as plus or minus their mean magnitude: sparse ternary compression (Sattler et al., "Robust
//               and Communication-Efficient Federated Learning from Non-IID Data", 2019, algorithms 1 to 3)
//
//   record  := piece*                      2^20 weights each, the last one what is left
//   piece   := kept(varint) [scale(f32) rice(u8) bytes(varint) stream]      the bracket only when kept > 0
//   stream  := (gap value){kept}           bits, see rice.h; gap: weights left out since the one before (or the start);
//                                          value: 8 bits, two's complement, neither 0 nor -128 (topk); 1 bit, set =
//                                          negative (ternary)
//   varint  := seven bits a byte, lowest first, the eighth says that more follow; at most five bytes
//
// Example: a million weights under ternary:0.01 take 9.1 bits for each of 10,000 kept ones: 11.4 kB of float32's 4 MB.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/codec/pruning.h"
#include "common/codec/rice.h"
#include "common/codec/update_format.h"

namespace tributary::codec {

namespace {

constexpr std::uint32_t kSparsePiece = 1u << 20;

void put_varint(std::uint32_t value, Bytes& out) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<std::byte>(value | 128u));
  out.push_back(static_cast<std::byte>(value));
}

std::uint32_t get_varint(ByteReader& in, const model::TensorSpec& spec) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    const auto byte = in.get<std::uint8_t>();
    value |= std::uint64_t{byte & 127u} << shift;
    if (byte < 128) {
      if (value <= 0xFFFFFFFFu) return static_cast<std::uint32_t>(value);
      break;
    }
  }
  refuse_update("has a number that is too long", spec);
}

// A piece's bytes begin with the scale and the Rice parameter; UpdatePiece::form is the number of kept weights.
constexpr std::size_t kStreamAt = sizeof(float) + 1;

struct Topk {
  static constexpr unsigned kBits = 8;
  static float scale_of(std::span<const float> kept) {
    float largest = 0;
    for (const float x : kept) largest = std::max(largest, std::abs(x));
    return largest / 127.0F;
  }
  static std::int32_t quantize(float x, float scale) { return static_cast<std::int32_t>(std::nearbyint(x / scale)); }
  static std::uint64_t code(std::int32_t q) { return static_cast<std::uint64_t>(q) & 255u; }
  static std::int32_t integer(std::uint64_t code) { return static_cast<std::int8_t>(code); }
  static bool is_valid(std::int32_t q) { return q != 0 && q != -128; }
};

struct Ternary {
  static constexpr unsigned kBits = 1;
  static float scale_of(std::span<const float> kept) {
    double sum = 0;
    for (const float x : kept) sum += std::abs(static_cast<double>(x));
    return static_cast<float>(sum / static_cast<double>(kept.size()));
  }
  static std::int32_t quantize(float x, float) { return x < 0 ? -1 : 1; }
  static std::uint64_t code(std::int32_t q) { return q < 0 ? 1u : 0u; }
  static std::int32_t integer(std::uint64_t code) { return code != 0 ? -1 : 1; }
  static bool is_valid(std::int32_t) { return true; }
};

template <class Values>
class Sparse final : public UpdateFormat {
 public:
  std::vector<Bytes> encode(const UpdateInput& input, const UpdateDetail&) const override;

  void split(ByteReader& in, const model::TensorSpec& spec, const UpdateDetail&,
             std::vector<UpdatePiece>& pieces) const override {
    for (std::uint64_t first = 0; first < spec.size; first += kSparsePiece) {
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kSparsePiece, spec.size - first));
      const std::uint32_t kept = get_varint(in, spec);
      if (kept > count) refuse_update("keeps more weights than there are", spec);
      if (kept == 0) continue;
      const ByteSpan head = in.get_bytes(kStreamAt);
      const ByteSpan stream = in.get_bytes(get_varint(in, spec));
      // The head lies before the length: a piece is both, joined by where they are.
      pieces.push_back({&spec, spec.offset + first, count, kept, ByteSpan(head.data(), stream.data() + stream.size())});
    }
  }

  void read(const UpdatePiece& piece, const UpdateDetail&, float* out) const override {
    std::fill_n(out, piece.count, 0.0F);
    visit(piece, [&](std::uint32_t i, float value) { out[i] = value; });
  }
  PieceCheck check(const UpdatePiece& piece, const UpdateDetail&) const override {
    PieceCheck result;
    result.malformed = !visit(piece, [&](std::uint32_t, float value) {
      result.largest = std::max(result.largest, std::bit_cast<Magnitude>(std::abs(value)));
      result.squares += static_cast<double>(value) * static_cast<double>(value);
    });
    return result;
  }
  void fold(const UpdatePiece& piece, const UpdateDetail&, double unit, std::int64_t* sum) const override {
    visit(piece, [&](std::uint32_t i, float value) { sum[i] += std::llrint(unit * static_cast<double>(value)); });
  }

 private:
  // Calls each(index, value) for what is kept, in order, indices below piece.count. False when the bytes are not what
  // an encoder writes; what was called before counts for nothing then.
  template <class Each>
  static bool visit(const UpdatePiece& piece, Each&& each) {
    float scale = 0;
    std::memcpy(&scale, piece.bytes.data(), sizeof scale);
    const auto rice = std::to_integer<unsigned>(piece.bytes[sizeof scale]);
    if (rice > kMaxRice || !(scale >= 0)) return false;
    std::size_t at = kStreamAt;
    while ((std::to_integer<unsigned>(piece.bytes[at]) & 128u) != 0) ++at;
    BitReader bits(piece.bytes.subspan(at + 1));
    std::uint64_t next = 0;
    for (std::uint32_t i = 0; i < piece.form; ++i) {
      next += bits.get_rice(rice);
      const std::int32_t q = Values::integer(bits.get(Values::kBits));
      if (next >= piece.count || bits.overrun() || !Values::is_valid(q)) return false;
      each(static_cast<std::uint32_t>(next), scale * static_cast<float>(q));
      ++next;
    }
    return bits.at_end();
  }

  // Of the kept ones: how many weights lie between, and the values. Replaces x by what a decoder gives.
  static Bytes piece_of(std::span<float> x, std::span<const std::uint32_t> kept);
};

template <class Values>
Bytes Sparse<Values>::piece_of(std::span<float> x, std::span<const std::uint32_t> kept) {
  std::vector<float> values;
  for (const std::uint32_t i : kept) values.push_back(x[i]);
  std::fill(x.begin(), x.end(), 0.0F);
  const float scale = kept.empty() ? 0 : Values::scale_of(values);
  std::vector<std::uint32_t> gaps;
  std::vector<std::int32_t> integers;
  std::uint32_t next = 0;
  // A scale too small to divide by is no scale: such weights are as good as zero.
  for (std::size_t i = 0; i < kept.size() && scale >= 0x1p-120F; ++i) {
    const std::int32_t q = Values::quantize(values[i], scale);
    if (q == 0) continue;
    gaps.push_back(kept[i] - next);
    integers.push_back(q);
    next = kept[i] + 1;
    x[kept[i]] = scale * static_cast<float>(q);
  }
  Bytes out;
  put_varint(static_cast<std::uint32_t>(gaps.size()), out);
  if (gaps.empty()) return out;
  const unsigned rice = best_rice(gaps);
  BitWriter bits;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    bits.put_rice(gaps[i], rice);
    bits.put(Values::code(integers[i]), Values::kBits);
  }
  const Bytes stream = bits.take();
  out.resize(out.size() + kStreamAt);
  std::memcpy(out.data() + out.size() - kStreamAt, &scale, sizeof scale);
  out.back() = static_cast<std::byte>(rice);
  put_varint(static_cast<std::uint32_t>(stream.size()), out);
  out.insert(out.end(), stream.begin(), stream.end());
  return out;
}

template <class Values>
std::vector<Bytes> Sparse<Values>::encode(const UpdateInput& input, const UpdateDetail&) const {
  std::vector<std::span<const float>> parts;
  std::uint64_t total = 0;
  for (const model::TensorSpec& spec : input.layout.tensors()) {
    if (spec.role != model::Role::Weight) continue;
    parts.push_back(input.x.subspan(spec.offset, spec.size));
    total += spec.size;
  }
  const auto keep = static_cast<std::uint64_t>(std::ceil(input.keep * static_cast<double>(total)));
  const Cut cut = magnitude_cut(parts, total - std::min(keep, total), 1);

  std::vector<Bytes> records;
  std::uint64_t place = 0;  // in the count of the cut
  std::vector<std::uint32_t> kept;
  for (const std::span<const float>& part : parts) {
    Bytes record;
    const auto offset = static_cast<std::size_t>(part.data() - input.x.data());
    for (std::size_t first = 0; first < part.size(); first += kSparsePiece) {
      const std::span<float> x =
          input.x.subspan(offset + first, std::min<std::size_t>(kSparsePiece, part.size() - first));
      kept.clear();
      for (std::uint32_t i = 0; i < x.size(); ++i) {
        const auto magnitude = std::bit_cast<Magnitude>(std::abs(x[i]));
        if (magnitude >= cut.keep_from(place + i) && magnitude > 0) kept.push_back(i);
      }
      const Bytes piece = piece_of(x, kept);
      record.insert(record.end(), piece.begin(), piece.end());
      place += x.size();
    }
    records.push_back(std::move(record));
  }
  return records;
}

const Sparse<Topk> kTopkObject;
const Sparse<Ternary> kTernaryObject;

}  // namespace

const UpdateFormat& kTopkUpdate = kTopkObject;
const UpdateFormat& kTernaryUpdate = kTernaryObject;

}  // namespace tributary::codec
