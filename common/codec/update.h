// common/codec/update.h
//
// A participant's update (the difference from the edge copy it received) as few bytes, and its fold into the exact
// integer sum (fixed_point.h). Both ends know the layout; the blob names its digest.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/random.h"
#include "common/codec/fixed_point.h"
#include "common/model/parameters.h"

namespace tributary::codec {

// An update encoding: "float32", "int8", and later "int4", "rotated:b", "topk:p", "ternary:p". A value.
//   float32   as is, lossless
//   int8      stochastic rounding to [-127, 127] with one float32 scale per block of kBlock weights (max |x| / 127);
//             unbiased; Vector and State tensors stay float32
class UpdateEncoding {
 public:
  UpdateEncoding() = default;
  // Throws Malformed with the nearest known name.
  static UpdateEncoding parse(std::string_view text);
  std::string text() const;
  bool lossy() const;
  friend bool operator==(const UpdateEncoding&, const UpdateEncoding&) = default;

 private:
  enum class Kind : std::uint8_t { Float32, Int8 };
  Kind kind_ = Kind::Int8;
  friend struct UpdateAccess;
};

// Names a participant offers in its greeting, most general last.
std::vector<std::string> supported_update_encodings();

// Size of the largest blob that encode_update makes for this layout: what a receiver may refuse to go beyond.
std::uint64_t max_update_bytes(const model::ParameterLayout& layout, const UpdateEncoding& encoding);

// Encodes `delta + residual`; what the encoding drops stays in `residual` (layout size, or empty = error not kept).
// `random` is used for stochastic rounding only, by block index, so that threads do not change the result.
// Throws Malformed when a value is not finite or exceeds kMaxMagnitude (residual unchanged).
Bytes encode_update(const model::ParameterLayout& layout, std::span<const float> delta, std::span<float> residual,
                    const UpdateEncoding& encoding, const RandomStream& random);

// Why an update was refused. Values: a bad update is an expected outcome.
enum class UpdateFault : std::uint8_t { None, Malformed, WrongLayout, NotFinite, OutOfRange, NormTooLarge };
std::string_view name_of(UpdateFault fault);

struct UpdateLimits {
  // Largest L2 norm of the decoded update; nullopt = no limit.
  std::optional<double> max_norm;
};

struct UpdateCheck {
  UpdateFault fault = UpdateFault::None;
  std::string detail;  // one line, for the log; names the tensor
  double norm = 0;     // L2 norm of the decoded values, when fault is None
};

// Reads the whole blob once and judges it, without adding it anywhere. Never throws on bad bytes.
UpdateCheck check_update(ByteSpan blob, const model::ParameterLayout& layout, const UpdateLimits& limits = {});

// The decoded values. Throws Malformed where check_update would find a fault.
std::vector<float> decode_update(ByteSpan blob, const model::ParameterLayout& layout);

// sum[i] += to_fixed(weight * value[i]) for all i, in one pass over the blob, on `threads` threads; the same bits for
// any number of threads and any vector width. REQUIRES: check_update(blob) found no fault; 0 < weight <= 1; sum.size()
// == layout.size().
void fold_update(ByteSpan blob, const model::ParameterLayout& layout, double weight, std::span<std::int64_t> sum,
                 unsigned threads = 1);

}  // namespace tributary::codec
