#include "common/codec/update.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/codec/update_format.h"

namespace tributary::codec {

namespace {

constexpr std::string_view kMagic = "TUP1";
constexpr std::size_t kHeaderBytes = 48;
// Pieces that one thread takes at a time: some ten thousand values.
constexpr std::size_t kGrain = 16;

const UpdateFormat* format_of(std::uint8_t encoding) {
  static const std::array<const UpdateFormat*, 6> formats = {&kFloat32Update, &kInt8Update, &kInt4Update,
                                                             &kRotatedUpdate, &kTopkUpdate, &kTernaryUpdate};
  return encoding < formats.size() ? formats[encoding] : nullptr;
}

bool fits(std::uint8_t encoding, const UpdateDetail& detail) {
  const bool rotated = encoding == static_cast<std::uint8_t>(UpdateEncoding::Kind::Rotated);
  return rotated ? detail.detail >= 1 && detail.detail <= 4 : detail.detail == 0 && detail.key == 0;
}

// A blob cut into pieces, or why it cannot be.
struct Opened {
  UpdateFault fault = UpdateFault::None;
  std::string message;
  const UpdateFormat* weights = nullptr;
  UpdateDetail detail;
  std::vector<UpdatePiece> pieces;

  const UpdateFormat& format(const UpdatePiece& piece) const {
    return piece.tensor->role == model::Role::Weight ? *weights : kFloat32Update;
  }
};

void split_records(ByteReader& in, const model::ParameterLayout& layout, Opened& opened) {
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (spec.role == model::Role::Weight) {
      opened.weights->split(in, spec, opened.detail, opened.pieces);
    } else {
      split_values(in, spec, opened.pieces);
    }
  }
  in.expect_end();
}

Opened open(ByteSpan blob, const model::ParameterLayout& layout) {
  const auto refuse = [](UpdateFault fault, const std::string& message) {
    Opened refused;
    refused.fault = fault;
    refused.message = "update: " + message;
    return refused;
  };
  if (blob.size() < kHeaderBytes || as_text(blob.first(kMagic.size())) != kMagic)
    return refuse(UpdateFault::Malformed, "not an update");
  ByteReader in(blob.subspan(kMagic.size()), "update");
  Opened opened;
  const auto encoding = in.get<std::uint8_t>();
  opened.detail.detail = in.get<std::uint8_t>();
  const auto zero = in.get<std::uint16_t>();
  const Digest digest = Digest::from_bytes(in.get_bytes(32));
  opened.detail.key = in.get<std::uint64_t>();
  opened.weights = format_of(encoding);
  if (opened.weights == nullptr || zero != 0 || !fits(encoding, opened.detail))
    return refuse(UpdateFault::Malformed, "unknown encoding");
  if (digest != layout.digest()) return refuse(UpdateFault::WrongLayout, "made for a model of another layout");
  try {
    split_records(in, layout, opened);
  } catch (const Error& error) {
    return refuse(UpdateFault::Malformed, error.what());
  }
  return opened;
}

UpdateFault fault_of(const PieceCheck& check) {
  if (check.malformed) return UpdateFault::Malformed;
  if (check.largest >= kInfinity) return UpdateFault::NotFinite;
  if (check.largest > std::bit_cast<Magnitude>(kMaxMagnitude)) return UpdateFault::OutOfRange;
  return UpdateFault::None;
}

// Throws Malformed when a value cannot be summed.
void check_range(const model::ParameterLayout& layout, std::span<const float> x) {
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (kernels().max_magnitude(x.data() + spec.offset, spec.size) > std::bit_cast<Magnitude>(kMaxMagnitude)) {
      fail(Error::Kind::Malformed,
           "update of " + spec.name +
               " is not finite or exceeds 512; lower training.learning_rate or set training.clip_norm");
    }
  }
}

Bytes join(const model::ParameterLayout& layout, const UpdateEncoding& encoding, const UpdateDetail& detail,
           const std::vector<Bytes>& records, std::span<const float> x) {
  std::array<std::byte, kHeaderBytes> header{};
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  header[4] = static_cast<std::byte>(encoding.kind());
  header[5] = static_cast<std::byte>(detail.detail);
  std::memcpy(header.data() + 8, layout.digest().bytes.data(), layout.digest().bytes.size());
  std::memcpy(header.data() + 40, &detail.key, sizeof detail.key);
  ByteWriter blob;
  blob.put_bytes(header);
  auto record = records.begin();
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (spec.role == model::Role::Weight) {
      blob.put_bytes(*record++);
    } else {
      blob.put_bytes(std::as_bytes(x.subspan(spec.offset, spec.size)));
    }
  }
  return blob.take();
}

}  // namespace

PieceCheck UpdateFormat::check(const UpdatePiece& piece, const UpdateDetail& detail) const {
  TRIBUTARY_CHECK(piece.count <= kDensePiece);
  std::array<float, kDensePiece> values;
  read(piece, detail, values.data());
  const FloatCheck found = kernels().check_float(reinterpret_cast<const BlobFloat*>(values.data()), piece.count);
  return {false, found.largest, found.squares};
}

void UpdateFormat::fold(const UpdatePiece& piece, const UpdateDetail& detail, double unit, std::int64_t* sum) const {
  TRIBUTARY_CHECK(piece.count <= kDensePiece);
  std::array<float, kDensePiece> values;
  read(piece, detail, values.data());
  kernels().fold_float(reinterpret_cast<const BlobFloat*>(values.data()), piece.count, unit, sum);
}

void split_values(ByteReader& in, const model::TensorSpec& spec, std::vector<UpdatePiece>& pieces) {
  for (std::uint64_t first = 0; first < spec.size; first += kDensePiece) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(kDensePiece, spec.size - first));
    pieces.push_back({&spec, spec.offset + first, count, 0, in.get_bytes(count * sizeof(float))});
  }
}

void refuse_update(std::string_view reason, const model::TensorSpec& spec) {
  fail(Error::Kind::Malformed, "tensor '" + spec.name + "' " + std::string(reason));
}

Bytes encode_update(const model::ParameterLayout& layout, std::span<const float> delta, std::span<float> residual,
                    const UpdateEncoding& encoding, const RandomStream& random) {
  TRIBUTARY_CHECK(delta.size() == layout.size());
  TRIBUTARY_CHECK(residual.empty() || residual.size() == layout.size());
  std::vector<float> x(delta.begin(), delta.end());
  if (!residual.empty()) kernels().add(delta.data(), residual.data(), delta.size(), x.data());
  check_range(layout, x);
  UpdateDetail detail;
  if (encoding.kind() == UpdateEncoding::Kind::Rotated)
    detail = {static_cast<std::uint8_t>(encoding.bits()), random.key()};
  const auto records =
      format_of(static_cast<std::uint8_t>(encoding.kind()))->encode({layout, x, random, encoding.keep()}, detail);
  check_range(layout, x);  // a decoded value may be a little larger than any that was encoded
  for (std::size_t i = 0; i < residual.size(); ++i) residual[i] = (delta[i] + residual[i]) - x[i];
  return join(layout, encoding, detail, records, x);
}

UpdateCheck check_update(ByteSpan blob, const model::ParameterLayout& layout, const UpdateLimits& limits) {
  const Opened opened = open(blob, layout);
  if (opened.fault != UpdateFault::None) return {opened.fault, opened.message, 0};
  double squares = 0;
  for (const UpdatePiece& piece : opened.pieces) {
    const PieceCheck check = opened.format(piece).check(piece, opened.detail);
    const UpdateFault fault = fault_of(check);
    if (fault != UpdateFault::None)
      return {fault, "update of " + piece.tensor->name + ": " + std::string(name_of(fault)), 0};
    // In order, so that the norm has the same bits everywhere.
    squares += check.squares;
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
  const Opened opened = open(blob, layout);
  for (const UpdatePiece& piece : opened.pieces)
    opened.format(piece).read(piece, opened.detail, values.data() + piece.offset);
  return values;
}

void fold_update(ByteSpan blob, const model::ParameterLayout& layout, double weight, std::span<std::int64_t> sum,
                 unsigned threads) {
  TRIBUTARY_CHECK(sum.size() == layout.size());
  TRIBUTARY_CHECK(weight > 0 && weight <= 1);
  const Opened opened = open(blob, layout);
  TRIBUTARY_CHECK(opened.fault == UpdateFault::None);
  parallel_ranges(opened.pieces.size(), kGrain, threads, [&](std::size_t begin, std::size_t end) {
    for (const UpdatePiece& piece : std::span(opened.pieces).subspan(begin, end - begin))
      opened.format(piece).fold(piece, opened.detail, weight * kUnit, sum.data() + piece.offset);
  });
}

}  // namespace tributary::codec
