// coordinator/settings.h
//
// What a coordinator is configured with: plain values with defaults, bound to the configuration keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/data/source.h"
#include "common/options/keys.h"
#include "common/wire/messages.h"
#include "coordinator/limits.h"

namespace tributary::coordinator {

// "all", a fraction of those there ("0.1": has a point), or a number of participants ("10").
class Share {
 public:
  Share() = default;  // all
  // Throws Malformed: none of the three, a fraction outside (0, 1], the number 0.
  static Share parse(std::string_view text);
  std::string text() const;
  // Of `total`: a fraction is rounded to nearest, at least 1; a number stays what it is, also above `total`.
  std::uint32_t of(std::uint32_t total) const;
  bool is_all() const;  // "all" and "1.0"
  // When it is a number of participants.
  std::optional<std::uint32_t> number() const;

 private:
  std::variant<std::monostate, double, std::uint32_t> value_;
};

struct RoundPolicy {
  Share participants = Share::parse("1");  // round.participants: how many must be there before the first round starts
  Share cohort;                            // round.cohort: updates that a round wants, of the participants there
  Share quorum = Share::parse("0.5");      // round.quorum: updates, of the cohort, without which a round is aborted
  double overselect = 1.0;                 // round.overselect: asked = cohort * overselect, rounded up; >= 1
  double deadline_seconds = 600;           // round.deadline_seconds: after that a round ends with what came
  double grace_seconds = 0;                // round.grace_seconds: how long a complete round stays open
  double min_interval_seconds = 0;         // round.min_interval_seconds: from an update that counts to the next offer
  double retry_seconds = 0;                // round.retry_seconds: when those not asked come back; 0 = they stay
  double return_seconds = 5;               // round.return_seconds: how long one that lost its line may take to be back
  double resume_seconds = 60;              // round.resume_seconds: the same after the coordinator was started again
  double rest_seconds = 1;                 // round.rest_seconds: not asked again so soon after "no examples"
  std::uint64_t max_examples = 1u << 20;   // round.max_examples: cap on what one participant's update weighs
};

struct EdgePolicy {
  std::uint32_t bits = 8;            // edge.bits: 8, 4, 2 or 32
  std::uint32_t levels = 0;          // edge.levels: 0 = as many as codec::levels_of says
  std::uint32_t block = 0;           // edge.block: weights that share a scale; 0 = an output channel's
  bool feedback = true;              // edge.feedback: what rounding lost is in the copies that follow
  double sparsity = 0.5;             // edge.sparsity: final
  double initial_sparsity = 0.0;     // edge.initial_sparsity: of the first copy, when the schedule has rounds
  std::uint64_t sparsity_begin = 0;  // edge.sparsity_begin: round in which the cubic schedule begins
  std::uint64_t sparsity_end = 0;    // edge.sparsity_end: round from which `sparsity` holds; 0 = from the start
  bool per_layer = true;             // edge.per_layer
  std::uint32_t history = 16;        // edge.history: earlier copies kept, to send differences to them; 0 = none
  std::uint64_t file_every = 0;      // edge.file_every: rounds from one edge.onnx to the next; 0 = only in the end
};

struct ServerRule {
  double learning_rate = 1.0;  // server.learning_rate
  double momentum = 0.0;       // server.momentum: heavy ball on the aggregated update, [0, 1)
};

inline constexpr std::string_view kAutoEncoding = "auto";

// What ends a run before its rounds are over.
struct Target {
  std::string metric;  // target.metric: "", "edge.accuracy", "global.accuracy", "edge.loss", "global.loss"
  double value = 0;    // target.value: reached at or above (accuracy), at or below (loss)
};

// What the coordinator teaches on public data that need no labels (coordinator/distiller.h).
struct DistillationPolicy {
  data::DataSource data;          // distillation.images and so on
  bool cohort = false;            // distillation.cohort: the cohort's models teach the global model (FedDF)
  std::string student;            // distillation.student: edge student, learns from the global model; empty = none
  std::uint64_t every = 1;        // distillation.every: rounds from one to the next
  std::uint32_t steps = 100;      // distillation.steps: of each
  std::uint32_t batch_size = 64;  // distillation.batch_size
  double learning_rate = 0.01;    // distillation.learning_rate; the momentum is 0.9
  double temperature = 1;         // distillation.temperature

  bool is_due(std::uint64_t round) const { return round % (every == 0 ? 1 : every) == 0; }
};

struct StorePolicy {
  bool sync = true;                      // store.sync: updates are acknowledged when the disk has them
  std::uint64_t keep_rounds = 1;         // store.keep_rounds: ended rounds whose updates are kept
  std::uint64_t checkpoint_rounds = 16;  // store.checkpoint_rounds: rounds from one saving of the models to the next
};

struct Settings {
  std::string federation;     // name, for the log; from the folder, no key
  std::string model = "2nn";  // model: zoo specification or ONNX file
  std::uint64_t rounds = 10;  // rounds: 0 = for ever
  std::uint64_t seed = 1;     // seed
  Target target;
  RoundPolicy round;
  EdgePolicy edge;
  std::string update_encoding = "int8";   // update.encoding; "auto" = what update_budget_bytes allows
  std::uint64_t update_budget_bytes = 0;  // update.budget_bytes: of one update, with "auto"
  double update_max_norm = 0;             // update.max_norm: L2 norm from which an update is refused; 0 = no limit
  double update_clip_norm = 0;  // update.clip_norm: L2 norm to which a longer update is scaled down; 0 = to none
  ServerRule server;
  wire::Plan training;                 // training.*; what it says of quantisation is the edge copies'
  bool quantization_aware = false;     // training.quantization_aware
  data::DataSource evaluation;         // evaluation.*
  std::uint64_t evaluation_every = 1;  // evaluation.every: rounds
  DistillationPolicy distillation;
  std::string listen_host;        // listen.host: address to listen on; empty = federation's host
  std::uint32_t listen_port = 0;  // listen.port; with listen.port given, 0 = any free one
  double ping_seconds = 20;       // session.ping_seconds
  Limits limits;                  // limits.*
  StorePolicy store;
  std::uint32_t workers = 0;  // workers: threads that check, fold and encode; 0 = as many as cores

  Settings();
};

void bind(options::Keys& keys, Settings& settings);

// Keys that a run may go on with when they have changed: none of them changes what a round's updates make of the model.
bool may_change(std::string_view key);

// What no single key can say: throws Malformed naming the keys that do not go together (target without evaluation data,
// sparsity schedule that ends before it begins, quorum above cohort, unknown update encoding, ...).
void check(const Settings& settings, const options::Keys& keys);

}  // namespace tributary::coordinator
