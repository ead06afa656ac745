#include "common/wire/messages.h"

#include <array>

namespace tributary::wire {

std::string_view name_of(const Message& message) {
  static constexpr std::array<std::string_view, std::variant_size_v<Message>> kNames = {
      "Hello",   "Welcome",     "Offer", "Decline", "Fetch", "Data",    "Update",
      "Verdict", "RoundClosed", "Wait",  "Ping",    "Pong",  "Goodbye", "Proceed"};
  return kNames[message.index()];
}

}  // namespace tributary::wire
