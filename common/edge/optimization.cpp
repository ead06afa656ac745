#include "common/edge/optimization.h"

#include <algorithm>
#include <array>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/edge/assessment.h"
#include "common/edge/aware_training.h"
#include "common/edge/folding.h"
#include "common/edge/quantization.h"

namespace tributary::edge {

namespace {

using model::Graph;

constexpr std::array<std::pair<Form, std::string_view>, 5> kNames{{{Form::Float32, "float32"},
                                                                   {Form::Weights, "weights"},
                                                                   {Form::Dynamic, "dynamic"},
                                                                   {Form::Static, "static"},
                                                                   {Form::Aware, "aware"}}};
constexpr double kPoints = 100;
// A file of less than this share of the limit is far smaller than asked.
constexpr double kFarSmaller = 0.25;

std::uint64_t size_of(const Graph& graph) {
  return graph.serialize().size();
}

Graph with_channels(const Graph& graph, double keep, const OptimizationPlan& plan) {
  return keep < 1 ? shrink(graph, {plan.score, keep}) : graph;
}

// The smallest file that a share can become, up to the nodes that quantise activations.
std::uint64_t least_bytes(const Graph& graph, double keep, const OptimizationPlan& plan) {
  const Graph folded = fold(with_channels(graph, keep, plan));
  const bool only_floats = plan.forms == std::vector{Form::Float32};
  return size_of(only_floats ? folded : quantize_weights(folded));
}

// The largest share, in hundredths, whose smallest form fits; 0 when none does.
double share_that_fits(const Graph& graph, const OptimizationPlan& plan) {
  int fits = 0;
  for (int too_large = 101; too_large - fits > 1;) {
    const int middle = (fits + too_large) / 2;
    (least_bytes(graph, middle / 100.0, plan) <= *plan.target_bytes ? fits : too_large) = middle;
  }
  return fits / 100.0;
}

class Search {
 public:
  Search(const Graph& graph, const data::View& examples, const data::View& held_out, const OptimizationPlan& plan,
         const Clock& clock, const OptimizationWatch& watch)
      : graph_(graph), examples_(examples), held_out_(held_out), plan_(plan), clock_(clock), watch_(watch) {}

  Optimization run() {
    made_.bytes = size_of(graph_);
    made_.accuracy = accuracy_of(graph_);
    const auto keeps = keeps_worth_trying(graph_, plan_);
    for (std::size_t i = 0; i < keeps.size(); ++i) {
      begun_ = static_cast<double>(i) / static_cast<double>(keeps.size());
      part_ = 1 / static_cast<double>(keeps.size());
      if (!try_share(keeps[i]) && plan_.max_accuracy_drop) break;
    }
    mark_front();
    return std::move(made_);
  }

 private:
  double accuracy_of(const Graph& graph) const {
    return assess(graph, held_out_, plan_.training.training.loss, clock_).accuracy;
  }
  double drop(const Candidate& candidate) const { return kPoints * (made_.accuracy - candidate.accuracy); }

  TrainingWatch steps(double from, double to) {
    TrainingWatch watch;
    watch.step = [this, from, to](double share) {
      if (watch_.step) watch_.step(begun_ + part_ * (from + (to - from) * share));
      return false;
    };
    return watch;
  }

  // False when every form loses more than is allowed.
  bool try_share(double keep) {
    const bool trains_again = std::ranges::count(plan_.forms, Form::Aware) > 0;
    Graph graph = with_channels(graph_, keep, plan_);
    if (keep < 1) retrain(graph, trains_again ? 0.5 : 1.0);
    const Graph folded = fold(graph);
    bool any = false;
    for (const Form form : plan_.forms) {
      Graph written = write(folded, form);
      const Candidate candidate{keep, form, size_of(written), accuracy_of(written), false};
      any = any || !plan_.max_accuracy_drop || drop(candidate) <= *plan_.max_accuracy_drop;
      take(candidate, std::move(written));
    }
    return any;
  }

  void retrain(Graph& graph, double until) {
    const auto network = learn::Network::compile(graph);
    model::ParameterSet parameters = graph.parameters();
    const auto last = train_centrally(*network, parameters, examples_, plan_.training, clock_, steps(0, until));
    if (last) require_finite(*last);
    graph.set_parameters(parameters);
  }

  Graph write(const Graph& folded, Form form) {
    switch (form) {
      case Form::Float32:
        return folded;
      case Form::Weights:
        return quantize_weights(folded);
      case Form::Dynamic:
        return quantize_dynamic(folded);
      case Form::Static:
        return quantize_static(folded, calibrate(folded, examples_, quantized_values(folded), plan_.calibration));
      case Form::Aware: {
        AwarePlan aware{{}, plan_.training, plan_.calibration};
        aware.training.training.learning_rate /= 10;
        return train_aware(folded, examples_, aware, clock_, steps(0.5, 1));
      }
    }
    fail(Error::Kind::Internal, "unknown form");
  }

  void take(const Candidate& candidate, Graph graph) {
    made_.candidates.push_back(candidate);
    if (watch_.found) watch_.found(candidate);
    if (!is_allowed(candidate) || (made_.chosen && !is_better(candidate, made_.candidates[*made_.chosen]))) return;
    made_.chosen = made_.candidates.size() - 1;
    made_.graph = std::move(graph);
  }

  bool is_allowed(const Candidate& candidate) const {
    return plan_.target_bytes ? candidate.bytes <= *plan_.target_bytes : drop(candidate) <= *plan_.max_accuracy_drop;
  }
  bool is_better(const Candidate& a, const Candidate& b) const {
    if (plan_.target_bytes) return a.accuracy != b.accuracy ? a.accuracy > b.accuracy : a.bytes < b.bytes;
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.accuracy > b.accuracy;
  }

  void mark_front() {
    for (Candidate& one : made_.candidates)
      one.on_front = std::ranges::none_of(made_.candidates, [&](const Candidate& other) {
        return (other.bytes < one.bytes && other.accuracy >= one.accuracy) ||
               (other.bytes <= one.bytes && other.accuracy > one.accuracy);
      });
  }

  const Graph& graph_;
  const data::View& examples_;
  const data::View& held_out_;
  const OptimizationPlan& plan_;
  const Clock& clock_;
  const OptimizationWatch& watch_;
  Optimization made_;
  double begun_ = 0, part_ = 1;  // of the whole search: where the present share of channels begins, and its length
};

}  // namespace

Form form_from(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& [form, text] : kNames) {
    if (text == name) return form;
    known.emplace_back(text);
  }
  const auto meant = nearest(name, known);
  fail(Error::Kind::Malformed,
       "unknown form '" + std::string(name) + "'" +
           (meant ? "; did you mean '" + *meant + "'?" : "; known: float32, weights, dynamic, static, aware"));
}

std::string_view name_of(Form form) {
  for (const auto& [known, text] : kNames)
    if (known == form) return text;
  fail(Error::Kind::Internal, "unknown form");
}

void check(const OptimizationPlan& plan) {
  learn::check(plan.training.training);
  if (plan.target_bytes.has_value() == plan.max_accuracy_drop.has_value())
    fail(Error::Kind::Malformed, "an optimisation has one limit: the bytes of the file, or the loss of accuracy");
  if (plan.max_accuracy_drop && !(*plan.max_accuracy_drop >= 0 && *plan.max_accuracy_drop <= kPoints))
    fail(Error::Kind::Malformed, "the loss of accuracy is from 0 to 100 points");
  if (plan.keeps.empty() || plan.forms.empty())
    fail(Error::Kind::Malformed, "an optimisation needs shares of channels and forms to choose from");
  for (const double keep : plan.keeps)
    if (!(keep > 0 && keep <= 1))
      fail(Error::Kind::Malformed, "a share of channels is above 0 and at most 1, not " + std::to_string(keep));
  if (plan.training.training.loss == learn::Loss::MeanSquaredError)
    fail(Error::Kind::Malformed, "models are chosen by their accuracy, and mean_squared_error has none");
}

std::vector<double> keeps_worth_trying(const Graph& graph, const OptimizationPlan& plan) {
  check(plan);
  std::vector<double> keeps = plan.keeps;
  if (plan.target_bytes) {
    if (const double fits = share_that_fits(graph, plan); fits > 0) keeps.push_back(fits);
    std::erase_if(keeps, [&](double keep) {
      const auto bytes = static_cast<double>(least_bytes(graph, keep, plan));
      const auto limit = static_cast<double>(*plan.target_bytes);
      return keep < 1 && (bytes > limit || bytes < kFarSmaller * limit);
    });
  }
  std::ranges::sort(keeps, std::greater<>());
  keeps.erase(std::unique(keeps.begin(), keeps.end()), keeps.end());
  return keeps;
}

Optimization optimize(const Graph& graph, const data::View& examples, const data::View& held_out,
                      const OptimizationPlan& plan, const Clock& clock, const OptimizationWatch& watch) {
  check(plan);
  return Search(graph, examples, held_out, plan, clock, watch).run();
}

}  // namespace tributary::edge
