// common/codec/update.h
//
// A participant's update (the difference from the edge copy it received) as few bytes, and its fold into the exact
// integer sum (fixed_point.h). Both ends know the layout; the blob names its digest.
#pragma once

#include <cstdint>
#include <functional>
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

// An update encoding. A value.
//
//   text          bits a weight   vNMSE, N(0,1)     what it does with the weights
//   float32       32              0                 nothing
//   int8          8               1e-4              stochastic rounding, a scale every 1024; unbiased
//   int4          4               0.03 to 0.1       the same with 15 levels; unbiased
//   rotated:B     B = 1 to 4      .57 .12 .034 .01  random rotation, best quantiser of a normal; unbiased (DRIVE, EDEN)
//   topk:P        P (log2(1/P) + 10)                the share P of largest magnitude, as int8
//   ternary:P     P (log2(1/P) + 3)                 the share P of largest magnitude, as plus or minus their mean (STC)
//
// P is above 0 and at most 0.5; "1/400" is 0.0025. Vector and State tensors stay float32 under all of them. topk and
// ternary need the residual to be kept: without it the weights that they leave out are lost.
class UpdateEncoding {
 public:
  enum class Kind : std::uint8_t { Float32, Int8, Int4, Rotated, Topk, Ternary };

  UpdateEncoding() = default;  // int8
  // Throws Malformed: "must be ...", with the nearest known name or what the parameter may be.
  static UpdateEncoding parse(std::string_view text);
  // As parse() takes it.
  std::string text() const;
  // Without its parameter: "rotated". What participants say that they can write.
  std::string family() const;
  bool lossy() const { return kind_ != Kind::Float32; }
  bool is_sparse() const { return kind_ == Kind::Topk || kind_ == Kind::Ternary; }
  Kind kind() const { return kind_; }
  unsigned bits() const { return bits_; }  // Rotated
  double keep() const { return keep_; }    // Topk, Ternary
  // About how many bytes an update takes, exact but for topk and ternary.
  std::uint64_t expected_bytes(const model::ParameterLayout& layout) const;
  friend bool operator==(const UpdateEncoding&, const UpdateEncoding&) = default;

 private:
  Kind kind_ = Kind::Int8;
  unsigned bits_ = 0;
  double keep_ = 0;
};

// The most exact encoding whose updates are expected to take at most `max_bytes`. Throws Malformed, saying what the
// smallest one takes, when none does.
UpdateEncoding encoding_within(const model::ParameterLayout& layout, std::uint64_t max_bytes);

// Families that a participant offers in its greeting, the ones it likes best first.
std::vector<std::string> supported_update_encodings();

// No update in this encoding is longer: what a receiver may refuse to go beyond.
std::uint64_t max_update_bytes(const model::ParameterLayout& layout, const UpdateEncoding& encoding);

// Encodes `delta + residual`; what the encoding drops stays in `residual` (layout size, or empty = error not kept).
// `random` is used for stochastic rounding and rotations, by place, so that threads do not change the result.
// Throws Malformed when a value is not finite or exceeds kMaxMagnitude (what is in `residual` is then of no use).
Bytes encode_update(const model::ParameterLayout& layout, std::span<const float> delta, std::span<float> residual,
                    const UpdateEncoding& encoding, const RandomStream& random);
// The same of a sum that is made already: what the encoding drops takes its place.
Bytes encode_leaving_rest(const model::ParameterLayout& layout, std::span<float> x, const UpdateEncoding& encoding,
                          const RandomStream& random);

// Why an update was refused. Values: a bad update is an expected outcome.
enum class UpdateFault : std::uint8_t { None, Malformed, WrongLayout, NotFinite, OutOfRange, NormTooLarge };
std::string_view name_of(UpdateFault fault);

struct UpdateLimits {
  // Largest L2 norm of the decoded update; nullopt = no limit.
  std::optional<double> max_norm = {};
  // L2 norm to which a longer update is scaled down; nullopt = to none. REQUIRES: above 0.
  std::optional<double> clip_norm = {};
};

struct UpdateCheck {
  UpdateFault fault = UpdateFault::None;
  std::string detail;  // one line, for the log; names the tensor
  double norm = 0;     // L2 norm of the decoded values, when fault is None
  // What brings the update to its bound: clip_norm / norm where that is below 1, else 1. In (0, 1], and the same bits
  // everywhere, as the norm's are: it is to be multiplied into the weight of the fold, so that clipping costs no pass
  // and rounds nothing by itself.
  double factor = 1;
};

// Told of bytes that were read and will not be read again in this call, piece after piece: whoever maps a file may let
// their memory go. From any of the threads.
using BytesRead = std::function<void(ByteSpan bytes)>;

// Reads the whole blob once and judges it, without adding it anywhere. Never throws on bad bytes.
UpdateCheck check_update(ByteSpan blob, const model::ParameterLayout& layout, const UpdateLimits& limits = {},
                         const BytesRead& read = {});

// The decoded values. Throws Malformed where check_update would find a fault.
std::vector<float> decode_update(ByteSpan blob, const model::ParameterLayout& layout);

// sum[i] += to_fixed(weight * value[i]) for all i, in one pass over the blob, on `threads` threads; the same bits for
// any number of threads and any vector width. REQUIRES: check_update(blob) found no fault; 0 < weight <= 1; sum.size()
// == layout.size().
void fold_update(ByteSpan blob, const model::ParameterLayout& layout, double weight, std::span<std::int64_t> sum,
                 unsigned threads = 1);

// What fold_update would do for each, in one pass over the sum where they have the same encoding: the sum is twenty
// times as large as a small update, so this is what several at a time save.
struct WeightedUpdate {
  ByteSpan blob;
  double weight = 0;
};
void fold_updates(std::span<const WeightedUpdate> updates, const model::ParameterLayout& layout,
                  std::span<std::int64_t> sum, unsigned threads = 1, const BytesRead& read = {});

}  // namespace tributary::codec
