// common/wire/messages.h
//
// The protocol between coordinator and participant as plain structs. schemas/federation.capnp is the specification;
// frame.h turns these into frames and back. Values without threads.
//
// Life of a session (P participant, C coordinator; TLS has proven both names):
//   P: Hello                      C: Welcome | Goodbye
//   then, any number of times:
//   C: Offer                      P: Fetch (blobs it does not hold: the model, the edge copy or its difference)
//   C: Data...                    P: Decline | (trains) Update, Data...
//   C: Proceed                    (from where on, to an Update that awaits it)
//   C: Verdict                    (accepted, or refused with a reason; the participant keeps or drops its residual)
//   C: RoundClosed                at any time after Offer: stop working on this round
//   C: Wait                       nothing now: come back, or keep the line open, for that long
//   either: Ping -> Pong, Goodbye
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/checksum.h"
#include "common/base/digest.h"

namespace tributary::wire {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::uint32_t kMaxChunkBytes = 1u << 20;

struct Hello {
  std::uint32_t protocol = kProtocolVersion;
  std::string software;                // "tributary 0.1.0"
  std::vector<std::string> encodings;  // update encodings that the participant can write
  std::vector<Digest> held;            // blobs that it still holds (model, edge copies), newest first, at most 8
  std::uint64_t examples = 0;          // how many it has now; a hint, 0 = unknown
  bool differences = false;            // can make an edge copy of a difference to one that it holds
};

struct Welcome {
  std::string federation;    // for the log
  std::string run;           // name of this run: 32 hexadecimal characters
  double ping_seconds = 20;  // send a Ping when silent for so long
};

// What the participant is asked to do with the model. Mirrors learn::TrainingPlan; numbers re-checked on arrival.
struct Plan {
  std::string loss;
  double learning_rate = 0, learning_rate_decay = 1, momentum = 0, weight_decay = 0, clip_norm = 0, proximal_mu = 0;
  std::uint32_t batch_size = 0, max_steps = 0;
  double epochs = 1, max_seconds = 0;
  bool online = false;  // in the order of time, once
  double hedge_beta = 0.95, hedge_floor = 0.2;
  // Training through the rounding of edge copies (codec/edge_rounding.h): their bits; 0 = plain training.
  std::uint32_t quantized_bits = 0, quantized_levels = 0, quantized_block = 0;
  bool pruned = false;  // with quantized_bits: what is zero in the edge copy counts as zero
};

// A way to an edge copy for those who hold `base`.
struct DeltaOffer {
  Digest base;   // an earlier edge copy
  Digest delta;  // blob: codec/edge_delta.h
  std::uint64_t delta_bytes = 0;
};

struct Offer {
  std::uint64_t round = 0;
  Digest model;  // blob: the graph without its values (model/skeleton.h)
  std::uint64_t model_bytes = 0;
  Digest edge;  // blob: the edge copy
  std::uint64_t edge_bytes = 0;
  std::string encoding;         // the update encoding asked for
  std::uint64_t seed = 0;       // of the run; streams are keyed by (seed, purpose, round, participant)
  double deadline_seconds = 0;  // from now
  Plan plan;
  std::optional<DeltaOffer> delta = std::nullopt;  // instead of the edge copy
};

// Why a participant declines that has nothing new to learn from; it is not asked again at once.
inline constexpr std::string_view kNoExamples = "no examples";

struct Decline {
  std::uint64_t round = 0;
  std::string reason;  // "no examples", ...
};

// Asks for a blob from `offset` on; answered by Data up to the blob's end.
struct Fetch {
  Digest blob;
  std::uint64_t offset = 0;
};

// A piece of the blob last asked for (downwards) or of the update announced (upwards). At most kMaxChunkBytes.
struct Data {
  std::uint64_t offset = 0;
  Bytes bytes;
};

// Announces an update; its bytes follow in Data from offset 0, or, when it awaits Proceed, from where that says.
struct Update {
  std::uint64_t round = 0;
  Digest edge;        // the edge copy it was trained from
  Checksum checksum;  // of the encoded update
  std::uint64_t blob_bytes = 0;
  std::string encoding;        // the encoding used (may fall back from the one asked)
  std::uint64_t examples = 0;  // training examples seen, without repetition: the client weight
  double train_loss = 0, train_accuracy = 0;
  double train_seconds = 0, decode_seconds = 0, encode_seconds = 0;
  std::uint64_t peak_rss_bytes = 0;  // of the participant's process
  bool awaits = false;               // announced (perhaps) before: no Data until Proceed
};

// Where the Data of the update announced begin.
struct Proceed {
  std::uint64_t round = 0;
  std::uint64_t offset = 0;
};

struct Verdict {
  std::uint64_t round = 0;
  bool accepted = false;
  std::string reason;  // empty when accepted
};

struct RoundClosed {
  std::uint64_t round = 0;
  std::string reason;
};

struct Wait {
  double seconds = 0;
  std::string reason;
};

struct Ping {
  std::uint64_t number = 0;
};
struct Pong {
  std::uint64_t number = 0;
};

// Last message of a session; the sender closes after it.
struct Goodbye {
  std::string reason;
  double retry_seconds = 0;  // 0 = do not come back
};

using Message = std::variant<Hello, Welcome, Offer, Decline, Fetch, Data, Update, Verdict, RoundClosed, Wait, Ping,
                             Pong, Goodbye, Proceed>;

// "Hello", "Offer", ...
std::string_view name_of(const Message& message);

}  // namespace tributary::wire
