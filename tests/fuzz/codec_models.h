// tests/fuzz/codec_models.h
//
// The models whose blobs the codec targets are offered, and inputs that begin with a good header. The first byte of an
// input says how to read the rest: bit 0, whether a header is put before it; then, for edge copies, bits 1, 3 and 4,
// which form of kEdgeForms that header names, and bit 2, which model; for updates, bits 1 to 3 the encoding and bits 4
// and 5 the bits of a rotated one, less one.
#pragma once

#include <array>
#include <cstring>
#include <memory>

#include "common/base/bytes.h"
#include "common/model/parameters.h"

namespace tributary::fuzz {

inline constexpr std::uint8_t kHeader = 1, kLarge = 4;

// Bits of a weight, and weights that share a scale.
struct EdgeForm {
  std::uint8_t bits = 8;
  std::uint16_t block = 0;
};
inline constexpr std::array<EdgeForm, 8> kEdgeForms = {
    {{8, 0}, {32, 0}, {4, 0}, {2, 0}, {8, 64}, {4, 64}, {2, 128}, {8, 256}}};

constexpr std::size_t edge_form_of(std::uint8_t choice) {
  return static_cast<std::size_t>((choice >> 1 & 1) | (choice >> 3 & 3) << 1);
}
// The first byte of an input that is read as this form.
constexpr std::uint8_t edge_choice(std::size_t form) {
  return static_cast<std::uint8_t>((form & 1) << 1 | (form >> 1) << 3);
}

// Channels on either axis, odd sizes, tensors that are not quantised.
inline const model::LayoutPtr& small_layout() {
  using model::Role;
  static const auto made = std::make_shared<const model::ParameterLayout>(std::vector<model::TensorSpec>{
      {"w", {7, 13}, Role::Weight, 0, 0, 7, 13}, {"b", {3}, Role::Vector}, {"v", {5, 3}, Role::Weight, 0, 0, 3, 1}});
  return made;
}

// Two blocks, the first long enough for streams of 32 lanes.
inline const model::LayoutPtr& large_layout() {
  static const auto made = std::make_shared<const model::ParameterLayout>(
      std::vector<model::TensorSpec>{{"w", {10, 14'000}, model::Role::Weight, 0, 0, 10, 14'000}});
  return made;
}

inline const model::LayoutPtr& layout_of(std::uint8_t choice) {
  return (choice & kLarge) != 0 ? large_layout() : small_layout();
}

// The edge copy that an input stands for.
inline Bytes edge_copy_of(std::span<const std::uint8_t> input) {
  const ByteSpan rest = std::as_bytes(input.subspan(1));
  Bytes blob;
  if ((input[0] & kHeader) != 0) {
    const EdgeForm& form = kEdgeForms[edge_form_of(input[0])];
    blob = to_bytes("TREC");
    for (const int byte : {1, int{form.bits}, form.block & 255, form.block >> 8}) {
      blob.push_back(static_cast<std::byte>(byte));
    }
    const auto& digest = layout_of(input[0])->digest().bytes;
    blob.insert(blob.end(), digest.begin(), digest.end());
  }
  blob.insert(blob.end(), rest.begin(), rest.end());
  blob.shrink_to_fit();
  return blob;
}

// Whether an input is also decoded on two threads: that starts one each time, which takes longer than all else.
constexpr bool on_two_threads(std::size_t size) {
  return size % 16 == 1;
}

constexpr std::uint8_t kRotated = 3;

// The first byte of an input that is read with this encoding.
constexpr std::uint8_t update_choice(std::uint8_t encoding, std::uint8_t bits) {
  return static_cast<std::uint8_t>(encoding << 1 | (encoding == kRotated ? (bits - 1) << 4 : 0));
}

// The update that an input stands for.
inline Bytes update_of(std::span<const std::uint8_t> input) {
  const ByteSpan rest = std::as_bytes(input.subspan(1));
  Bytes blob;
  if ((input[0] & kHeader) != 0) {
    const auto encoding = static_cast<std::uint8_t>(input[0] >> 1 & 7);
    blob = to_bytes("TUP1");
    blob.push_back(std::byte{encoding});
    blob.push_back(std::byte{static_cast<std::uint8_t>(encoding == kRotated ? (input[0] >> 4 & 3) + 1 : 0)});
    blob.resize(8);
    const auto& digest = small_layout()->digest().bytes;
    blob.insert(blob.end(), digest.begin(), digest.end());
  }
  blob.insert(blob.end(), rest.begin(), rest.end());
  blob.shrink_to_fit();
  return blob;
}

}  // namespace tributary::fuzz
