#include "common/learn/hedge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/base/error.h"

namespace tributary::learn {

Hedge::Hedge(std::size_t exits, const HedgeRule& rule) : rule_(rule), alphas_(exits) {
  TRIBUTARY_CHECK(exits > 0 && rule.beta > 0 && rule.beta < 1 && rule.floor >= 0 && rule.floor <= 1);
  reset();
}

void Hedge::reset() {
  std::fill(alphas_.begin(), alphas_.end(), 1.0 / static_cast<double>(alphas_.size()));
}

// The smallest loss is taken out first: it is the same factor for all, and beta^loss must not vanish for all.
void Hedge::update(std::span<const double> losses, std::size_t examples) {
  TRIBUTARY_CHECK(losses.size() == alphas_.size());
  const double least = *std::min_element(losses.begin(), losses.end());
  const double log_beta = std::log(rule_.beta) * static_cast<double>(examples);
  for (std::size_t i = 0; i < alphas_.size(); ++i) alphas_[i] *= std::exp(log_beta * (losses[i] - least));
  settle();
}

void Hedge::settle() {
  normalise();
  const double least = rule_.floor / static_cast<double>(alphas_.size());
  for (double& alpha : alphas_) alpha = std::max({alpha, least, std::numeric_limits<double>::min()});
  normalise();
}

void Hedge::normalise() {
  const double sum = std::accumulate(alphas_.begin(), alphas_.end(), 0.0);
  for (double& alpha : alphas_) alpha /= sum;
}

void Hedge::set_logarithms(std::span<const float> logarithms) {
  TRIBUTARY_CHECK(logarithms.size() == alphas_.size());
  double largest = -std::numeric_limits<double>::infinity();
  for (const float value : logarithms)
    if (std::isfinite(value)) largest = std::max(largest, double{value});
  if (!std::isfinite(largest)) return reset();
  for (std::size_t i = 0; i < alphas_.size(); ++i)
    alphas_[i] = std::isfinite(logarithms[i]) ? std::exp(double{logarithms[i]} - largest) : 0.0;
  normalise();
  for (std::size_t i = 0; i < alphas_.size(); ++i)
    if (!std::isfinite(logarithms[i])) alphas_[i] = rule_.floor / static_cast<double>(alphas_.size());
  for (double& alpha : alphas_) alpha = std::max(alpha, std::numeric_limits<double>::min());
  normalise();
}

void Hedge::get_logarithms(std::span<float> logarithms) const {
  TRIBUTARY_CHECK(logarithms.size() == alphas_.size());
  std::transform(alphas_.begin(), alphas_.end(), logarithms.begin(),
                 [](double alpha) { return static_cast<float>(std::log(alpha)); });
}

}  // namespace tributary::learn
