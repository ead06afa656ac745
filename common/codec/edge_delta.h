// common/codec/edge_delta.h
//
// An edge copy as its difference to another one of the same model, for a receiver that holds that one: where the model
// moved little, most integers are the same. The receiver makes of both the copy's own blob, byte for byte, and checks
// it by its digest, so that whoever got a difference stands where those who got the whole copy stand.
//
// Only copies with integers have differences, to copies of the same bits and blocks. Functions of any thread; the same
// bytes for any number of threads.
#pragma once

#include <vector>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "common/codec/edge_copy.h"
#include "common/model/parameters.h"

namespace tributary::codec {

// An edge copy between two blobs: 1 byte a weight, without the float32 weights.
struct EdgeIntegers {
  Digest digest;                           // of its blob
  unsigned bits = 8, block = 0;            // as EdgePlan has them
  std::vector<QuantizedTensor> weights;    // one per Role::Weight tensor in layout order
  std::vector<std::vector<float>> others;  // the values of the other tensors, in layout order
};

// Whether the blob is the beginning of an edge copy that can have a difference.
bool has_edge_integers(ByteSpan blob);

// What the blob holds. Throws as decode_edge_copy, and Unsupported when has_edge_integers(blob) is false.
EdgeIntegers edge_integers(ByteSpan blob, const model::LayoutPtr& layout, const DecodeLimits& limits = {});

// The blob that edge_integers() was given, as encode_edge_copy wrote it. REQUIRES: of this layout.
Bytes edge_blob(const EdgeIntegers& copy, const model::ParameterLayout& layout, unsigned threads = 1);

// The difference from `base` to `copy`. It may be larger than the copy's blob. REQUIRES: both of this layout, and of
// the same bits and blocks.
Bytes encode_edge_delta(const EdgeIntegers& base, const EdgeIntegers& copy, const model::ParameterLayout& layout,
                        unsigned threads = 1);

// The copy; its digest is what the difference claims. Throws Malformed (not a difference, another layout's, one to
// another base, truncated, trailing bytes, integers or values out of range), Unsupported (newer version), or Overloaded
// (the layout is over the limit). Never allocates by a claim of `delta`, reads in one pass. REQUIRES: `base` of this
// layout.
EdgeIntegers decode_edge_delta(ByteSpan delta, const EdgeIntegers& base, const model::LayoutPtr& layout,
                               const DecodeLimits& limits = {});

// edge_blob(decode_edge_delta(...)) of the base's blob. Throws what they throw, and Malformed unless the digest of the
// result is the one that the difference claims.
Bytes rebuild_edge_copy(ByteSpan delta, ByteSpan base_blob, const model::LayoutPtr& layout,
                        const DecodeLimits& limits = {});

}  // namespace tributary::codec
