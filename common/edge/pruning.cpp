#include "common/edge/pruning.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/error.h"
#include "common/base/random.h"

namespace tributary::edge {

namespace {

using model::ParameterSet;
using model::Role;
using model::TensorSpec;

std::vector<const TensorSpec*> weights_of(const model::ParameterLayout& layout) {
  std::vector<const TensorSpec*> weights;
  for (const TensorSpec& spec : layout.tensors())
    if (spec.role == Role::Weight) weights.push_back(&spec);
  return weights;
}

// Prunes the share of `places` with the least `scores`.
void prune_least(std::vector<std::uint64_t> places, const std::vector<float>& scores, double share, Mask& mask) {
  const auto drop = static_cast<std::size_t>(std::llround(share * static_cast<double>(places.size())));
  const auto cut = places.begin() + static_cast<std::ptrdiff_t>(drop);
  std::nth_element(places.begin(), cut, places.end(), [&](std::uint64_t a, std::uint64_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : a < b;
  });
  for (auto at = places.begin(); at != cut; ++at) mask[*at] = 0;
}

// Element `i` of channel `c`, counted along what a channel sums over.
std::uint64_t place(const TensorSpec& spec, std::uint64_t c, std::uint64_t i) {
  const std::uint64_t block = i / spec.channel_stride, within = i % spec.channel_stride;
  return spec.offset + (block * spec.channels + c) * spec.channel_stride + within;
}

void prune_pattern(const TensorSpec& spec, const std::vector<float>& scores, const PruningPlan& plan, Mask& mask) {
  const std::uint64_t inputs = spec.size / spec.channels;
  std::vector<std::uint64_t> group(plan.m);
  for (std::uint64_t c = 0; c < spec.channels; ++c) {
    for (std::uint64_t begin = 0; begin + plan.m <= inputs; begin += plan.m) {
      for (std::uint32_t k = 0; k < plan.m; ++k) group[k] = place(spec, c, begin + k);
      std::stable_sort(group.begin(), group.end(),
                       [&](std::uint64_t a, std::uint64_t b) { return scores[a] < scores[b]; });
      for (std::uint32_t k = 0; k < plan.m - plan.n; ++k) mask[group[k]] = 0;
    }
  }
}

std::vector<float> scores_of(const ParameterSet& parameters, const PruningPlan& plan) {
  std::vector<float> scores(parameters.values().size());
  RandomStream random(plan.seed, "pruning");
  for (std::size_t i = 0; i < scores.size(); ++i)
    scores[i] = plan.choice == PruningPlan::Choice::Magnitude ? std::abs(parameters.values()[i])
                                                              : static_cast<float>(random.uniform());
  return scores;
}

std::vector<std::uint64_t> places_of(const TensorSpec& spec) {
  std::vector<std::uint64_t> places(spec.size);
  std::iota(places.begin(), places.end(), spec.offset);
  return places;
}

class Masked final : public learn::Network {
 public:
  Masked(std::unique_ptr<learn::Network> network, std::shared_ptr<const Mask> mask)
      : network_(std::move(network)), mask_(std::move(mask)) {}

  const model::LayoutPtr& layout() const override { return network_->layout(); }
  Output predict(const ParameterSet& parameters, std::span<const float> features, std::size_t examples) override {
    return network_->predict(parameters, features, examples);
  }
  learn::BatchResult evaluate(const ParameterSet& parameters, const learn::Batch& batch, learn::Loss loss) override {
    return network_->evaluate(parameters, batch, loss);
  }
  learn::BatchResult gradient(ParameterSet& parameters, const learn::Batch& batch, learn::Loss loss,
                              RandomStream& random, std::span<float> gradient) override {
    const auto result = network_->gradient(parameters, batch, loss, random, gradient);
    const Mask& mask = *mask_;
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = mask[i] != 0 ? gradient[i] : 0.0F;
    return result;
  }

 private:
  std::unique_ptr<learn::Network> network_;
  std::shared_ptr<const Mask> mask_;
};

}  // namespace

void check(const PruningPlan& plan) {
  if (!(plan.sparsity >= 0 && plan.sparsity < 1))
    fail(Error::Kind::Malformed,
         "sparsity is " + std::to_string(plan.sparsity) + ", but must be at least 0 and below 1");
  if (plan.m != 0 && (plan.n == 0 || plan.n >= plan.m || plan.m > 64))
    fail(Error::Kind::Malformed, "a pattern n:m keeps n of m neighbours, 1 <= n < m <= 64, as in 2:4");
}

Mask choose_mask(const ParameterSet& parameters, const PruningPlan& plan) {
  check(plan);
  Mask mask(parameters.values().size(), 1);
  const auto scores = scores_of(parameters, plan);
  std::vector<std::uint64_t> all;
  for (const TensorSpec* spec : weights_of(parameters.layout())) {
    if (plan.m != 0) {
      prune_pattern(*spec, scores, plan, mask);
    } else if (plan.scope == PruningPlan::Scope::Layer) {
      prune_least(places_of(*spec), scores, plan.sparsity, mask);
    } else {
      const auto places = places_of(*spec);
      all.insert(all.end(), places.begin(), places.end());
    }
  }
  if (!all.empty()) prune_least(std::move(all), scores, plan.sparsity, mask);
  return mask;
}

void apply_mask(const Mask& mask, ParameterSet& parameters) {
  const auto values = parameters.values();
  TRIBUTARY_CHECK(mask.size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (mask[i] == 0) values[i] = 0;
}

double sparsity_of(const ParameterSet& parameters) {
  std::uint64_t weights = 0, zeros = 0;
  for (const TensorSpec* spec : weights_of(parameters.layout())) {
    weights += spec->size;
    zeros += static_cast<std::uint64_t>(std::ranges::count(parameters.tensor(*spec), 0.0F));
  }
  return weights == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(weights);
}

std::unique_ptr<learn::Network> masked_network(std::unique_ptr<learn::Network> network,
                                               std::shared_ptr<const Mask> mask) {
  return std::make_unique<Masked>(std::move(network), std::move(mask));
}

}  // namespace tributary::edge
