#include "common/codec/update.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <deque>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/codec/update_format.h"

namespace tributary::codec {

namespace {

constexpr std::string_view kMagic = "TUP1";
// Pieces that one thread takes at a time: some ten thousand values.
constexpr std::size_t kGrain = 16;

const UpdateFormat* format_of(std::uint8_t encoding) {
  static const std::array<const UpdateFormat*, 6> formats = {&kFloat32Update, &kInt8Update, &kInt4Update,
                                                             &kRotatedUpdate, &kTopkUpdate, &kTernaryUpdate};
  return encoding < formats.size() ? formats[encoding] : nullptr;
}

const UpdateFormat& format_of(const UpdateEncoding& encoding) {
  return *format_of(static_cast<std::uint8_t>(encoding.kind()));
}

UpdateDetail detail_of(const UpdateEncoding& encoding, const RandomStream& random) {
  if (encoding.kind() != UpdateEncoding::Kind::Rotated) return {};
  return {static_cast<std::uint8_t>(encoding.bits()), random.key()};
}

bool fits(std::uint8_t encoding, const UpdateDetail& detail) {
  const bool rotated = encoding == static_cast<std::uint8_t>(UpdateEncoding::Kind::Rotated);
  return rotated ? detail.detail >= 1 && detail.detail <= 4 : detail.detail == 0 && detail.key == 0;
}

// A blob cut into pieces, or why it cannot be.
struct Opened : UpdateHeader {
  std::vector<UpdatePiece> pieces;

  const UpdateFormat& format(const UpdatePiece& piece) const { return format_of(*piece.tensor, *this); }
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
  Opened opened{read_update_header(blob, layout), {}};
  if (opened.fault != UpdateFault::None) return opened;
  try {
    ByteReader in(blob.subspan(kUpdateHeaderBytes), "update");
    split_records(in, layout, opened);
  } catch (const Error& error) {
    opened.fault = UpdateFault::Malformed;
    opened.message = std::string("update: ") + error.what();
  }
  return opened;
}

// Throws Malformed when a value cannot be summed.
void check_range(const model::ParameterLayout& layout, std::span<const float> x) {
  for (const model::TensorSpec& spec : layout.tensors()) {
    if (kernels().max_magnitude(x.data() + spec.offset, spec.size) > std::bit_cast<Magnitude>(kMaxMagnitude))
      refuse_range(spec);
  }
}

Bytes join(const model::ParameterLayout& layout, const UpdateEncoding& encoding, const UpdateDetail& detail,
           const std::vector<Bytes>& records, std::span<const float> x) {
  std::array<std::byte, kUpdateHeaderBytes> header{};
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  header[4] = static_cast<std::byte>(encoding.kind());
  header[5] = static_cast<std::byte>(detail.detail);
  std::memcpy(header.data() + 8, layout.digest().bytes.data(), layout.digest().bytes.size());
  std::memcpy(header.data() + 40, &detail.key, sizeof detail.key);
  std::size_t size = kUpdateHeaderBytes;
  for (const Bytes& record : records) size += record.size();
  for (const model::TensorSpec& spec : layout.tensors())
    if (spec.role != model::Role::Weight) size += spec.size * sizeof(float);
  ByteWriter blob;
  blob.reserve(size);
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

// What is not a weight travels as it is.
void clear_all_but_weights(const model::ParameterLayout& layout, std::span<float> values) {
  for (const model::TensorSpec& spec : layout.tensors())
    if (spec.role != model::Role::Weight) std::fill_n(values.data() + spec.offset, spec.size, 0.0F);
}

// Says of bytes that they were read, some hundred thousand at a time.
class ReadPart {
 public:
  explicit ReadPart(const BytesRead& read) : read_(read) {}
  ~ReadPart() {
    if (read_ && begin_ != nullptr) read_({begin_, end_});
  }
  ReadPart(const ReadPart&) = delete;
  ReadPart& operator=(const ReadPart&) = delete;

  // Bytes behind those added before.
  void add(ByteSpan bytes) {
    if (!read_ || bytes.empty()) return;
    if (begin_ == nullptr) begin_ = bytes.data();
    end_ = bytes.data() + bytes.size();
    if (end_ - begin_ < kReadAtOnce) return;
    read_({begin_, end_});
    begin_ = nullptr;
  }

 private:
  static constexpr std::ptrdiff_t kReadAtOnce = 1 << 19;

  const BytesRead& read_;
  const std::byte* begin_ = nullptr;
  const std::byte* end_ = nullptr;
};

struct Folding {
  Opened opened;
  double unit = 0;
};

bool cut_alike(const Folding& a, const Folding& b) {
  const auto alike = [](const UpdatePiece& x, const UpdatePiece& y) {
    return x.offset == y.offset && x.count == y.count;
  };
  return std::equal(a.opened.pieces.begin(), a.opened.pieces.end(), b.opened.pieces.begin(), b.opened.pieces.end(),
                    alike);
}

// A few pieces of one update after those of another, so that their part of the sum stays in the cache.
void fold_together(std::span<const Folding> updates, std::span<std::int64_t> sum, unsigned threads,
                   const BytesRead& read) {
  constexpr std::size_t kTogether = 4;
  parallel_ranges(updates.front().opened.pieces.size(), kGrain, threads, [&](std::size_t begin, std::size_t end) {
    std::deque<ReadPart> parts;
    for (std::size_t u = 0; u < updates.size(); ++u) parts.emplace_back(read);
    for (std::size_t at = begin; at < end; at += kTogether) {
      const std::size_t stop = std::min(end, at + kTogether);
      for (std::size_t u = 0; u < updates.size(); ++u) {
        const Opened& opened = updates[u].opened;
        for (std::size_t p = at; p < stop; ++p) {
          const UpdatePiece& piece = opened.pieces[p];
          opened.format(piece).fold(piece, opened.detail, updates[u].unit, sum.data() + piece.offset);
          parts[u].add(piece.bytes);
        }
      }
    }
  });
}

}  // namespace

std::vector<Bytes> UpdateFormat::encode_dropping(const UpdateInput& input, const UpdateDetail& detail) const {
  std::vector<float> decoded(input.x.begin(), input.x.end());
  auto records = encode({input.layout, decoded, input.random, input.keep}, detail);
  check_range(input.layout, decoded);
  for (const model::TensorSpec& spec : input.layout.tensors()) {
    if (spec.role != model::Role::Weight) continue;
    for (std::uint64_t i = spec.offset; i < spec.offset + spec.size; ++i) input.x[i] -= decoded[i];
  }
  return records;
}

UpdateHeader read_update_header(ByteSpan bytes, const model::ParameterLayout& layout) {
  UpdateHeader header;
  const auto refused = [&header](UpdateFault fault, const std::string& message) {
    header.fault = fault;
    header.message = "update: " + message;
    return header;
  };
  if (bytes.size() < kUpdateHeaderBytes || as_text(bytes.first(kMagic.size())) != kMagic)
    return refused(UpdateFault::Malformed, "not an update");
  ByteReader in(bytes.subspan(kMagic.size()), "update");
  const auto encoding = in.get<std::uint8_t>();
  header.detail.detail = in.get<std::uint8_t>();
  const auto zero = in.get<std::uint16_t>();
  const Digest digest = Digest::from_bytes(in.get_bytes(32));
  header.detail.key = in.get<std::uint64_t>();
  header.weights = format_of(encoding);
  if (header.weights == nullptr || zero != 0 || !fits(encoding, header.detail))
    return refused(UpdateFault::Malformed, "unknown encoding");
  if (digest != layout.digest()) return refused(UpdateFault::WrongLayout, "made for a model of another layout");
  return header;
}

UpdateFault fault_of(const PieceCheck& check) {
  if (check.malformed) return UpdateFault::Malformed;
  if (check.largest >= kInfinity) return UpdateFault::NotFinite;
  if (check.largest > std::bit_cast<Magnitude>(kMaxMagnitude)) return UpdateFault::OutOfRange;
  return UpdateFault::None;
}

UpdateCheck fault_in(const model::TensorSpec& spec, UpdateFault fault) {
  return {fault, "update of " + spec.name + ": " + std::string(name_of(fault)), 0};
}

UpdateCheck judge_norm(double squares, const UpdateLimits& limits) {
  const double norm = std::sqrt(squares);
  if (limits.max_norm && norm > *limits.max_norm) {
    return {UpdateFault::NormTooLarge,
            "update: norm " + std::to_string(norm) + ", at most " + std::to_string(*limits.max_norm), norm};
  }
  UpdateCheck good{UpdateFault::None, {}, norm};
  if (limits.clip_norm && norm > *limits.clip_norm) good.factor = *limits.clip_norm / norm;
  return good;
}

std::optional<UpdateFormat::Extent> UpdateFormat::next_piece(std::uint64_t /*values_left*/) const {
  return std::nullopt;
}

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

void refuse_range(const model::TensorSpec& spec) {
  fail(Error::Kind::Malformed, "update of " + spec.name +
                                   " is not finite or exceeds 512; lower training.learning_rate or set "
                                   "training.clip_norm");
}

Bytes encode_leaving_rest(const model::ParameterLayout& layout, std::span<float> x, const UpdateEncoding& encoding,
                          const RandomStream& random) {
  TRIBUTARY_CHECK(x.size() == layout.size());
  const UpdateDetail detail = detail_of(encoding, random);
  check_range(layout, x);
  const auto records = format_of(encoding).encode_dropping({layout, x, random, encoding.keep()}, detail);
  Bytes blob = join(layout, encoding, detail, records, x);
  clear_all_but_weights(layout, x);
  return blob;
}

Bytes encode_update(const model::ParameterLayout& layout, std::span<const float> delta, std::span<float> residual,
                    const UpdateEncoding& encoding, const RandomStream& random) {
  TRIBUTARY_CHECK(delta.size() == layout.size());
  TRIBUTARY_CHECK(residual.empty() || residual.size() == layout.size());
  if (residual.empty()) {
    const UpdateDetail detail = detail_of(encoding, random);
    std::vector<float> x(delta.begin(), delta.end());
    check_range(layout, x);
    const auto records = format_of(encoding).encode({layout, x, random, encoding.keep()}, detail);
    check_range(layout, x);  // a decoded value may be a little larger than any that was encoded
    return join(layout, encoding, detail, records, x);
  }
  kernels().add(delta.data(), residual.data(), delta.size(), residual.data());
  return encode_leaving_rest(layout, residual, encoding, random);
}

UpdateCheck check_update(ByteSpan blob, const model::ParameterLayout& layout, const UpdateLimits& limits,
                         const BytesRead& read) {
  const Opened opened = open(blob, layout);
  if (opened.fault != UpdateFault::None) return {opened.fault, opened.message, 0};
  double squares = 0;
  ReadPart part(read);
  for (const UpdatePiece& piece : opened.pieces) {
    const PieceCheck check = opened.format(piece).check(piece, opened.detail);
    const UpdateFault fault = fault_of(check);
    if (fault != UpdateFault::None) return fault_in(*piece.tensor, fault);
    // In order, so that the norm has the same bits everywhere.
    squares += check.squares;
    part.add(piece.bytes);
  }
  return judge_norm(squares, limits);
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

void mean_of(std::span<const std::int64_t> sum, double weight, std::span<float> out) {
  TRIBUTARY_CHECK(sum.size() == out.size() && weight > 0);
  kernels().mean(sum.data(), sum.size(), weight, out.data());
}

void fold_update(ByteSpan blob, const model::ParameterLayout& layout, double weight, std::span<std::int64_t> sum,
                 unsigned threads) {
  const WeightedUpdate only{blob, weight};
  fold_updates(std::span(&only, 1), layout, sum, threads);
}

void fold_updates(std::span<const WeightedUpdate> updates, const model::ParameterLayout& layout,
                  std::span<std::int64_t> sum, unsigned threads, const BytesRead& read) {
  TRIBUTARY_CHECK(sum.size() == layout.size());
  std::vector<Folding> open_ones;
  for (const WeightedUpdate& update : updates) {
    TRIBUTARY_CHECK(update.weight > 0 && update.weight <= 1);
    open_ones.push_back({open(update.blob, layout), update.weight * kUnit});
    TRIBUTARY_CHECK(open_ones.back().opened.fault == UpdateFault::None);
  }
  // Neighbours that are cut alike go together.
  for (auto first = open_ones.begin(); first != open_ones.end();) {
    const auto last =
        std::find_if(first, open_ones.end(), [&](const Folding& other) { return !cut_alike(*first, other); });
    fold_together(std::span(first, last), sum, threads, read);
    first = last;
  }
}

}  // namespace tributary::codec
