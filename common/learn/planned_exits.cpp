#include "common/learn/planned_exits.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/error.h"
#include "common/learn/planned_model.h"
#include "common/learn/scores.h"
#include "common/learn/segment.h"
#include "common/model/exits.h"

namespace tributary::learn {

namespace {

struct Exit {
  std::size_t stem = 0;  // trunk segments before it
  Segment branch;
  Head head = Head::Plain;
};

// The trunk, cut where exits leave it: segment i feeds segment i + 1 and the exits whose stem is i + 1.
struct Segments {
  std::vector<Segment> trunk;
  std::vector<Exit> exits;
};

// Nullopt when something other than rows flows from one segment into another.
std::optional<Segments> cut(const Tree& tree, const Kernels& kernels) {
  Segments segments;
  std::vector<std::size_t> ends;  // of the trunk's segments, in layers
  for (const auto& exit : tree.exits)
    if (exit.from > 0) ends.push_back(exit.from);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    segments.trunk.emplace_back(std::span(tree.trunk).subspan(begin, end - begin), begin == 0, kernels);
    if (!segments.trunk.back().gives_rows() || (begin > 0 && !segments.trunk.back().takes_rows())) return std::nullopt;
    begin = end;
  }
  for (const auto& exit : tree.exits) {
    const auto stem = std::find(ends.begin(), ends.end(), exit.from) - ends.begin() + 1;
    segments.exits.push_back({exit.from == 0 ? 0 : static_cast<std::size_t>(stem),
                              Segment(exit.layers, exit.from == 0, kernels), exit.head});
    if (exit.from > 0 && !segments.exits.back().branch.takes_rows()) return std::nullopt;
  }
  return segments;
}

class PlannedExits final : public ExitNetwork {
 public:
  PlannedExits(const model::Graph& graph, model::LayoutPtr layout, const Tree& tree, Segments segments);

  const model::LayoutPtr& layout() const override { return model_.layout(); }
  std::size_t exits() const override { return exits_.size(); }
  const model::TensorSpec* alpha() const override { return alpha_; }
  bool answers_alike() const override { return true; }
  void predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples, Loss loss,
               ExitAnswers& answers) override;
  void gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, std::span<const double> weights,
                RandomStream& random, ExitAnswers& answers, std::span<float> gradient) override;
  bool sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss, std::span<const double> weights,
                float rate, RandomStream& random, ExitAnswers& answers) override;

 private:
  void reserve(std::size_t examples, bool slopes);
  void forward(const float* parameters, const float* features, std::size_t examples, bool skipping);
  // Rows, losses and weighted slopes of every exit.
  void test(const Batch& batch, Loss loss, std::span<const double> weights, ExitAnswers& answers);
  void backward(const float* parameters, Destination& destination, std::size_t examples);
  std::span<const float> rows_of(std::size_t exit, std::size_t examples) const;

  PlannedModel model_;
  const model::TensorSpec* alpha_;
  std::vector<Segment> trunk_;
  std::vector<Exit> exits_;
  std::vector<const float*> given_;  // what each exit gave last
};

// Of the trunk and of every exit.
std::vector<std::span<const LayerSpec>> layers_of(const Tree& tree) {
  std::vector<std::span<const LayerSpec>> layers = {tree.trunk};
  for (const auto& exit : tree.exits) layers.emplace_back(exit.layers);
  return layers;
}

PlannedExits::PlannedExits(const model::Graph& graph, model::LayoutPtr layout, const Tree& tree, Segments segments)
    : model_(graph, std::move(layout), tree.features, tree.outputs, layers_of(tree)),
      alpha_(model::alpha_of(graph, *model_.layout())),
      trunk_(std::move(segments.trunk)),
      exits_(std::move(segments.exits)),
      given_(exits_.size()) {}

void PlannedExits::reserve(std::size_t examples, bool slopes) {
  for (auto& segment : trunk_) segment.reserve(examples, slopes);
  for (auto& exit : exits_) exit.branch.reserve(examples, slopes);
}

void PlannedExits::forward(const float* parameters, const float* features, std::size_t examples, bool skipping) {
  const float* value = features;
  for (std::size_t stem = 0;; ++stem) {
    for (std::size_t i = 0; i < exits_.size(); ++i)
      if (exits_[i].stem == stem)
        given_[i] = exits_[i].branch.forward(parameters, value, examples, skipping && stem == 0);
    if (stem == trunk_.size()) return;
    value = trunk_[stem].forward(parameters, value, examples, skipping && stem == 0);
  }
}

std::span<const float> PlannedExits::rows_of(std::size_t exit, std::size_t examples) const {
  return {given_[exit], examples * model_.outputs()};
}

void PlannedExits::test(const Batch& batch, Loss loss, std::span<const double> weights, ExitAnswers& answers) {
  answers.exits = exits_.size();
  answers.examples = batch.examples;
  answers.outputs = model_.outputs();
  answers.losses.resize(weights.size());
  answers.rows.resize(exits_.size() * batch.examples * model_.outputs());
  for (std::size_t i = 0; i < exits_.size(); ++i) {
    const auto rows = rows_of(i, batch.examples);
    float* place = answers.rows.data() + i * rows.size();
    std::copy(rows.begin(), rows.end(), place);
    answer(loss, exits_[i].head, {place, rows.size()}, model_.outputs());
    if (weights.empty()) continue;
    const auto slopes = exits_[i].branch.slopes(batch.examples);
    answers.losses[i] = score(loss, exits_[i].head, rows, batch, slopes).loss;
    const auto weight = static_cast<float>(weights[i]);
    for (float& slope : slopes) slope *= weight;
  }
}

void PlannedExits::backward(const float* parameters, Destination& destination, std::size_t examples) {
  for (std::size_t stem = trunk_.size();; --stem) {
    // What follows here: the exits, and the next segment of the trunk, which came before in this loop.
    std::span<float> slopes;
    if (stem > 0) slopes = trunk_[stem - 1].slopes(examples);
    if (stem < trunk_.size()) {
      trunk_[stem].backward(parameters, destination, examples);
      if (stem > 0) {
        const auto from = trunk_[stem].input_slopes(examples);
        std::copy(from.begin(), from.end(), slopes.begin());
      }
    } else {
      std::fill(slopes.begin(), slopes.end(), 0.0f);
    }
    for (auto& exit : exits_) {
      if (exit.stem != stem) continue;
      exit.branch.backward(parameters, destination, examples);
      if (stem == 0) continue;
      const auto from = exit.branch.input_slopes(examples);
      for (std::size_t i = 0; i < from.size(); ++i) slopes[i] += from[i];
    }
    if (stem == 0) return;
  }
}

void PlannedExits::predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples,
                           Loss loss, ExitAnswers& answers) {
  model_.check(parameters, features, examples);
  for (const auto& exit : exits_) takes_logits(loss, exit.head);
  reserve(examples, false);
  forward(parameters.values().data(), features.data(), examples, false);
  test({features, {}, examples}, loss, {}, answers);
}

void PlannedExits::gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss,
                            std::span<const double> weights, RandomStream&, ExitAnswers& answers,
                            std::span<float> gradient) {
  TRIBUTARY_CHECK(gradient.size() == layout()->size() && weights.size() == exits_.size());
  model_.check(parameters, batch.features, batch.examples);
  reserve(batch.examples, true);
  const float* values = parameters.values().data();
  forward(values, batch.features.data(), batch.examples, false);
  test(batch, loss, weights, answers);
  Destination destination{nullptr, gradient.data()};
  backward(values, destination, batch.examples);
  model_.clear_unused(gradient);
}

bool PlannedExits::sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss,
                            std::span<const double> weights, float rate, RandomStream&, ExitAnswers& answers) {
  TRIBUTARY_CHECK(weights.size() == exits_.size());
  model_.check(parameters, batch.features, batch.examples);
  reserve(batch.examples, true);
  float* values = parameters.values().data();
  forward(values, batch.features.data(), batch.examples, true);
  test(batch, loss, weights, answers);
  if (!std::all_of(answers.losses.begin(), answers.losses.end(), [](double l) { return std::isfinite(l); }))
    return false;
  Destination destination{values, nullptr, rate};
  backward(values, destination, batch.examples);
  return destination.finite;
}

}  // namespace

std::unique_ptr<ExitNetwork> compile_planned_exits(const model::Graph& graph, const Kernels& kernels) {
  auto layout = graph.layout();
  const auto tree = find_tree(graph, *layout, model::exits_of(graph));
  if (!tree) return nullptr;
  auto segments = cut(*tree, kernels);
  if (!segments) return nullptr;
  return std::make_unique<PlannedExits>(graph, std::move(layout), *tree, std::move(*segments));
}

}  // namespace tributary::learn
