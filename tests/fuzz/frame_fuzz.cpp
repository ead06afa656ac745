// What a peer may send: the stream is cut into frames as a channel does, each payload is read as a message. Whatever
// arrives, the outcome is messages that can be sent again and read the same, or Malformed.
#include <algorithm>
#include <cstdlib>

#include "common/base/error.h"
#include "common/net/framing.h"
#include "common/wire/frame.h"
#include "tests/wire/messages.h"

using namespace tributary;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void read_payload(const Bytes& payload) {
  const auto view = wire::view_data(payload);
  const wire::Message message = wire::from_payload(payload);
  require(view.has_value() == std::holds_alternative<wire::Data>(message));
  if (view) require(view->bytes.size() == std::get<wire::Data>(message).bytes.size());
  require(wire::same(wire::from_payload(wire::payload_of(wire::to_frame(message))), message));
}

void read_stream(ByteSpan stream) {
  net::FrameAssembler assembler(1 << 16);
  while (!stream.empty() || assembler.complete()) {
    if (assembler.complete()) {
      read_payload(assembler.take());
      continue;
    }
    const auto space = assembler.space();
    const std::size_t count = std::min(space.size(), stream.size());
    std::copy_n(stream.begin(), count, space.begin());
    assembler.filled(count);
    stream = stream.subspan(count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    read_stream(std::as_bytes(std::span(data, size)));
  } catch (const Error& e) {
    require(e.kind() == Error::Kind::Malformed);
    require(std::string_view(e.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}
