// tests/wire/messages.h
//
// One message of each kind with every field set to something of its own, for round trips and as seeds of fuzzing.
#pragma once

#include <algorithm>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/wire/messages.h"

namespace tributary::wire {

inline Digest digest_of(std::string_view text) {
  return sha256(as_bytes(text));
}

inline Plan full_plan() {
  Plan plan;
  plan.loss = "cross_entropy";
  plan.learning_rate = 0.1;
  plan.learning_rate_decay = 0.99;
  plan.momentum = 0.9;
  plan.weight_decay = 1e-4;
  plan.clip_norm = 5;
  plan.proximal_mu = 0.01;
  plan.batch_size = 10;
  plan.max_steps = 1000;
  plan.epochs = 2.5;
  plan.max_seconds = 60;
  plan.online = true;
  plan.hedge_beta = 0.9;
  plan.hedge_floor = 0.1;
  plan.quantized_bits = 4;
  plan.quantized_levels = 5;
  plan.quantized_block = 64;
  plan.pruned = true;
  return plan;
}

inline std::vector<Message> one_of_each() {
  return {
      Hello{1, "tributary 0.1.0", {"int8", "float32", "topk:0.01"}, {digest_of("a"), digest_of("b")}, 60'000, true},
      Welcome{"orchard", "00112233445566778899aabbccddeeff", 20.5},
      Offer{7, digest_of("model"), 1'234'567, digest_of("edge"), 89'000, "int8", 42, 300.25, full_plan(),
            DeltaOffer{digest_of("earlier"), digest_of("difference"), 12'345}},
      Decline{7, "no examples"},
      Fetch{digest_of("model"), 1 << 20},
      Data{3 << 20, to_bytes("thirteen byte")},
      Update{7, digest_of("edge"), checksum(as_bytes("update")), 54'321, "float32", 600, 0.693, 0.875, 1.5, 0.01, 0.02,
             123 << 20, true},
      Verdict{7, false, "wrong shape"},
      RoundClosed{7, "the goal was reached"},
      Wait{12.5, "not selected"},
      Ping{99},
      Pong{100},
      Goodbye{"shutting down", 5.5},
      Proceed{7, 12'345},
  };
}

// A frame's payload at the start of a buffer of its own, aligned as a channel's.
inline Bytes payload_of(ByteSpan frame) {
  return Bytes(frame.begin() + 4, frame.end());
}

// Equality field by field, written out here so that a field forgotten in frame.cpp shows.
inline auto fields(const Plan& m) {
  return std::tie(m.loss, m.learning_rate, m.learning_rate_decay, m.momentum, m.weight_decay, m.clip_norm,
                  m.proximal_mu, m.batch_size, m.max_steps, m.epochs, m.max_seconds, m.online, m.hedge_beta,
                  m.hedge_floor, m.quantized_bits, m.quantized_levels, m.quantized_block, m.pruned);
}
inline auto fields(const Hello& m) {
  return std::tie(m.protocol, m.software, m.encodings, m.held, m.examples, m.differences);
}
inline auto fields(const Welcome& m) {
  return std::tie(m.federation, m.run, m.ping_seconds);
}
inline bool operator==(const DeltaOffer& a, const DeltaOffer& b) {
  return std::tie(a.base, a.delta, a.delta_bytes) == std::tie(b.base, b.delta, b.delta_bytes);
}
inline auto fields(const Offer& m) {
  return std::tuple_cat(
      std::tie(m.round, m.model, m.model_bytes, m.edge, m.edge_bytes, m.encoding, m.seed, m.deadline_seconds, m.delta),
      fields(m.plan));
}
inline auto fields(const Decline& m) {
  return std::tie(m.round, m.reason);
}
inline auto fields(const Fetch& m) {
  return std::tie(m.blob, m.offset);
}
inline auto fields(const Data& m) {
  return std::tie(m.offset, m.bytes);
}
inline auto fields(const Update& m) {
  return std::tie(m.round, m.edge, m.checksum, m.blob_bytes, m.encoding, m.examples, m.train_loss, m.train_accuracy,
                  m.train_seconds, m.decode_seconds, m.encode_seconds, m.peak_rss_bytes, m.awaits);
}
inline auto fields(const Verdict& m) {
  return std::tie(m.round, m.accepted, m.reason);
}
inline auto fields(const RoundClosed& m) {
  return std::tie(m.round, m.reason);
}
inline auto fields(const Wait& m) {
  return std::tie(m.seconds, m.reason);
}
inline auto fields(const Ping& m) {
  return std::tie(m.number);
}
inline auto fields(const Pong& m) {
  return std::tie(m.number);
}
inline auto fields(const Goodbye& m) {
  return std::tie(m.reason, m.retry_seconds);
}

inline auto fields(const Proceed& m) {
  return std::tie(m.round, m.offset);
}

inline bool same(const Message& a, const Message& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&b](const auto& left) { return fields(left) == fields(std::get<std::decay_t<decltype(left)>>(b)); }, a);
}

}  // namespace tributary::wire
