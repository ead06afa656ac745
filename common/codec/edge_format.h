// common/codec/edge_format.h (internal to codec)
//
// The bytes of an edge copy, and what encoder and decoder share. All numbers little-endian.
//
//   blob       := "TREC" version(u8 = 1) bits(u8: 8, 4, 2 or 32) block(u16) layout_digest(32 bytes) record*
//                 one record a tensor, in layout order, nothing behind the last
//   record     := float(f32){size}                          Vector and State tensors
//               | scale(u16)* model model block*            weights, bits = 8, 4, 2: models of mask and values
//               | model block*                              weights, bits = 32: model of the mask
//   scale*     := one a channel where the header's `block` is 0, else one for every so many weights, the last for what
//                 is left; a power of two from 64 to 32768; 0 where bits = 32
//   scale      := upper half of a float32; finite, not negative, also after multiplication by 127
//   model      := see symbol_model.h
//   block      := bytes(u32) [mask_bytes(u32)] mask values
//                 the next 2^17 elements of the tensor (the last block: what is left); `bytes` counts what follows it
//   mask       := a bit an element, lowest first, 1 = not zero, as bytes; the bits that fill the last byte repeat the
//                 last one. Raw; or nothing when the model is constant; or a rANS stream of mask_bytes (see rans.h)
//   values     := the non-zero elements in order. bits = 8, 4, 2: int8, not 0 and of magnitude up to 127, 7, 1: raw,
//                 nothing or a rANS stream as the model says. bits = 32: f32, finite
//
// Example: a 10 x 784 weight, int8, half of it zero: 20 bytes of scales, 1 byte (raw mask), about 40 bytes of value
// model, one block of 4 + 980 + 3400 bytes.
// Every count follows from the layout and the masks, so a decoder allocates nothing by claim; blocks are independent,
// so that any number of threads codes one tensor. Drawbacks: a mask has no memory beyond its byte, so structure (whole
// rows pruned) is only found in runs of eight; a model holds for its tensor, not for a part of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "common/codec/edge_copy.h"
#include "common/codec/kernels.h"
#include "common/codec/pruning.h"
#include "common/codec/symbol_model.h"
#include "common/model/parameters.h"

namespace tributary::codec {

inline constexpr std::uint64_t kEdgeBlock = std::uint64_t{1} << 17;

// Weights from here on are refused: their scale could not be multiplied back.
inline constexpr Magnitude kTooLarge = (127u + 120u) << 23;
// Channels whose largest magnitude is below this are zero: a smaller scale would leave the range of normal floats.
inline constexpr Magnitude kTooSmall = (127u - 100u) << 23;

// Elements begin .. end - 1 of a weight tensor, the `tensor`-th of the layout's weights.
struct EdgeBlock {
  std::size_t tensor = 0;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::size_t size() const { return static_cast<std::size_t>(end - begin); }
  std::size_t mask_bytes() const { return (size() + 7) / 8; }
};

std::vector<EdgeBlock> edge_blocks(std::span<const model::TensorSpec* const> weights);
std::vector<const model::TensorSpec*> weights_of(const model::ParameterLayout& layout);

// Walks through a weight tensor in runs that a vector loop likes, whatever the place of the channel axis. A slot is a
// channel (or block: what shares a scale) where a channel's neighbours are long runs; else a row of slots follows the
// elements, repeated.
class ChannelRuns {
 public:
  ChannelRuns(const model::TensorSpec& spec, unsigned block);

  // True: element i of a run has slot `slot + i`; false: all have `slot`.
  bool each() const { return each_; }
  std::size_t slots() const { return static_cast<std::size_t>(slots_); }
  std::size_t channel(std::size_t slot) const {
    return static_cast<std::size_t>(each_ ? slot / stride_ % channels_ : slot);
  }

  // Of the slots, those [first, last) that elements [begin, end) may have. REQUIRES: begin < end.
  struct Slots {
    std::size_t first = 0, last = 0;
  };
  Slots slots_of(std::uint64_t begin, std::uint64_t end) const {
    if (each_ || wraps_) return {0, slots()};
    return {static_cast<std::size_t>(begin / stride_), static_cast<std::size_t>((end - 1) / stride_) + 1};
  }

  // run(begin, end, slot) for consecutive runs that cover [begin, end).
  template <class Run>
  void walk(std::uint64_t begin, std::uint64_t end, Run&& run) const {
    while (begin < end) {
      const std::uint64_t stop = each_ ? (begin / slots_ + 1) * slots_ : (begin / stride_ + 1) * stride_;
      const std::uint64_t slot = each_ ? begin % slots_ : begin / stride_ % channels_;
      run(begin, std::min(stop, end), static_cast<std::size_t>(slot));
      begin = std::min(stop, end);
    }
  }

  // What a channel has, for each of its slots.
  template <class T>
  std::vector<T> by_slot(std::span<const T> by_channel) const {
    std::vector<T> values(slots());
    for (std::size_t slot = 0; slot < values.size(); ++slot) values[slot] = by_channel[channel(slot)];
    return values;
  }

 private:
  std::uint64_t channels_, stride_;
  bool each_, wraps_;
  std::uint64_t slots_;
};

// Weights on their way into a blob: pruned as planned, not yet quantised.
struct EdgeWeights {
  std::vector<const model::TensorSpec*> specs;
  std::vector<EdgeBlock> blocks;
  std::vector<std::vector<Magnitude>> maxima;  // a tensor's largest magnitude of each channel
  std::vector<Cut> cuts;                       // of each tensor
  std::vector<std::uint64_t> places;           // where a tensor's first element stands in the count of its cut
  std::span<const float> x;                    // the arena; may be `values` or `residual`, and then goes as they come
  std::span<float> values;                     // the arena or empty: what the blob gives
  std::span<float> residual;                   // the arena or empty: what rounding loses
  const EdgePlan* plan = nullptr;
  unsigned levels = 127;
  unsigned threads = 1;
};

// The bytes of a weight tensor's record, piece by piece: `pieces` lie in `own`, or in the weights encoded.
struct EdgeRecord {
  EdgeRecord() = default;
  EdgeRecord(EdgeRecord&&) = default;
  EdgeRecord& operator=(EdgeRecord&&) = default;
  EdgeRecord(Bytes whole) { add(std::move(whole)); }  // NOLINT(google-explicit-constructor)
  void add(Bytes piece) {
    own.push_back(std::move(piece));
    pieces.push_back(own.back());
  }

  std::vector<Bytes> own;  // their bytes stay where they are when the vector grows
  std::vector<ByteSpan> pieces;
};

struct EncodedWeights {
  std::vector<EdgeRecord> records;  // one a weight tensor
  std::vector<QuantizedTensor> quantized;
  std::uint64_t nonzeros = 0;
  double entropy_bits = 0;
};

// Where the decoded weights go.
struct DecodedWeights {
  std::span<float> values;                            // the arena; empty: only the integers are wanted
  std::vector<QuantizedTensor>* quantized = nullptr;  // null: the integers are not wanted
  std::uint64_t nonzeros = 0;
  unsigned threads = 1;
};

// One way to write weights. `read` takes the weight records off the reader in layout order, calling `others` before
// each one so that the caller reads the tensors between them, and decodes all blocks at the end.
struct EdgeHeader {
  unsigned bits = 0;
  unsigned block = 0;
  Digest layout;
};

struct WeightFormat {
  EncodedWeights (*encode)(const EdgeWeights& weights);

  // Reads the record of the tensor that comes next.
  class Reader {
   public:
    virtual ~Reader() = default;
    virtual void read_record(ByteReader& in, const model::TensorSpec& spec) = 0;
    // Decodes what was read. The bytes read must still be there.
    virtual void decode(DecodedWeights& out) = 0;
  };
  std::unique_ptr<Reader> (*reader)(const EdgeHeader& header);
};

extern const WeightFormat kIntegerWeights;
extern const WeightFormat kFloat32Weights;

// A scale, as it stands in a record. Throws Malformed for one that is out of range.
void put_scale(ByteWriter& out, float scale);
float take_scale(ByteReader& in, const model::TensorSpec& spec);

// The records that an encoder wrote for tensors with these integers and scales.
std::vector<EdgeRecord> integer_records(std::span<const model::TensorSpec* const> specs,
                                        std::span<const QuantizedTensor> quantized, unsigned threads);

// Null when there is none for these bits.
const WeightFormat* weight_format(unsigned bits);
// Whether scales may be shared by so many weights.
bool is_block(unsigned block);

void put_header(ByteWriter& out, const EdgeHeader& header);
// Throws as decode_edge_copy.
EdgeHeader read_header(ByteReader& in);

// The blob: `records` of the weights, and between them the other tensors, which `other` gives. Takes the records apart
// as it goes. Written into `memory`, whatever that holds, where it is large enough.
using OtherTensors = std::function<std::span<const float>(const model::TensorSpec&)>;
Bytes join_blob(const EdgeHeader& header, const model::ParameterLayout& layout, std::vector<EdgeRecord> records,
                const OtherTensors& other, Bytes memory = {});

// Reads the blob's records up to its end, unchecked the weights' blocks; `place` says where the floats of another
// tensor go. Throws as decode_edge_copy.
using OtherPlaces = std::function<std::span<float>(const model::TensorSpec&)>;
std::unique_ptr<WeightFormat::Reader> read_records(ByteReader& in, const EdgeHeader& header,
                                                   const model::ParameterLayout& layout, const OtherPlaces& place);
// One of them.
void read_other(ByteReader& in, const model::TensorSpec& spec, const OtherPlaces& place);
void check_size(const model::ParameterLayout& layout, const DecodeLimits& limits);

[[noreturn]] void refuse_edge_copy(std::string_view reason, const model::TensorSpec& spec);

}  // namespace tributary::codec
