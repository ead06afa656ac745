#include "common/learn/planned.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/learn/chain.h"
#include "common/learn/scores.h"
#include "common/learn/segment.h"

namespace tributary::learn {

namespace {

class Planned final : public Network {
 public:
  Planned(const model::Graph& graph, model::LayoutPtr layout, const Chain& chain, const Kernels& kernels);

  const model::LayoutPtr& layout() const override { return layout_; }
  Output predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples) override;
  BatchResult evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) override;
  BatchResult gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream& random,
                       std::span<float> gradient) override;
  std::optional<Step> sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss, float rate) override;

 private:
  struct Stage {
    std::unique_ptr<Layer> layer;
    Activation activation;
    bool input_slopes = false;  // a layer before has parameters
  };

  void check(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples) const;
  void reserve(std::size_t examples, bool slopes);
  // Values before the head, one row for each example.
  std::span<const float> forward(const float* parameters, const float* features, std::size_t examples, bool skipping);
  void backward(const float* parameters, Destination& destination, std::size_t examples);
  // forward() for as many examples at a time as fit the caches; visit(first example, examples, rows).
  template <class Visit>
  void forward_in_parts(const float* parameters, std::span<const float> features, std::size_t examples, Visit visit);

  model::LayoutPtr layout_;
  std::string input_, model_;
  std::size_t features_, outputs_;
  Head head_;
  std::vector<Stage> stages_;
  std::vector<Value> values_;  // stage i reads values_[i] and fills values_[i + 1]
  std::vector<const model::TensorSpec*> unused_;
  std::size_t capacity_ = 0, slope_capacity_ = 0;  // examples
  std::size_t part_ = 1;                           // examples that are evaluated at a time
};

Planned::Planned(const model::Graph& graph, model::LayoutPtr layout, const Chain& chain, const Kernels& kernels)
    : layout_(std::move(layout)),
      input_(graph.inputs.front().name),
      model_(graph.name),
      features_(chain.features),
      outputs_(chain.outputs),
      head_(chain.head),
      values_(chain.layers.size() + 1) {
  bool has_parameters = false;
  std::vector<std::uint64_t> used;
  std::size_t floats = 0;
  for (std::size_t i = 0; i < chain.layers.size(); ++i) {
    stages_.push_back({make_layer(chain.layers[i], kernels), chain.layers[i].activation, has_parameters});
    values_[i].place = stages_[i].layer->input_place();
    values_[i + 1].slope_place = stages_[i].layer->output_slope_place(has_parameters);
    has_parameters = has_parameters || stages_[i].layer->has_parameters();
    floats += values_[i].place.size();
    const auto note = [&](const auto& spec) {
      used.push_back(spec.weight);
      if (spec.bias) used.push_back(*spec.bias);
    };
    if (const auto* dense = std::get_if<DenseSpec>(&chain.layers[i].layer)) note(*dense);
    if (const auto* conv = std::get_if<ConvSpec>(&chain.layers[i].layer)) note(*conv);
  }
  values_.back().place = plain({outputs_});
  for (const auto& spec : layout_->tensors())
    if (std::find(used.begin(), used.end(), spec.offset) == used.end()) unused_.push_back(&spec);
  constexpr std::size_t kFloatsAtATime = 1u << 20;
  part_ = std::max<std::size_t>(kFloatsAtATime / floats, 8);
}

void Planned::check(const model::ParameterSet& parameters, std::span<const float> features,
                    std::size_t examples) const {
  if (parameters.empty() || (parameters.layout_ptr() != layout_ && parameters.layout().digest() != layout_->digest()))
    fail(Error::Kind::Malformed, "parameters of another model were given to model '" + model_ + "'");
  if (examples == 0) fail(Error::Kind::Malformed, "model '" + model_ + "' was given no examples");
  if (features.size() % features_ != 0 || features.size() / features_ != examples)
    fail(Error::Kind::Malformed, "input '" + input_ + "' of model '" + model_ + "' does not take examples of " +
                                     std::to_string(features.size() / examples) + " values");
}

void Planned::reserve(std::size_t examples, bool slopes) {
  if (examples > capacity_) {
    capacity_ = 0;
    for (std::size_t i = 1; i < values_.size(); ++i) {
      values_[i].storage.reset(examples * values_[i].place.size());
      values_[i].values = values_[i].storage.data();
    }
    capacity_ = examples;
  }
  if (slopes && examples > slope_capacity_) {
    slope_capacity_ = 0;
    for (std::size_t i = 1; i < values_.size(); ++i) values_[i].slopes.reset(examples * values_[i].slope_place.size());
    slope_capacity_ = examples;
  }
}

std::span<const float> Planned::forward(const float* parameters, const float* features, std::size_t examples,
                                        bool skipping) {
  values_.front().values = features;
  stages_.front().layer->allow_skipping(skipping);
  for (std::size_t i = 0; i < stages_.size(); ++i)
    stages_[i].layer->forward(parameters, values_[i], values_[i + 1], examples);
  return {values_.back().values, examples * outputs_};
}

void Planned::backward(const float* parameters, Destination& destination, std::size_t examples) {
  for (std::size_t i = stages_.size(); i-- > 0;) {
    if (!stages_[i].input_slopes && !stages_[i].layer->has_parameters()) return;
    differentiate(stages_[i].activation, values_[i + 1], examples);
    stages_[i].layer->backward({examples, parameters, &destination, stages_[i].input_slopes}, values_[i],
                               values_[i + 1]);
  }
}

template <class Visit>
void Planned::forward_in_parts(const float* parameters, std::span<const float> features, std::size_t examples,
                               Visit visit) {
  reserve(std::min(examples, part_), false);
  for (std::size_t begin = 0; begin < examples; begin += part_) {
    const std::size_t count = std::min(part_, examples - begin);
    visit(begin, count, forward(parameters, features.data() + begin * features_, count, false));
  }
}

Network::Output Planned::predict(const model::ParameterSet& parameters, std::span<const float> features,
                                 std::size_t examples) {
  check(parameters, features, examples);
  Output output;
  output.shape = {static_cast<std::int64_t>(examples), static_cast<std::int64_t>(outputs_)};
  output.values.reserve(examples * outputs_);
  forward_in_parts(parameters.values().data(), features, examples,
                   [&](std::size_t, std::size_t, std::span<const float> rows) {
                     output.values.insert(output.values.end(), rows.begin(), rows.end());
                   });
  apply(head_, output.values, outputs_);
  return output;
}

BatchResult Planned::evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) {
  check(parameters, batch.features, batch.examples);
  BatchResult sum;
  const std::size_t labels = batch.labels.size() / batch.examples;
  const bool whole = labels * batch.examples == batch.labels.size();
  forward_in_parts(parameters.values().data(), batch.features, batch.examples,
                   [&](std::size_t begin, std::size_t count, std::span<const float> rows) {
                     const auto some = whole ? batch.labels.subspan(begin * labels, count * labels) : batch.labels;
                     const BatchResult part = score(loss, head_, rows, {{}, some, count}, {});
                     sum.loss += part.loss * static_cast<double>(count);
                     sum.correct += part.correct;
                   });
  sum.loss /= static_cast<double>(batch.examples);
  return sum;
}

BatchResult Planned::gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream&,
                              std::span<float> gradient) {
  TRIBUTARY_CHECK(gradient.size() == layout_->size());
  check(parameters, batch.features, batch.examples);
  reserve(batch.examples, true);
  const float* values = parameters.values().data();
  const auto rows = forward(values, batch.features.data(), batch.examples, false);
  const BatchResult result = score(loss, head_, rows, batch, {values_.back().slopes.data(), batch.examples * outputs_});
  Destination destination{nullptr, gradient.data()};
  backward(values, destination, batch.examples);
  for (const auto* spec : unused_) std::fill_n(gradient.data() + spec->offset, spec->size, 0.0f);
  return result;
}

std::optional<Network::Step> Planned::sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss,
                                               float rate) {
  check(parameters, batch.features, batch.examples);
  reserve(batch.examples, true);
  float* values = parameters.values().data();
  const auto rows = forward(values, batch.features.data(), batch.examples, true);
  const BatchResult result = score(loss, head_, rows, batch, {values_.back().slopes.data(), batch.examples * outputs_});
  if (!std::isfinite(result.loss)) return Step{result, false};
  Destination destination{values, nullptr, rate};
  backward(values, destination, batch.examples);
  return Step{result, destination.finite};
}

}  // namespace

std::unique_ptr<Network> compile_planned(const model::Graph& graph, const Kernels& kernels) {
  auto layout = graph.layout();
  const auto chain = find_chain(graph, *layout);
  if (!chain) return nullptr;
  return std::make_unique<Planned>(graph, std::move(layout), *chain, kernels);
}

}  // namespace tributary::learn
