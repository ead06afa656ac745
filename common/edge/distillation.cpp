#include "common/edge/distillation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/error.h"
#include "common/edge/augmentation.h"
#include "common/learn/backprop.h"
#include "common/learn/sgd.h"
#include "common/learn/trace.h"

namespace tributary::edge {

namespace {

using model::ParameterSet;

// softmax(z / T) of a row.
void soften(std::span<const float> z, double temperature, std::vector<double>& p) {
  const double top = *std::max_element(z.begin(), z.end());
  p.resize(z.size());
  double sum = 0;
  for (std::size_t i = 0; i < z.size(); ++i) sum += p[i] = std::exp((double{z[i]} - top) / temperature);
  for (double& one : p) one /= sum;
}

// Of values that are not all 0; else 1.
double mean_square(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * double{value};
  return sum > 0 ? sum / static_cast<double>(values.size()) : 1;
}

// A matrix that maps the student's feature to the teacher's, learnt along with the student.
class Map {
 public:
  void reset(std::size_t from, std::size_t to, std::uint64_t seed) {
    from_ = from;
    to_ = to;
    RandomStream random(seed, "feature map");
    const double spread = 1 / std::sqrt(static_cast<double>(from));
    values_.resize(from * to);
    for (std::size_t i = 0; i < values_.size(); ++i)
      values_[i] = from == to ? static_cast<float>(i % (to + 1) == 0) : static_cast<float>(spread * random.normal());
    gradient_.assign(values_.size(), 0.0F);
  }
  bool is_made() const { return to_ != 0; }

  // Mean squared error of one row; adds weight times its slopes.
  double add(std::span<const float> student, std::span<const float> teacher, double weight, std::span<float> slopes) {
    double sum = 0;
    for (std::size_t o = 0; o < to_; ++o) {
      const float* row = values_.data() + o * from_;
      const float difference = std::inner_product(student.begin(), student.end(), row, -teacher[o]);
      sum += double{difference} * double{difference};
      const auto slope = static_cast<float>(2 * weight * difference / static_cast<double>(to_));
      float* gradient = gradient_.data() + o * from_;
      for (std::size_t i = 0; i < from_; ++i) {
        slopes[i] += slope * row[i];
        gradient[i] += slope * student[i];
      }
    }
    return sum / static_cast<double>(to_);
  }

  void step(double rate) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] -= static_cast<float>(rate * double{gradient_[i]});
      gradient_[i] = 0;
    }
  }

 private:
  std::size_t from_ = 0, to_ = 0;
  std::vector<float> values_, gradient_;
};

// What the teacher says of a batch.
struct Lesson {
  std::vector<float> scores, feature;
  std::size_t classes = 0, width = 0;
};

class Tutor {
 public:
  Tutor(const model::Graph& teacher, const DistillationPlan& plan)
      : trace_(learn::Trace::compile(teacher)), scores_(learn::scores_of(teacher)), feature_(plan.teacher_feature) {
    const bool known = feature_.empty() || std::ranges::any_of(teacher.nodes, [&](const auto& node) {
                         return std::ranges::count(node.outputs, feature_) > 0;
                       });
    if (!known)
      fail(Error::Kind::Malformed, "no node of teacher '" + teacher.name + "' makes a value '" + feature_ + "'");
  }

  Lesson teach(std::span<const float> features, std::size_t examples) {
    Lesson lesson;
    trace_->run(
        features, examples, [&](const std::string& name) { return name == scores_ || name == feature_; },
        [&](const learn::TracedValue& value) {
          const std::size_t width = value.values.size() / examples;
          if (value.name == scores_) {
            lesson.scores.assign(value.values.begin(), value.values.end());
            lesson.classes = width;
          }
          if (value.name == feature_) {
            lesson.feature.assign(value.values.begin(), value.values.end());
            lesson.width = width;
          }
        });
    return lesson;
  }

 private:
  std::unique_ptr<learn::Trace> trace_;
  std::string scores_, feature_;
};

class Distiller {
 public:
  Distiller(const model::Graph& teacher, const model::Graph& student, const DistillationPlan& plan)
      : plan_(plan), tutor_(teacher, plan), student_(learn::Backprop::compile(student, taps_of(student, plan))) {}

  struct Result {
    double loss = 0;
    std::uint64_t correct = 0;
  };

  // One step's gradient.
  Result gradient(ParameterSet& parameters, std::span<const float> features, std::span<const float> labels,
                  RandomStream& random, std::span<float> gradient) {
    const Lesson lesson = tutor_.teach(features, labels.size());
    Result result;
    student_->gradient(
        parameters, features, labels.size(),
        [&](std::vector<learn::Tap>& taps) {
          answers(lesson, taps[0], labels, result);
          if (taps.size() > 1) middle(lesson, taps[1], labels.size(), result);
        },
        random, gradient);
    return result;
  }
  void step_map(double rate) {
    if (map_.is_made()) map_.step(rate);
  }

 private:
  static std::vector<std::string> taps_of(const model::Graph& student, const DistillationPlan& plan) {
    std::vector<std::string> taps{learn::scores_of(student)};
    if (!plan.student_feature.empty()) taps.push_back(plan.student_feature);
    return taps;
  }

  void answers(const Lesson& lesson, learn::Tap& tap, std::span<const float> labels, Result& result) {
    if (lesson.classes != tap.width)
      fail(Error::Kind::Malformed, "the teacher gives " + std::to_string(lesson.classes) + " answers, the student " +
                                       std::to_string(tap.width));
    const double t = plan_.temperature, share = 1.0 / static_cast<double>(labels.size());
    std::vector<double> hard, soft, wanted;
    for (std::size_t e = 0; e < labels.size(); ++e) {
      if (!(labels[e] >= 0 && labels[e] < static_cast<float>(tap.width)))
        fail(Error::Kind::Malformed, "label " + std::to_string(labels[e]) + " is not a class of a model with " +
                                         std::to_string(tap.width) + " outputs");
      const auto label = static_cast<std::size_t>(labels[e]);
      const auto row = tap.rows.subspan(e * tap.width, tap.width);
      soften(row, 1, hard);
      soften(row, t, soft);
      soften(std::span(lesson.scores).subspan(e * tap.width, tap.width), t, wanted);
      double divergence = 0;
      for (std::size_t c = 0; c < tap.width; ++c) {
        if (wanted[c] > 0) divergence += wanted[c] * std::log(wanted[c] / std::max(soft[c], 1e-30));
        const double slope = plan_.soft * t * (soft[c] - wanted[c]) + (1 - plan_.soft) * (hard[c] - (c == label));
        tap.slopes[e * tap.width + c] = static_cast<float>(share * slope);
      }
      result.loss +=
          share * (plan_.soft * t * t * divergence - (1 - plan_.soft) * std::log(std::max(hard[label], 1e-30)));
      result.correct += std::max_element(row.begin(), row.end()) - row.begin() == static_cast<std::ptrdiff_t>(label);
    }
  }

  void middle(const Lesson& lesson, learn::Tap& tap, std::size_t examples, Result& result) {
    if (!map_.is_made()) map_.reset(tap.width, lesson.width, plan_.training.seed);
    const double weight = plan_.feature_weight / (mean_square(lesson.feature) * static_cast<double>(examples));
    for (std::size_t e = 0; e < examples; ++e)
      result.loss += weight * map_.add(tap.rows.subspan(e * tap.width, tap.width),
                                       std::span(lesson.feature).subspan(e * lesson.width, lesson.width), weight,
                                       tap.slopes.subspan(e * tap.width, tap.width));
  }

  const DistillationPlan& plan_;
  Tutor tutor_;
  std::unique_ptr<learn::Backprop> student_;
  Map map_;
};

}  // namespace

void check(const DistillationPlan& plan) {
  learn::check(plan.training.training);
  if (plan.training.training.loss != learn::Loss::CrossEntropy)
    fail(Error::Kind::Malformed, "distillation learns classes: training.loss must be cross_entropy");
  if (!(plan.temperature >= 0.1 && plan.temperature <= 1000))
    fail(Error::Kind::Malformed, "the temperature of distillation is from 0.1 to 1000");
  if (!(plan.soft >= 0 && plan.soft <= 1))
    fail(Error::Kind::Malformed, "the share of the teacher's answers is from 0 to 1");
  if (!(plan.feature_weight >= 0 && plan.feature_weight <= 1e6))
    fail(Error::Kind::Malformed, "the weight of features is from 0 to 1000000");
  if (plan.teacher_feature.empty() != plan.student_feature.empty())
    fail(Error::Kind::Malformed, "features are compared in pairs: name one of the teacher and one of the student");
}

void distil(const model::Graph& teacher, const model::Graph& student, ParameterSet& parameters,
            const data::View& examples, const DistillationPlan& plan, const Clock& clock, const TrainingWatch& watch) {
  check(plan);
  if (examples.size() == 0) fail(Error::Kind::Malformed, "there are no examples to distil on");
  Distiller distiller(teacher, student, plan);
  const learn::TrainingPlan& t = plan.training.training;
  const auto epochs = static_cast<std::uint32_t>(std::ceil(t.epochs - 1e-9));
  const std::size_t batch = t.batch_size == 0 ? examples.size() : t.batch_size;
  std::vector<float> features, labels, gradient(parameters.values().size());
  for (std::uint32_t epoch = 0; epoch < epochs; ++epoch) {
    const double rate = t.learning_rate * std::pow(t.learning_rate_decay, epoch);
    learn::Sgd sgd(
        parameters,
        {.learning_rate = rate, .momentum = t.momentum, .weight_decay = t.weight_decay, .clip_norm = t.clip_norm});
    RandomStream random({plan.training.seed, "distillation", epoch, {}});
    const data::View moved = shifted(examples, plan.training.shift, plan.training.seed, epoch);
    const data::Dataset& dataset = *moved.dataset;
    auto order = random.permutation(examples.size());
    for (auto& index : order) index = examples.indices[index];
    const TimePoint begun = clock.now();
    EpochDone done{epoch + 1, epochs, {}};
    double right = 0;
    for (std::size_t at = 0; at < order.size() && (t.max_steps == 0 || done.result.steps < t.max_steps); at += batch) {
      const double share = (epoch + static_cast<double>(at) / static_cast<double>(order.size())) / epochs;
      if (watch.step && watch.step(share)) return;
      const auto indices = std::span(order).subspan(at, std::min(batch, order.size() - at));
      features.resize(indices.size() * dataset.feature_size());
      labels.resize(indices.size() * dataset.label_size());
      dataset.read(indices, features, labels);
      const auto result = distiller.gradient(parameters, features, labels, random, gradient);
      done.result.finite = std::isfinite(result.loss) && sgd.step(parameters.values(), gradient);
      require_finite(done);
      distiller.step_map(rate);
      done.result.loss += result.loss * static_cast<double>(indices.size());
      right += static_cast<double>(result.correct);
      done.result.examples += indices.size();
      ++done.result.steps;
    }
    done.result.loss /= static_cast<double>(done.result.examples);
    done.result.accuracy = right / static_cast<double>(done.result.examples);
    done.result.seconds = seconds(clock.now() - begun);
    if (watch.epoch_done) watch.epoch_done(done, parameters);
  }
}

}  // namespace tributary::edge
