#include "common/net/framing.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/error.h"

namespace tributary::net {

namespace {

constexpr std::size_t kFirstBytes = 64 * 1024;
constexpr std::size_t kGrowth = 4;
constexpr std::size_t kStepBytes = 16 * 1024;  // a TLS record: made (zeroed) while it is in the processor's cache

}  // namespace

std::span<std::byte> FrameAssembler::space() {
  if (length_bytes_ < kLengthBytes) return std::span(length_).subspan(length_bytes_);
  if (filled_ == payload_.capacity())
    payload_.reserve(std::min(expected_, std::max({kFirstBytes, before_, filled_ * kGrowth})));
  const std::size_t step = std::min({expected_, payload_.capacity(), filled_ + kStepBytes});
  if (payload_.size() < step) payload_.resize(step);
  return std::span(payload_).subspan(filled_);
}

void FrameAssembler::filled(std::size_t count) {
  if (length_bytes_ == kLengthBytes) {
    filled_ += count;
    return;
  }
  length_bytes_ += count;
  if (length_bytes_ < kLengthBytes) return;
  std::uint32_t announced = 0;
  std::memcpy(&announced, length_.data(), kLengthBytes);
  if (announced > max_) {
    fail(Error::Kind::Malformed, "announced a frame of " + std::to_string(announced) + " bytes, at most " +
                                     std::to_string(max_) + " are allowed");
  }
  expected_ = announced;
}

Bytes FrameAssembler::take() {
  before_ = filled_;
  length_bytes_ = expected_ = filled_ = 0;
  return std::exchange(payload_, Bytes());
}

}  // namespace tributary::net
