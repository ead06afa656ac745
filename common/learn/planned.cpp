#include "common/learn/planned.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/learn/chain.h"
#include "common/learn/planned_model.h"
#include "common/learn/scores.h"
#include "common/learn/segment.h"

namespace tributary::learn {

namespace {

class Planned final : public Network {
 public:
  Planned(const model::Graph& graph, model::LayoutPtr layout, const Chain& chain, const Kernels& kernels);

  const model::LayoutPtr& layout() const override { return model_.layout(); }
  Output predict(const model::ParameterSet& parameters, std::span<const float> features, std::size_t examples) override;
  BatchResult evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) override;
  BatchResult gradient(model::ParameterSet& parameters, const Batch& batch, Loss loss, RandomStream& random,
                       std::span<float> gradient) override;
  std::optional<Step> sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss, float rate) override;

 private:
  // Values before the head, one row for each example.
  std::span<const float> forward(const float* parameters, const float* features, std::size_t examples, bool skipping) {
    return {segment_.forward(parameters, features, examples, skipping), examples * model_.outputs()};
  }
  // forward() for as many examples at a time as fit the caches; visit(first example, examples, rows).
  template <class Visit>
  void forward_in_parts(const float* parameters, std::span<const float> features, std::size_t examples, Visit visit);

  PlannedModel model_;
  Head head_;
  Segment segment_;
  std::size_t part_;  // examples that are evaluated at a time
};

Planned::Planned(const model::Graph& graph, model::LayoutPtr layout, const Chain& chain, const Kernels& kernels)
    : model_(graph, std::move(layout), chain.features, chain.outputs,
             std::vector<std::span<const LayerSpec>>{chain.layers}),
      head_(chain.head),
      segment_(chain.layers, true, kernels) {
  constexpr std::size_t kFloatsAtATime = 1u << 20;
  part_ = std::max<std::size_t>(kFloatsAtATime / segment_.floats_read(), 8);
}

template <class Visit>
void Planned::forward_in_parts(const float* parameters, std::span<const float> features, std::size_t examples,
                               Visit visit) {
  segment_.reserve(std::min(examples, part_), false);
  for (std::size_t begin = 0; begin < examples; begin += part_) {
    const std::size_t count = std::min(part_, examples - begin);
    visit(begin, count, forward(parameters, features.data() + begin * model_.features(), count, false));
  }
}

Network::Output Planned::predict(const model::ParameterSet& parameters, std::span<const float> features,
                                 std::size_t examples) {
  model_.check(parameters, features, examples);
  Output output;
  output.shape = {static_cast<std::int64_t>(examples), static_cast<std::int64_t>(model_.outputs())};
  output.values.reserve(examples * model_.outputs());
  forward_in_parts(parameters.values().data(), features, examples,
                   [&](std::size_t, std::size_t, std::span<const float> rows) {
                     output.values.insert(output.values.end(), rows.begin(), rows.end());
                   });
  apply(head_, output.values, model_.outputs());
  return output;
}

BatchResult Planned::evaluate(const model::ParameterSet& parameters, const Batch& batch, Loss loss) {
  model_.check(parameters, batch.features, batch.examples);
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
  TRIBUTARY_CHECK(gradient.size() == layout()->size());
  model_.check(parameters, batch.features, batch.examples);
  segment_.reserve(batch.examples, true);
  const float* values = parameters.values().data();
  const auto rows = forward(values, batch.features.data(), batch.examples, false);
  const BatchResult result = score(loss, head_, rows, batch, segment_.slopes(batch.examples));
  Destination destination{nullptr, gradient.data()};
  segment_.backward(values, destination, batch.examples);
  model_.clear_unused(gradient);
  return result;
}

std::optional<Network::Step> Planned::sgd_step(model::ParameterSet& parameters, const Batch& batch, Loss loss,
                                               float rate) {
  model_.check(parameters, batch.features, batch.examples);
  segment_.reserve(batch.examples, true);
  float* values = parameters.values().data();
  const auto rows = forward(values, batch.features.data(), batch.examples, true);
  const BatchResult result = score(loss, head_, rows, batch, segment_.slopes(batch.examples));
  if (!std::isfinite(result.loss)) return Step{result, false};
  Destination destination{values, nullptr, rate};
  segment_.backward(values, destination, batch.examples);
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
