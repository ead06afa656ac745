#include "coordinator/distillation.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/learn/backprop.h"
#include "common/learn/network.h"
#include "common/learn/sgd.h"
#include "common/learn/soft_targets.h"

namespace tributary::coordinator {

namespace {

using model::ParameterSet;

constexpr std::size_t kRowsAtATime = 256;
constexpr double kMomentum = 0.9;
constexpr const char* kRound = "tributary.round";

// `graph` with its scores, what a softmax takes, as its output.
model::Graph scoring(const model::Graph& graph) {
  model::Graph made = graph;
  made.outputs.front().name = learn::scores_of(graph);
  return made;
}

// Public examples, some of which a round looks at, always in the same order.
class Lessons {
 public:
  Lessons(data::View examples, const DistillationPolicy& policy)
      : examples_(std::move(examples)), batch_(std::min(policy.batch_size, examples_.size())), steps_(policy.steps) {}

  std::vector<std::uint32_t> draw(RandomStream& random) const {
    std::vector<std::uint32_t> drawn = random.permutation(examples_.size());
    drawn.resize(std::min<std::size_t>(drawn.size(), std::size_t{batch_} * steps_));
    for (auto& index : drawn) index = examples_.indices[index];
    return drawn;
  }
  std::span<const float> read(std::span<const std::uint32_t> indices) {
    const data::Dataset& dataset = *examples_.dataset;
    features_.resize(indices.size() * dataset.feature_size());
    labels_.resize(indices.size() * dataset.label_size());
    dataset.read(indices, features_, labels_);
    return features_;
  }
  std::uint32_t batch() const { return batch_; }
  std::uint32_t steps() const { return steps_; }
  std::uint32_t first() const { return examples_.indices.front(); }

 private:
  data::View examples_;
  std::uint32_t batch_, steps_;
  std::vector<float> features_, labels_;
};

// Answers, and learns to answer.
class Pupil {
 public:
  explicit Pupil(const model::Graph& graph)
      : network_(learn::Network::compile(scoring(graph))),
        backprop_(learn::Backprop::compile(graph, {learn::scores_of(graph)})) {}

  std::vector<float> scores(const ParameterSet& parameters, std::span<const float> features, std::size_t examples) {
    return network_->predict(parameters, features, examples).values;
  }
  // Adds the scores of all the rows to `sums`, which grows to hold them.
  void add_scores(const ParameterSet& parameters, Lessons& lessons, std::span<const std::uint32_t> rows,
                  std::vector<double>& sums) {
    for (std::size_t at = 0; at < rows.size(); at += kRowsAtATime) {
      const auto some = rows.subspan(at, std::min(kRowsAtATime, rows.size() - at));
      const std::vector<float> found = scores(parameters, lessons.read(some), some.size());
      const std::size_t width = found.size() / some.size();
      sums.resize(rows.size() * width);
      for (std::size_t i = 0; i < found.size(); ++i) sums[at * width + i] += double{found[i]};
    }
  }

  // False when it diverges: the parameters are of no use then.
  bool learn(ParameterSet& parameters, Lessons& lessons, std::span<const std::uint32_t> rows,
             std::span<const float> targets, const DistillationPolicy& policy, RandomStream& random) {
    learn::Sgd sgd(parameters, {.learning_rate = policy.learning_rate, .momentum = kMomentum});
    std::vector<float> gradient(parameters.values().size());
    const std::size_t width = targets.size() / rows.size();
    std::size_t at = 0;
    for (std::uint32_t step = 0; step < lessons.steps(); ++step) {
      if (at == rows.size()) at = 0;
      const std::size_t count = std::min<std::size_t>(lessons.batch(), rows.size() - at);
      double loss = 0;
      backprop_->gradient(
          parameters, lessons.read(rows.subspan(at, count)), count,
          [&](std::vector<learn::Tap>& taps) {
            loss = learn::soft_loss(taps[0].rows, targets.subspan(at * width, count * width), width, policy.temperature,
                                    taps[0].slopes);
          },
          random, gradient);
      if (!std::isfinite(loss) || !sgd.step(parameters.values(), gradient)) return false;
      at += count;
    }
    return true;
  }

 private:
  std::unique_ptr<learn::Network> network_;
  std::unique_ptr<learn::Backprop> backprop_;
};

std::vector<float> targets_of(const std::vector<double>& sums, std::size_t teachers, std::size_t rows,
                              double temperature) {
  std::vector<float> targets(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i)
    targets[i] = static_cast<float>(sums[i] / static_cast<double>(teachers));
  learn::soften(targets, sums.size() / rows, temperature, targets);
  return targets;
}

class Distillation final : public Distiller {
 public:
  Distillation(const model::Graph& graph, data::View examples, const DistillationPolicy& policy, std::uint64_t seed,
               Files& files, std::unique_ptr<StudentPlace> student)
      : policy_(policy),
        seed_(seed),
        files_(files),
        lessons_((check(examples), std::move(examples)), policy),
        global_(graph),
        student_(std::move(student)) {
    const std::size_t answers = try_one(global_, graph.parameters(), "model");
    if (!student_) return;
    pupil_ = std::make_unique<Pupil>(student_->graph);
    take_up_student();
    const std::size_t theirs = try_one(*pupil_, learnt_, "distillation.student");
    if (theirs != answers)
      fail(Error::Kind::Malformed, "distillation.student gives " + std::to_string(theirs) +
                                       " answers where the model gives " + std::to_string(answers) +
                                       ": they must be of the same classes");
  }

  bool teach_global(ParameterSet& global, const Ensemble& cohort, std::uint64_t round) override {
    RandomStream random({seed_, "distillation", round, {}});
    const std::vector<std::uint32_t> rows = lessons_.draw(random);
    std::vector<double> sums;
    cohort.for_each([&](const ParameterSet& member) { global_.add_scores(member, lessons_, rows, sums); });
    ParameterSet taught = global;
    const auto targets = targets_of(sums, cohort.size(), rows.size(), policy_.temperature);
    if (!global_.learn(taught, lessons_, rows, targets, policy_, random)) {
      log::warning("distillation", "diverged in round " + std::to_string(round) +
                                       ", which keeps the mean of its updates; lower distillation.learning_rate");
      return false;
    }
    std::ranges::copy(taught.values(), global.values().begin());
    return true;
  }

  std::optional<Quality> teach_student(const ParameterSet& global, std::uint64_t round) override {
    TRIBUTARY_CHECK(student_ != nullptr);
    if (learnt_round_ < round) learn_from(global, round);
    if (student_->evaluator == nullptr) return std::nullopt;
    return student_->evaluator->evaluate(learnt_);
  }

 private:
  static void check(const data::View& examples) {
    if (examples.size() == 0) fail(Error::Kind::Malformed, "distillation.*: there are no examples");
  }

  // How many classes it knows. What does not fit is said now, not after the first round.
  std::size_t try_one(Pupil& pupil, const ParameterSet& parameters, const std::string& who) {
    const std::uint32_t first = lessons_.first();
    try {
      return pupil.scores(parameters, lessons_.read({&first, 1}), 1).size();
    } catch (const Error& e) {
      fail(e.kind(), "distillation.*: the examples do not fit " + who + ": " + e.what());
    }
  }

  void take_up_student() {
    learnt_ = student_->graph.parameters();
    if (!student_->goes_on || !files_.exists(student_->file)) return;
    const model::Graph kept = model::Graph::parse(files_.map(student_->file)->bytes(), student_->file.string());
    const auto round = kept.metadata.find(kRound);
    const std::int64_t number = round == kept.metadata.end() ? -1 : parse_int(round->second).value_or(-1);
    if (kept.layout()->digest() != learnt_.layout().digest() || number < 0)
      fail(Error::Kind::Corrupt, student_->file.string() + ": is not the student of this run; move it away");
    learnt_ = kept.parameters();
    learnt_round_ = static_cast<std::uint64_t>(number);
  }

  void learn_from(const ParameterSet& global, std::uint64_t round) {
    RandomStream random({seed_, "student", round, {}});
    const std::vector<std::uint32_t> rows = lessons_.draw(random);
    std::vector<double> sums;
    global_.add_scores(global, lessons_, rows, sums);
    ParameterSet taught = learnt_;
    const auto targets = targets_of(sums, 1, rows.size(), policy_.temperature);
    if (pupil_->learn(taught, lessons_, rows, targets, policy_, random)) {
      learnt_ = std::move(taught);
    } else {
      log::warning("distillation", "the student diverged in round " + std::to_string(round) +
                                       " and stays what it was; lower distillation.learning_rate");
    }
    learnt_round_ = round;
    student_->graph.set_parameters(learnt_);
    student_->graph.metadata[kRound] = std::to_string(round);
    write_atomically(files_, student_->file, student_->graph.serialize());
  }

  DistillationPolicy policy_;
  std::uint64_t seed_;
  Files& files_;
  Lessons lessons_;
  Pupil global_;
  std::unique_ptr<StudentPlace> student_;
  std::unique_ptr<Pupil> pupil_;  // the student's, with `learnt_`
  ParameterSet learnt_;
  std::uint64_t learnt_round_ = 0;
};

}  // namespace

std::unique_ptr<Distiller> distil_on(const model::Graph& graph, data::View examples, const DistillationPolicy& policy,
                                     std::uint64_t seed, Files& files, std::unique_ptr<StudentPlace> student) {
  return std::make_unique<Distillation>(graph, std::move(examples), policy, seed, files, std::move(student));
}

}  // namespace tributary::coordinator
