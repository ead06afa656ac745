#include "coordinator/settings.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/codec/edge_copy.h"
#include "common/codec/fixed_point.h"
#include "common/codec/update.h"
#include "common/options/data_keys.h"

namespace tributary::coordinator {

namespace {

using options::Keys;

constexpr double kMany = 1e9;
constexpr double kManyBytes = 1e15;
constexpr double kMaxHistory = 64;
// For ranges that are open above: [0, 1).
constexpr double kBelowOne = 0.999999;

constexpr const char* kShareKind = "all|fraction|count";
constexpr std::string_view kNoTarget = "none";

const std::vector<std::string>& target_metrics() {
  static const std::vector<std::string> names = {"edge.accuracy", "global.accuracy", "edge.loss", "global.loss"};
  return names;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : std::string(separator)) + part;
  return joined;
}

void bind_share(Keys& keys, std::string name, Share& share, std::string help) {
  keys.custom(
      std::move(name), kShareKind, [&share](std::string_view text) { share = Share::parse(trim(text)); },
      [&share] { return share.text(); }, std::move(help));
}

void set_metric(Target& target, std::string_view text) {
  const std::string metric(trim(text));
  const auto& names = target_metrics();
  if (metric != kNoTarget && std::find(names.begin(), names.end(), metric) == names.end()) {
    const auto meant = nearest(metric, names);
    fail(Error::Kind::Malformed, "must be one of " + join(names, ", ") + ", " + std::string(kNoTarget) +
                                     (meant ? " (is \"" + *meant + "\" meant?)" : ""));
  }
  target.metric = metric == kNoTarget ? "" : metric;
}

void set_bits(EdgePolicy& policy, std::string_view text) {
  const auto bits = parse_int(trim(text));
  if (bits != 8 && bits != 4 && bits != 2 && bits != 32) {
    fail(Error::Kind::Malformed, "must be 8, 4, 2 (ternary) or 32 (not quantised)");
  }
  policy.bits = static_cast<std::uint32_t>(*bits);
}

void set_block(EdgePolicy& policy, std::string_view text) {
  const auto block = parse_int(trim(text));
  const bool good =
      block && *block >= 0 && *block <= 1 << 15 && (*block == 0 || *block >= 64) && (*block & (*block - 1)) == 0;
  if (!good) fail(Error::Kind::Malformed, "must be 0 (a scale an output channel) or a power of two from 64 to 32768");
  policy.block = static_cast<std::uint32_t>(*block);
}

// "auto", or the encoding as it is written.
std::string encoding_of(std::string_view text) {
  return text == kAutoEncoding ? std::string(text) : codec::UpdateEncoding::parse(text).text();
}

void bind_run(Keys& keys, Settings& s) {
  keys.text("model", s.model,
            "the model to train: an .onnx file, or linear, 2nn, cnn, lenet, lenet5, mlp:IN-HIDDEN-...-OUT, "
            "resmlp:IN-UNITSxBLOCKS-OUT, resnet:CHANNELSxBLOCKS, odl:IN-UNITSxLAYERS-OUT");
  keys.count("rounds", s.rounds, {0, kMany}, "rounds until the run ends; 0 = until it is stopped");
  keys.count("seed", s.seed, {}, "of initial values, selection and the participants' random numbers");
  keys.custom(
      "target.metric", join(target_metrics(), "|") + "|none",
      [&target = s.target](std::string_view text) { set_metric(target, text); },
      [&target = s.target] { return target.metric.empty() ? std::string(kNoTarget) : target.metric; },
      "what ends the run early, measured on the evaluation data");
  keys.number("target.value", s.target.value, {0, kMany},
              "reached at or above it (an accuracy, 0 to 1), at or below it (a loss)");
}

void bind_round(Keys& keys, RoundPolicy& r) {
  bind_share(keys, "round.participants", r.participants,
             "participants, of those enrolled, that must be there before the first round starts");
  bind_share(keys, "round.cohort", r.cohort, "updates that a round wants, of the participants there");
  bind_share(keys, "round.quorum", r.quorum, "updates, of the cohort, below which a round is given up");
  keys.number("round.overselect", r.overselect, {1, 100},
              "participants asked for each update wanted, so that slow ones need not be waited for");
  keys.number("round.deadline_seconds", r.deadline_seconds, {0.01, kMany},
              "seconds after which a round ends with what has come");
  keys.number("round.grace_seconds", r.grace_seconds, {0, kMany},
              "seconds that a round with all its updates stays open for those who are nearly done");
  keys.number("round.min_interval_seconds", r.min_interval_seconds, {0, kMany},
              "seconds after an update that counts before its participant is asked again");
  keys.number("round.retry_seconds", r.retry_seconds, {0, kMany},
              "seconds, to twice as many, after which those who are not asked come back; 0 = they keep their lines");
  keys.number("round.return_seconds", r.return_seconds, {0, kMany},
              "seconds that a participant whose line was lost has to come back");
  keys.number("round.resume_seconds", r.resume_seconds, {0, kMany},
              "the same after the coordinator itself was started again");
  keys.number("round.rest_seconds", r.rest_seconds, {0, kMany},
              "seconds in which a participant that had no new examples is not asked again");
  keys.count("round.max_examples", r.max_examples, {1, kMany},
             "examples at most that one participant's update counts for");
}

void bind_edge(Keys& keys, EdgePolicy& e) {
  keys.custom(
      "edge.bits", "8|4|2|32", [&e](std::string_view text) { set_bits(e, text); },
      [&e] { return std::to_string(e.bits); },
      "bits of a weight in the edge copy: integers up to 127, 7 or 1 (2 = ternary); 32 = not quantised; edge.onnx "
      "holds "
      "the integers of 8, 4 and 2 bits as int8");
  keys.count("edge.levels", e.levels, {0, 127},
             "largest integer of a quantised weight; fewer make smaller and coarser copies; 0 = 16 of 8 bits, 7 of 4");
  keys.custom(
      "edge.block", "0|64|128|...|32768", [&e](std::string_view text) { set_block(e, text); },
      [&e] { return std::to_string(e.block); },
      "neighbouring weights that share a scale; 0 = those of an output channel");
  keys.flag("edge.feedback", e.feedback, "what rounding lost is added to the copies that follow");
  keys.number("edge.sparsity", e.sparsity, {0, kBelowOne},
              "share of the edge copy's weights that are zero, in the end");
  keys.number("edge.initial_sparsity", e.initial_sparsity, {0, kBelowOne},
              "share that is zero when the schedule begins");
  keys.count("edge.sparsity_begin", e.sparsity_begin, {0, kMany}, "round in which the sparsity begins to grow");
  keys.count("edge.sparsity_end", e.sparsity_end, {0, kMany},
             "round from which edge.sparsity holds; 0 = from the first copy on");
  keys.flag("edge.per_layer", e.per_layer, "prune every layer alike, instead of all weights by one threshold");
  keys.count(
      "edge.history", e.history, {0, kMaxHistory},
      "earlier edge copies kept, so that participants who hold one download only what changed; as many as half the "
      "model's bytes hold, or 16 MiB; 0 = none");
  keys.count("edge.file_every", e.file_every, {0, kMany},
             "rounds from one writing of edge.onnx, the edge copy as a model of its own, to the next; 0 = in the end");
}

void bind_update(Keys& keys, Settings& s) {
  keys.custom(
      "update.encoding", "float32|int8|int4|rotated:B|topk:P|ternary:P|auto",
      [&s](std::string_view text) { s.update_encoding = encoding_of(trim(text)); }, [&s] { return s.update_encoding; },
      "how participants write their updates; auto = the most exact way within update.budget_bytes");
  keys.count("update.budget_bytes", s.update_budget_bytes, {0, kManyBytes},
             "bytes that one update may take, on average, with update.encoding = auto");
  keys.number("update.max_norm", s.update_max_norm, {0, 1e30},
              "L2 norm above which an update is refused; 0 = no limit");
  keys.number("update.clip_norm", s.update_clip_norm, {0, 1e30},
              "L2 norm to which a longer update is scaled down; 0 = none is");
  keys.number("server.learning_rate", s.server.learning_rate, {1e-6, 1e3},
              "how far the global model follows the mean update");
  keys.number("server.momentum", s.server.momentum, {0, kBelowOne},
              "heavy-ball momentum on the mean update; 0 = FedAvg, above = FedAvgM");
}

void bind_training(Keys& keys, Settings& s) {
  wire::Plan& t = s.training;
  keys.choice("training.loss", t.loss, {"cross_entropy", "binary_cross_entropy", "mean_squared_error"},
              "what local training makes small");
  keys.number("training.learning_rate", t.learning_rate, {0, 1e6}, "step size of local training");
  keys.number("training.learning_rate_decay", t.learning_rate_decay, {1e-6, 1},
              "factor on the step size from one round to the next");
  keys.number("training.momentum", t.momentum, {0, kBelowOne}, "heavy-ball momentum, from 0 in every round");
  keys.number("training.weight_decay", t.weight_decay, {0, 1e6}, "L2 penalty added to the gradient");
  keys.number("training.clip_norm", t.clip_norm, {0, 1e30}, "L2 norm that a step's gradient is cut to; 0 = off");
  keys.number("training.proximal_mu", t.proximal_mu, {0, 1e6}, "FedProx: pull back to the model received; 0 = off");
  keys.count("training.batch_size", t.batch_size, {0, kMany}, "examples a step; 0 = all");
  keys.number("training.epochs", t.epochs, {1e-9, 1e6}, "passes over a participant's examples; may be a fraction");
  keys.count("training.max_steps", t.max_steps, {0, kMany}, "steps at most; 0 = no limit");
  keys.flag("training.online", t.online,
            "examples are a stream: learnt in their order, once, each a test before; a model of several exits (odl) by "
            "hedge backpropagation");
  keys.number("training.hedge_beta", t.hedge_beta, {1e-6, 1 - 1e-9},
              "online: factor on an exit's weight for each unit of its loss");
  keys.number("training.hedge_floor", t.hedge_floor, {0, 1}, "online: share that all exits keep together");
  keys.flag("training.quantization_aware", s.quantization_aware,
            "participants train through the rounding of the edge copies, so that the model learns to bear it");
  keys.number("training.max_seconds", t.max_seconds, {0, kMany},
              "seconds at most, after which a participant sends what it has; 0 = no limit");
}

void bind_distillation(Keys& keys, DistillationPolicy& d) {
  d.data.labelled = false;
  options::bind_data(keys, d.data, "distillation", "public examples to distil on, whose labels are not looked at");
  keys.flag("distillation.cohort", d.cohort,
            "FedDF: after averaging, the global model learns what the cohort's models answer together");
  keys.text(
      "distillation.student", d.student,
      "edge student, an .onnx file or as model: learns from the global model and is left as student.onnx; empty = "
      "none");
  keys.count("distillation.every", d.every, {1, kMany}, "rounds from one distillation to the next");
  keys.count("distillation.steps", d.steps, {1, kMany}, "steps of gradient descent of each, with momentum 0.9");
  keys.count("distillation.batch_size", d.batch_size, {1, kMany}, "public examples a step");
  keys.number("distillation.learning_rate", d.learning_rate, {0, 1e6}, "their step size");
  keys.number("distillation.temperature", d.temperature, {0.1, 1000}, "above 1: more of what is unlikely is learnt");
}

void bind_limits(Keys& keys, Limits& l) {
  keys.count("limits.connections", l.connections, {1, kMany},
             "connections at most; as many as open files allow when that is fewer");
  keys.count("limits.unauthenticated", l.unauthenticated, {1, kMany},
             "of them, those whose handshake is under way; one more ends the oldest");
  keys.number("limits.handshake_seconds", l.handshake_seconds, {0.1, 10},
              "seconds in which a connection must prove who it is");
  keys.number("limits.messages_per_second", l.messages_per_second, {1, kMany},
              "messages that a participant may send, on average, besides those of its rounds");
  keys.count("limits.message_burst", l.message_burst, {16, kMany}, "messages that it may send at once");
  keys.count("limits.key_updates", l.key_updates, {0, kMany}, "TLS key updates over the life of a connection");
  keys.number("limits.expelled_seconds", l.expelled_seconds, {0, kMany},
              "seconds in which a participant that broke the protocol is kept out");
  keys.number("limits.log_seconds", l.log_seconds, {0, kMany},
              "seconds from one line of the log about a peer's refusals of one kind to the next");
}

void bind_rest(Keys& keys, Settings& s) {
  options::bind_data(keys, s.evaluation, "evaluation", "held-out examples");
  keys.count("evaluation.every", s.evaluation_every, {1, kMany}, "rounds from one evaluation to the next");
  keys.text("listen.host", s.listen_host, "address to listen on; empty = the federation's host");
  keys.count("listen.port", s.listen_port, {0, 65535},
             "port to listen on; 0 = any free one; not given = the federation's");
  keys.number("session.ping_seconds", s.ping_seconds, {0.1, 3600}, "seconds of silence after which a line is tried");
  keys.flag("store.sync", s.store.sync,
            "acknowledge an update only when the disk has it; off: it survives the process, not the machine");
  keys.count("store.keep_rounds", s.store.keep_rounds, {0, kMany}, "ended rounds whose updates are kept on disk");
  keys.count("store.checkpoint_rounds", s.store.checkpoint_rounds, {1, kMany},
             "rounds at most from one saving of the models to the next; a start makes those since then again");
  keys.count("workers", s.workers, {0, 1024}, "threads that check, fold and encode; 0 = as many as cores");
}

// The rules of combinations. `shown` is how a key stands in their messages.
class Rules {
 public:
  Rules(const Settings& settings, const Keys& keys) : s_(settings), keys_(keys) {}

  void check_target() const {
    const Target& target = s_.target;
    if (target.metric.empty()) {
      if (keys_.was_set("target.value")) refuse(shown("target.value") + " needs target.metric: what is to reach it");
      return;
    }
    if (!keys_.was_set("target.value")) refuse(shown("target.metric") + " needs target.value: when it is reached");
    if (!names_evaluation()) {
      refuse(shown("target.metric") +
             " needs evaluation data: set evaluation.images and evaluation.labels, or "
             "evaluation.file");
    }
    if (!target.metric.ends_with(".accuracy")) return;
    if (s_.training.loss == "mean_squared_error") {
      refuse(shown("target.metric") + " does not go with " + shown("training.loss") +
             ", which knows no accuracy; aim at edge.loss or global.loss");
    }
    if (!(target.value > 0 && target.value <= 1)) {
      refuse(shown("target.value") + " is no accuracy: it must be above 0 and at most 1");
    }
  }

  void check_round() const {
    const RoundPolicy& r = s_.round;
    const auto quorum = r.quorum.number();
    const auto cohort = r.cohort.number();
    const auto participants = r.participants.number();
    if (quorum && cohort && *quorum > *cohort) {
      refuse(shown("round.quorum") + " is above " + shown("round.cohort") + ": every round would be given up");
    }
    if (quorum && participants && *quorum > *participants) {
      refuse(shown("round.quorum") + " is above " + shown("round.participants") +
             ": the first round would be given up; raise round.participants");
    }
    if (r.overselect > 1 && r.cohort.is_all()) {
      refuse(shown("round.overselect") + " does not go with " + shown("round.cohort") +
             ": there is nobody more to ask; lower round.cohort");
    }
    if (cohort && *cohort > codec::kMaxContributions) {
      refuse(shown("round.cohort") + " is more than the " + std::to_string(codec::kMaxContributions) +
             " updates that a round can sum");
    }
    if (r.retry_seconds > 0 && !cohort) {
      refuse(shown("round.retry_seconds") + " does not go with " + shown("round.cohort") +
             ": those who come back later are not there to be counted; give round.cohort as a number");
    }
    if (s_.training.max_seconds >= r.deadline_seconds) {
      refuse(shown("training.max_seconds") + " must be below " + shown("round.deadline_seconds") +
             ", so that updates have time to arrive");
    }
  }

  void check_edge() const {
    const EdgePolicy& e = s_.edge;
    if (s_.quantization_aware && e.bits == 32) {
      refuse(shown("training.quantization_aware") + " does not go with " + shown("edge.bits") +
             ", which rounds nothing; set edge.bits to 8, 4 or 2");
    }
    if (s_.quantization_aware && e.bits == 2 && (e.sparsity == 0 || (e.sparsity_end != 0 && e.initial_sparsity == 0))) {
      refuse(shown("training.quantization_aware") + " with " + shown("edge.bits") +
             " needs zeros from the start, which are one of its three values; set edge.sparsity, such as 0.4");
    }
    for (const char* key : {"edge.levels", "edge.block", "edge.feedback"}) {
      if (e.bits == 32 && keys_.was_set(key)) {
        refuse(shown(key) + " does not go with " + shown("edge.bits") + ", which has no integers; leave one out");
      }
    }
    if (e.bits != 32 && e.levels > codec::largest_integer(e.bits)) {
      refuse(shown("edge.levels") + " is more than " + shown("edge.bits") + " holds: at most " +
             std::to_string(codec::largest_integer(e.bits)));
    }
    if (e.sparsity_end == 0) {
      for (const char* key : {"edge.sparsity_begin", "edge.initial_sparsity"}) {
        if (keys_.was_set(key)) refuse(shown(key) + " needs edge.sparsity_end: the round in which the schedule ends");
      }
      return;
    }
    if (e.sparsity_begin > e.sparsity_end) {
      refuse(shown("edge.sparsity_begin") + " is after " + shown("edge.sparsity_end") +
             ": the schedule would end before it begins");
    }
    if (e.initial_sparsity > e.sparsity) {
      refuse(shown("edge.initial_sparsity") + " is above " + shown("edge.sparsity") + ": a schedule only prunes more");
    }
  }

  // A key about data that are not named would be passed over in silence.
  void check_evaluation() const {
    if (names_evaluation()) return;
    for (const options::KeyInfo& key : keys_.list()) {
      if (key.name.starts_with("evaluation.") && keys_.was_set(key.name)) {
        refuse(shown(key.name) +
               " needs evaluation data: set evaluation.images and evaluation.labels, or "
               "evaluation.file");
      }
    }
  }

  void check_distillation() const {
    const DistillationPolicy& d = s_.distillation;
    if (!options::names_data(keys_, "distillation")) {
      for (const options::KeyInfo& key : keys_.list()) {
        if (key.name.starts_with("distillation.") && keys_.was_set(key.name))
          refuse(shown(key.name) + " needs public data: set distillation.images, or distillation.file");
      }
      return;
    }
    if (!d.cohort && trim(d.student).empty())
      refuse("distillation.* names data and nobody who learns: set distillation.cohort = yes or distillation.student");
    if (s_.training.loss != "cross_entropy")
      refuse("distillation.* does not go with " + shown("training.loss") + ": it learns classes, of cross_entropy");
  }

  void check_model() const {
    if (trim(s_.model).empty()) refuse("model is empty: name an .onnx file or a model such as 2nn");
  }

  void check_update() const {
    const bool chosen = s_.update_encoding == kAutoEncoding;
    if (chosen && s_.update_budget_bytes == 0) {
      refuse(shown("update.encoding") + " needs update.budget_bytes: how long an update may be");
    }
    if (!chosen && s_.update_budget_bytes != 0) {
      refuse(shown("update.budget_bytes") + " does not go with " + shown("update.encoding") +
             ", which is as long as it is; set update.encoding = auto");
    }
    if (s_.update_max_norm > 0 && s_.update_clip_norm >= s_.update_max_norm) {
      refuse(shown("update.clip_norm") + " is not below " + shown("update.max_norm") +
             ", above which an update is refused: none would be scaled down");
    }
  }

 private:
  bool names_evaluation() const { return options::names_data(keys_, "evaluation"); }
  std::string shown(std::string_view key) const { return std::string(key) + " = " + keys_.value(key); }
  [[noreturn]] static void refuse(const std::string& why) { fail(Error::Kind::Malformed, why); }

  const Settings& s_;
  const Keys& keys_;
};

}  // namespace

Settings::Settings() {
  training.loss = "cross_entropy";
  training.learning_rate = 0.1;
  training.batch_size = 10;
}

void bind(Keys& keys, Settings& settings) {
  bind_run(keys, settings);
  bind_round(keys, settings.round);
  bind_training(keys, settings);
  bind_edge(keys, settings.edge);
  bind_update(keys, settings);
  bind_limits(keys, settings.limits);
  bind_rest(keys, settings);
  bind_distillation(keys, settings.distillation);
}

bool may_change(std::string_view key) {
  constexpr std::string_view kNames[] = {"rounds",
                                         "round.participants",
                                         "round.deadline_seconds",
                                         "round.grace_seconds",
                                         "round.min_interval_seconds",
                                         "round.retry_seconds",
                                         "round.return_seconds",
                                         "round.resume_seconds",
                                         "edge.file_every",
                                         "workers"};
  constexpr std::string_view kGroups[] = {"target.", "evaluation.", "listen.", "session.",
                                          "store.",  "admin.",      "log.",    "limits."};
  return std::find(std::begin(kNames), std::end(kNames), key) != std::end(kNames) ||
         std::any_of(std::begin(kGroups), std::end(kGroups), [&](auto group) { return key.starts_with(group); });
}

void check(const Settings& settings, const Keys& keys) {
  const Rules rules(settings, keys);
  rules.check_model();
  rules.check_target();
  rules.check_round();
  rules.check_edge();
  rules.check_update();
  rules.check_evaluation();
  rules.check_distillation();
}

}  // namespace tributary::coordinator
