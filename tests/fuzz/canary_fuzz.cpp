// A planted bug: the record's length is believed. It lies behind a magic number and a version, which only a fuzzer that
// follows coverage through the rooms (ByteReader is in base) gets to, and only AddressSanitizer notices.
#include <memory>
#include <numeric>

#include "common/base/bytes.h"
#include "common/base/error.h"

using namespace tributary;

namespace {

unsigned checksum(ByteReader& in) {
  for (const char expected : {'T', 'R', 'C', '1'}) {
    if (in.get<char>() != expected) fail(Error::Kind::Malformed, "canary: not a record");
  }
  const auto length = in.get<std::uint8_t>();
  const std::size_t held = in.remaining();
  if (length == 0) fail(Error::Kind::Malformed, "canary: nothing in it");
  const auto copy = std::make_unique<std::uint8_t[]>(held);
  std::memcpy(copy.get(), in.get_bytes(held).data(), held);
  return std::accumulate(copy.get(), copy.get() + length, 0u);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    ByteReader in(std::as_bytes(std::span(data, size)), "canary");
    volatile unsigned sum = checksum(in);
    static_cast<void>(sum);
  } catch (const Error&) {
  }
  return 0;
}
