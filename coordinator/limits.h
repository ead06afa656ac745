// coordinator/limits.h
//
// What peers may cost a coordinator: the configuration section `limits`. Other bounds follow from the round: an
// update's bytes from the model and its encoding, what it weighs from round.max_examples and from its participant's
// enrolment. Messages are bounded by net::ChannelLimits and wire::WireLimits.
//
// Values without threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tributary::coordinator {

struct Limits {
  // limits.connections: lines, greeted or not. As many as the process may have open files, less some for itself, when
  // that is fewer. A line more is closed at once.
  std::uint32_t connections = 65536;
  // limits.unauthenticated: of them, those whose handshake is not over. One more ends the oldest.
  std::uint32_t unauthenticated = 16384;
  // limits.handshake_seconds: from its being accepted to the end of its handshake; then it is closed.
  double handshake_seconds = 8;
  // limits.messages_per_second, limits.message_burst: messages that a participant may send, on average and at once,
  // besides Data of kShortBytes and more; each offer allows it kMessagesPerOffer more. Who sends more is sent away.
  double messages_per_second = 200;
  std::uint32_t message_burst = 1000;
  // limits.key_updates: KeyUpdate messages of TLS over the life of a line.
  std::uint32_t key_updates = 16;
  // limits.expelled_seconds: how long a participant that broke the protocol is kept out.
  double expelled_seconds = 15;
  // limits.log_seconds: a peer's refusals of one kind are logged once in so long, with how many there were.
  double log_seconds = 60;
};

// Shorter Data carry little for what they cost.
inline constexpr std::size_t kShortBytes = 64;
inline constexpr double kMessagesPerOffer = 64;

}  // namespace tributary::coordinator
