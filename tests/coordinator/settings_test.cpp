#include "coordinator/settings.h"

#include <cctype>
#include <ostream>
#include <set>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/codec/edge_copy.h"

namespace tributary::coordinator {
namespace {

// Settings configured by words such as "round.cohort=10".
struct Configured {
  explicit Configured(std::string_view words = "") {
    bind(keys, settings);
    for (const std::string_view word : split(words, ' ')) {
      if (word.empty()) continue;
      const auto equals = word.find('=');
      keys.set(word.substr(0, equals), word.substr(equals + 1), "--set");
    }
    check(settings, keys);
  }

  Settings settings;
  options::Keys keys;
};

std::string complaint_about(const std::string& words) {
  try {
    const Configured configured(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::Malformed);
    return error.what();
  }
  return "no complaint";
}

struct Complaint {
  std::string configuration;
  std::string message;
};

void PrintTo(const Complaint& complaint, std::ostream* out) {
  *out << complaint.configuration;
}

class BadValue : public ::testing::TestWithParam<Complaint> {};
class BadCombination : public ::testing::TestWithParam<Complaint> {};

// ctest shows the configuration in the name of the case.
std::string case_name(const ::testing::TestParamInfo<Complaint>& info) {
  std::string name = std::to_string(info.index) + "_";
  for (const char c : info.param.configuration.substr(0, 60)) name += std::isalnum(c) != 0 ? c : '_';
  return name;
}

TEST_P(BadValue, IsRefusedWithWhatIsAllowed) {
  EXPECT_EQ(complaint_about(GetParam().configuration), GetParam().message);
}

const char* const kShares = "must be all, a fraction above 0 and up to 1.0 (0.1), or a number of participants (10)";

INSTANTIATE_TEST_SUITE_P(
    Settings, BadValue,
    ::testing::Values(
        Complaint{"rounds=-1", "--set: rounds = \"-1\": must be a whole number from 0 to 1000000000"},
        Complaint{"rounds=ten", "--set: rounds = \"ten\": must be a whole number from 0 to 1000000000"},
        Complaint{"round.cohrt=3", "--set: unknown key \"round.cohrt\": is \"round.cohort\" meant?"},
        Complaint{"round.cohort=0", std::string("--set: round.cohort = \"0\": ") + kShares},
        Complaint{"round.cohort=1.5", std::string("--set: round.cohort = \"1.5\": ") + kShares},
        Complaint{"round.quorum=half", std::string("--set: round.quorum = \"half\": ") + kShares},
        Complaint{"round.participants=", std::string("--set: round.participants = \"\": ") + kShares},
        Complaint{"round.overselect=0.9", "--set: round.overselect = \"0.9\": must be a number from 1 to 100"},
        Complaint{"round.deadline_seconds=0",
                  "--set: round.deadline_seconds = \"0\": must be a number from 0.01 to 1000000000"},
        Complaint{"round.return_seconds=-1",
                  "--set: round.return_seconds = \"-1\": must be a number from 0 to 1000000000"},
        Complaint{"round.max_examples=0",
                  "--set: round.max_examples = \"0\": must be a whole number from 1 to 1000000000"},
        Complaint{"edge.bits=3", "--set: edge.bits = \"3\": must be 8, 4, 2 (ternary) or 32 (not quantised)"},
        Complaint{"edge.levels=128", "--set: edge.levels = \"128\": must be a whole number from 0 to 127"},
        Complaint{
            "edge.block=100",
            "--set: edge.block = \"100\": must be 0 (a scale an output channel) or a power of two from 64 to 32768"},
        Complaint{"edge.block=65536",
                  "--set: edge.block = \"65536\": must be 0 (a scale an output channel) or a power of two from 64 to "
                  "32768"},
        Complaint{"edge.feedback=2", "--set: edge.feedback = \"2\": must be yes or no"},
        Complaint{"update.clip_norm=-1", "--set: update.clip_norm = \"-1\": must be a number from 0 to 1e+30"},
        Complaint{"edge.sparsity=1", "--set: edge.sparsity = \"1\": must be a number from 0 to 0.999999"},
        Complaint{"edge.per_layer=maybe", "--set: edge.per_layer = \"maybe\": must be yes or no"},
        Complaint{"update.encoding=int9",
                  "--set: update.encoding = \"int9\": must be one of float32, int8, int4, rotated:B, topk:P, ternary:P "
                  "(is \"int8\" meant?)"},
        Complaint{"update.max_norm=-3", "--set: update.max_norm = \"-3\": must be a number from 0 to 1e+30"},
        Complaint{"server.learning_rate=0", "--set: server.learning_rate = \"0\": must be a number from 1e-06 to 1000"},
        Complaint{"server.momentum=1", "--set: server.momentum = \"1\": must be a number from 0 to 0.999999"},
        Complaint{"target.metric=edge.acuracy",
                  "--set: target.metric = \"edge.acuracy\": must be one of edge.accuracy, global.accuracy, edge.loss, "
                  "global.loss, none (is \"edge.accuracy\" meant?)"},
        Complaint{"target.value=nan", "--set: target.value = \"nan\": must be a number from 0 to 1000000000"},
        Complaint{"training.loss=hinge",
                  "--set: training.loss = \"hinge\": must be one of cross_entropy, "
                  "binary_cross_entropy, mean_squared_error"},
        Complaint{"training.learning_rate_decay=2",
                  "--set: training.learning_rate_decay = \"2\": must be a number from 1e-06 to 1"},
        Complaint{"training.epochs=0", "--set: training.epochs = \"0\": must be a number from 1e-09 to 1000000"},
        Complaint{"evaluation.every=0", "--set: evaluation.every = \"0\": must be a whole number from 1 to 1000000000"},
        Complaint{"distillation.temperature=0",
                  "--set: distillation.temperature = \"0\": must be a number from 0.1 to 1000"},
        Complaint{"distillation.every=0",
                  "--set: distillation.every = \"0\": must be a whole number from 1 to 1000000000"},
        Complaint{"listen.port=65536", "--set: listen.port = \"65536\": must be a whole number from 0 to 65535"},
        Complaint{"session.ping_seconds=0", "--set: session.ping_seconds = \"0\": must be a number from 0.1 to 3600"},
        Complaint{"workers=-2", "--set: workers = \"-2\": must be a whole number from 0 to 1024"}),
    case_name);

TEST_P(BadCombination, IsRefusedNamingTheKeys) {
  EXPECT_EQ(complaint_about(GetParam().configuration), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Settings, BadCombination,
    ::testing::Values(
        Complaint{"model=", "model is empty: name an .onnx file or a model such as 2nn"},
        Complaint{"target.value=0.9", "target.value = 0.9 needs target.metric: what is to reach it"},
        Complaint{"target.metric=edge.accuracy evaluation.file=t.csv",
                  "target.metric = edge.accuracy needs target.value: when it is reached"},
        Complaint{"target.metric=edge.accuracy target.value=0.9",
                  "target.metric = edge.accuracy needs evaluation data: set evaluation.images and evaluation.labels, "
                  "or evaluation.file"},
        Complaint{"target.metric=edge.accuracy target.value=97 evaluation.file=t.csv",
                  "target.value = 97 is no accuracy: it must be above 0 and at most 1"},
        Complaint{"target.metric=global.accuracy target.value=0 evaluation.file=t.csv",
                  "target.value = 0 is no accuracy: it must be above 0 and at most 1"},
        Complaint{"target.metric=edge.accuracy target.value=0.9 evaluation.file=t.csv training.loss=mean_squared_error",
                  "target.metric = edge.accuracy does not go with training.loss = mean_squared_error, which knows no "
                  "accuracy; aim at edge.loss or global.loss"},
        Complaint{"round.cohort=10 round.quorum=12",
                  "round.quorum = 12 is above round.cohort = 10: every round would be given up"},
        Complaint{"round.participants=3 round.quorum=5",
                  "round.quorum = 5 is above round.participants = 3: the first round would be given up; raise "
                  "round.participants"},
        Complaint{"round.quorum=2",
                  "round.quorum = 2 is above round.participants = 1: the first round would be given "
                  "up; raise round.participants"},
        Complaint{"round.overselect=1.3",
                  "round.overselect = 1.3 does not go with round.cohort = all: there is nobody "
                  "more to ask; lower round.cohort"},
        Complaint{"round.cohort=1.0 round.overselect=2",
                  "round.overselect = 2 does not go with round.cohort = 1.0: there is nobody more to ask; lower "
                  "round.cohort"},
        Complaint{"round.cohort=20000", "round.cohort = 20000 is more than the 16383 updates that a round can sum"},
        Complaint{"training.max_seconds=600",
                  "training.max_seconds = 600 must be below round.deadline_seconds = 600, so that updates have time "
                  "to arrive"},
        Complaint{"edge.bits=32 edge.levels=50",
                  "edge.levels = 50 does not go with edge.bits = 32, which has no integers; leave one out"},
        Complaint{"edge.bits=32 edge.block=64",
                  "edge.block = 64 does not go with edge.bits = 32, which has no integers; leave one out"},
        Complaint{"edge.bits=32 edge.feedback=no",
                  "edge.feedback = no does not go with edge.bits = 32, which has no integers; leave one out"},
        Complaint{"edge.bits=4 edge.levels=8", "edge.levels = 8 is more than edge.bits = 4 holds: at most 7"},
        Complaint{"edge.bits=2 edge.levels=2", "edge.levels = 2 is more than edge.bits = 2 holds: at most 1"},
        Complaint{"update.encoding=auto",
                  "update.encoding = auto needs update.budget_bytes: how long an update may be"},
        Complaint{"update.encoding=int4 update.budget_bytes=10000",
                  "update.budget_bytes = 10000 does not go with update.encoding = int4, which is as long as it is; set "
                  "update.encoding = auto"},
        Complaint{"update.clip_norm=5 update.max_norm=5",
                  "update.clip_norm = 5 is not below update.max_norm = 5, above which an update is refused: none would "
                  "be scaled down"},
        Complaint{"edge.sparsity_begin=3",
                  "edge.sparsity_begin = 3 needs edge.sparsity_end: the round in which the "
                  "schedule ends"},
        Complaint{"edge.initial_sparsity=0.1",
                  "edge.initial_sparsity = 0.1 needs edge.sparsity_end: the round in "
                  "which the schedule ends"},
        Complaint{"edge.sparsity_begin=9 edge.sparsity_end=5",
                  "edge.sparsity_begin = 9 is after edge.sparsity_end = 5: the schedule would end before it begins"},
        Complaint{"edge.initial_sparsity=0.7 edge.sparsity_end=5",
                  "edge.initial_sparsity = 0.7 is above edge.sparsity = 0.5: a schedule only prunes more"},
        Complaint{"training.quantization_aware=yes edge.bits=32",
                  "training.quantization_aware = yes does not go with edge.bits = 32, which rounds nothing; set "
                  "edge.bits to 8, 4 or 2"},
        Complaint{
            "training.quantization_aware=yes edge.bits=2 edge.sparsity=0",
            "training.quantization_aware = yes with edge.bits = 2 needs zeros from the start, which are one of its "
            "three values; set edge.sparsity, such as 0.4"},
        Complaint{"distillation.cohort=yes",
                  "distillation.cohort = yes needs public data: set distillation.images, or distillation.file"},
        Complaint{"distillation.student=linear",
                  "distillation.student = linear needs public data: set distillation.images, or distillation.file"},
        Complaint{"distillation.images=t10k.gz",
                  "distillation.* names data and nobody who learns: set distillation.cohort = yes or "
                  "distillation.student"},
        Complaint{"distillation.file=t.csv distillation.cohort=yes training.loss=mean_squared_error",
                  "distillation.* does not go with training.loss = mean_squared_error: it learns classes, of "
                  "cross_entropy"},
        Complaint{"evaluation.every=5",
                  "evaluation.every = 5 needs evaluation data: set evaluation.images and "
                  "evaluation.labels, or evaluation.file"},
        Complaint{"evaluation.labels=t10k.gz",
                  "evaluation.labels = t10k.gz needs evaluation data: set "
                  "evaluation.images and evaluation.labels, or evaluation.file"}),
    case_name);

TEST(Settings, TheDefaultsGoTogether) {
  const Configured defaults;
  EXPECT_EQ(defaults.settings.training.loss, "cross_entropy");
  EXPECT_EQ(defaults.settings.training.epochs, 1);
  EXPECT_GT(defaults.settings.training.learning_rate, 0);
  EXPECT_EQ(defaults.settings.round.cohort.of(100), 100U);
  EXPECT_EQ(defaults.settings.round.quorum.of(100), 50U);
}

TEST(Settings, AWholeConfigurationIsTaken) {
  const Configured fleet(
      "model=cnn rounds=0 seed=7 target.metric=edge.accuracy target.value=0.97 round.participants=100 "
      "round.cohort=0.1 round.quorum=5 round.overselect=1.3 round.deadline_seconds=120 round.return_seconds=2.5 "
      "round.max_examples=600 edge.bits=8 edge.levels=127 edge.sparsity=0.8 edge.initial_sparsity=0.2 "
      "edge.sparsity_begin=5 edge.sparsity_end=50 edge.per_layer=no edge.history=7 edge.block=128 edge.feedback=no "
      "update.encoding=float32 "
      "update.max_norm=25 update.clip_norm=2.5 "
      "server.learning_rate=0.5 server.momentum=0.9 training.loss=cross_entropy training.learning_rate=0.05 "
      "training.learning_rate_decay=0.99 training.momentum=0.5 training.weight_decay=0.0001 training.clip_norm=10 "
      "training.proximal_mu=0.01 training.batch_size=32 training.epochs=2.5 training.max_steps=1000 "
      "training.max_seconds=60 evaluation.images=i.gz evaluation.labels=l.gz evaluation.every=2 listen.host=127.0.0.2 "
      "listen.port=7443 session.ping_seconds=5 workers=2");
  const Settings& s = fleet.settings;
  EXPECT_EQ(s.model, "cnn");
  EXPECT_EQ(s.rounds, 0U);
  EXPECT_EQ(s.seed, 7U);
  EXPECT_EQ(s.target.metric, "edge.accuracy");
  EXPECT_EQ(s.target.value, 0.97);
  EXPECT_EQ(s.round.participants.of(1000), 100U);
  EXPECT_EQ(s.round.cohort.of(100), 10U);
  EXPECT_EQ(s.round.quorum.of(10), 5U);
  EXPECT_EQ(s.round.overselect, 1.3);
  EXPECT_EQ(s.round.deadline_seconds, 120);
  EXPECT_EQ(s.round.return_seconds, 2.5);
  EXPECT_EQ(s.round.max_examples, 600U);
  EXPECT_EQ(s.edge.bits, 8U);
  EXPECT_EQ(s.edge.levels, 127U);
  EXPECT_EQ(s.edge.sparsity, 0.8);
  EXPECT_EQ(s.edge.initial_sparsity, 0.2);
  EXPECT_EQ(s.edge.sparsity_begin, 5U);
  EXPECT_EQ(s.edge.sparsity_end, 50U);
  EXPECT_FALSE(s.edge.per_layer);
  EXPECT_EQ(s.edge.history, 7U);
  EXPECT_EQ(s.update_encoding, "float32");
  EXPECT_EQ(s.update_max_norm, 25);
  EXPECT_EQ(s.update_clip_norm, 2.5);
  EXPECT_EQ(s.edge.block, 128U);
  EXPECT_FALSE(s.edge.feedback);
  const Settings chosen = Configured("update.encoding=auto update.budget_bytes=20000").settings;
  EXPECT_EQ(chosen.update_encoding, "auto");
  EXPECT_EQ(chosen.update_budget_bytes, 20'000U);
  EXPECT_EQ(s.server.learning_rate, 0.5);
  EXPECT_EQ(s.server.momentum, 0.9);
  EXPECT_EQ(s.training.learning_rate, 0.05);
  EXPECT_EQ(s.training.learning_rate_decay, 0.99);
  EXPECT_EQ(s.training.momentum, 0.5);
  EXPECT_EQ(s.training.weight_decay, 0.0001);
  EXPECT_EQ(s.training.clip_norm, 10);
  EXPECT_EQ(s.training.proximal_mu, 0.01);
  EXPECT_EQ(s.training.batch_size, 32U);
  EXPECT_EQ(s.training.epochs, 2.5);
  EXPECT_EQ(s.training.max_steps, 1000U);
  EXPECT_EQ(s.training.max_seconds, 60);
  EXPECT_EQ(s.evaluation.images, "i.gz");
  EXPECT_EQ(s.evaluation_every, 2U);
  EXPECT_EQ(s.listen_host, "127.0.0.2");
  EXPECT_EQ(s.listen_port, 7443U);
  EXPECT_EQ(s.ping_seconds, 5);
  EXPECT_EQ(s.workers, 2U);
}

// What a report writes down can be given back as it stands.
TEST(Settings, EveryKeyTakesTheValueThatItShows) {
  Configured first("round.cohort=0.1 edge.bits=32 target.metric=edge.loss target.value=0.1 evaluation.file=t.csv");
  Configured second;
  for (const auto& key : first.keys.list()) second.keys.set(key.name, first.keys.value(key.name), "report");
  for (const auto& key : first.keys.list()) EXPECT_EQ(second.keys.value(key.name), first.keys.value(key.name));
}

TEST(Settings, TheTargetCanBeTakenBack) {
  const Configured configured("target.metric=edge.loss target.metric=none");
  EXPECT_EQ(configured.settings.target.metric, "");
}

TEST(Settings, EveryKeySaysWhatItIsFor) {
  const Configured configured;
  std::set<std::string> helps;
  for (const auto& key : configured.keys.list()) {
    EXPECT_GT(key.help.size(), 12U) << key.name;
    EXPECT_NE(key.help.back(), '.') << key.name;
    const std::string group = key.name.substr(0, key.name.find('.'));  // two may be of the same kind: data
    EXPECT_TRUE(helps.insert(group + key.help).second) << key.name << " has another key's help";
  }
}

// What a key takes, the edge copy's encoder takes too: a run does not fail in its first round.
TEST(Settings, TheRangesOfTheEdgeKeysAreThoseOfItsEncoder) {
  for (const char* words : {"edge.sparsity=0 edge.levels=1", "edge.sparsity=0.999999 edge.levels=127", "edge.bits=32",
                            "edge.bits=4 edge.block=64", "edge.bits=2 edge.block=32768", "edge.bits=4 edge.levels=7"}) {
    const EdgePolicy edge = Configured(words).settings.edge;
    EXPECT_NO_THROW(
        codec::check({.bits = edge.bits, .sparsity = edge.sparsity, .levels = edge.levels, .block = edge.block}))
        << words;
  }
}

}  // namespace
}  // namespace tributary::coordinator
