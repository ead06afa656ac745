// common/codec/update_format.h (internal to codec and its tests)
//
// The bytes of an update, and what its encodings share. All numbers little-endian.
//
//   blob    := "TUP1" encoding(u8) detail(u8) zero(u16) layout_digest(32 bytes) key(u64) record*
//              one record a tensor, in layout order, nothing behind the last; `detail` and `key` as the encoding says,
//              else 0
//   record  := value(f32){size}                    Vector and State tensors, and weights under float32
//            | what the encoding writes            weights
//
// A record is cut into pieces that are decoded each by itself, so that any number of threads folds one update. How many
// values a piece has follows from the layout, never from the blob: nothing in a blob decides what is allocated.
// Drawback: a reader without the layout cannot skip through a blob.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/random.h"
#include "common/codec/kernels.h"
#include "common/codec/update.h"
#include "common/model/parameters.h"

namespace tributary::codec {

// What the header says besides the encoding.
struct UpdateDetail {
  std::uint8_t detail = 0;
  std::uint64_t key = 0;
};

// Values that are decoded by themselves.
struct UpdatePiece {
  const model::TensorSpec* tensor = nullptr;
  std::uint64_t offset = 0;  // of the first value in the arena
  std::uint32_t count = 0;   // values
  std::uint32_t form = 0;    // what the format makes of it
  ByteSpan bytes;
};

// Values of a piece whose format does not override check() and fold(), at most.
inline constexpr std::uint32_t kDensePiece = 4096;

// Judgement of a piece, in the order of severity in which one is named.
struct PieceCheck {
  bool malformed = false;
  Magnitude largest = 0;
  double squares = 0;
};

// What is to be encoded. `x` holds delta + residual in layout order, finite and in range; an encoder replaces the
// weights by what a decoder will give.
struct UpdateInput {
  const model::ParameterLayout& layout;
  std::span<float> x;
  const RandomStream& random;
  double keep = 1;  // share of the weights that a sparse encoding keeps
};

class UpdateFormat {
 public:
  virtual ~UpdateFormat() = default;

  // One record a Role::Weight tensor, in layout order.
  virtual std::vector<Bytes> encode(const UpdateInput& input, const UpdateDetail& detail) const = 0;
  // The same records, but replaces the weights by what a decoder will not give: x less its values. By encode() and a
  // copy of x; formats that know a shorter way override it. Throws Malformed when a decoded value cannot be summed.
  virtual std::vector<Bytes> encode_dropping(const UpdateInput& input, const UpdateDetail& detail) const;

  // Takes the record of `spec` off the reader and appends its pieces. Throws Malformed.
  virtual void split(ByteReader& in, const model::TensorSpec& spec, const UpdateDetail& detail,
                     std::vector<UpdatePiece>& pieces) const = 0;

  // The piece that comes next where so many values of a tensor are left, if that follows from the layout alone.
  struct Extent {
    std::uint32_t count = 0;  // values
    std::size_t bytes = 0;
  };
  virtual std::optional<Extent> next_piece(std::uint64_t values_left) const;

  // Writes the piece's `count` values. Bytes that are no piece give any values, within bounds; check() says so.
  virtual void read(const UpdatePiece& piece, const UpdateDetail& detail, float* out) const = 0;

  // By read(); formats that know a shorter way override them. `unit` = weight * 2^40.
  virtual PieceCheck check(const UpdatePiece& piece, const UpdateDetail& detail) const;
  virtual void fold(const UpdatePiece& piece, const UpdateDetail& detail, double unit, std::int64_t* sum) const;
};

extern const UpdateFormat& kFloat32Update;
extern const UpdateFormat& kInt8Update;
extern const UpdateFormat& kInt4Update;
extern const UpdateFormat& kRotatedUpdate;
extern const UpdateFormat& kTopkUpdate;
extern const UpdateFormat& kTernaryUpdate;

// The first bytes of an update, and how many they are.
inline constexpr std::size_t kUpdateHeaderBytes = 48;
struct UpdateHeader {
  UpdateFault fault = UpdateFault::None;
  std::string message;  // with a fault
  const UpdateFormat* weights = nullptr;
  UpdateDetail detail;
};
// Never throws. Bytes beyond the header are not looked at.
UpdateHeader read_update_header(ByteSpan bytes, const model::ParameterLayout& layout);

inline const UpdateFormat& format_of(const model::TensorSpec& spec, const UpdateHeader& header) {
  return spec.role == model::Role::Weight ? *header.weights : kFloat32Update;
}

UpdateFault fault_of(const PieceCheck& check);
UpdateCheck fault_in(const model::TensorSpec& spec, UpdateFault fault);
// Of an update whose pieces are good.
UpdateCheck judge_norm(double squares, const UpdateLimits& limits);

// Plain values: how every encoding writes what it does not shorten.
void split_values(ByteReader& in, const model::TensorSpec& spec, std::vector<UpdatePiece>& pieces);

[[noreturn]] void refuse_update(std::string_view reason, const model::TensorSpec& spec);
// A value of `spec` that cannot be summed.
[[noreturn]] void refuse_range(const model::TensorSpec& spec);

}  // namespace tributary::codec
