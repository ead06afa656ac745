#include "common/data/partition_schemes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <queue>
#include <utility>

#include "common/base/error.h"

namespace tributary::data {

namespace {

using Indices = std::vector<std::uint32_t>;
using Counts = std::vector<std::uint32_t>;

// Where piece `i` of `pieces` nearly equal pieces of `count` things begins.
std::uint32_t cut(std::uint32_t count, std::uint64_t i, std::uint64_t pieces) {
  return static_cast<std::uint32_t>(count * i / pieces);
}

Indices part_of(const Indices& all, std::uint32_t begin, std::uint32_t end) {
  return {all.begin() + begin, all.begin() + end};
}

// Hands out a random permutation of all examples, sizes[p] to participant p. REQUIRES: the sizes add up to all.
Parts deal(const Split& split, const Counts& sizes) {
  const Indices order = split.random.permutation(split.dataset.size());
  Parts parts;
  std::uint32_t begin = 0;
  for (const std::uint32_t size : sizes) {
    parts.push_back(part_of(order, begin, begin + size));
    begin += size;
  }
  TRIBUTARY_CHECK(begin == order.size());
  return parts;
}

// One for everybody, the rest in proportion to the weights; what rounding down leaves goes to the largest remainders.
// REQUIRES: weights not negative, at least one positive.
Counts sizes_by_weight(std::uint32_t total, const std::vector<double>& weights) {
  const std::size_t n = weights.size();
  const auto rest = static_cast<double>(total - n);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  Counts sizes(n);
  std::vector<double> remainders(n);
  for (std::size_t p = 0; p < n; ++p) {
    const double exact = rest * (weights[p] / sum);
    sizes[p] = 1 + static_cast<std::uint32_t>(exact);
    remainders[p] = exact - std::floor(exact);
  }
  Indices order(n);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return remainders[a] > remainders[b]; });
  const std::uint64_t given = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  for (std::uint64_t left = total - given, i = 0; i < left; ++i) ++sizes[order[i % n]];
  return sizes;
}

// exp(log_weight), scaled so that the largest is 1.
std::vector<double> from_logarithms(std::vector<double> weights) {
  const double largest = *std::max_element(weights.begin(), weights.end());
  for (double& w : weights) w = std::exp(w - largest);
  return weights;
}

// The logarithm of a gamma variate of scale 1 (Marsaglia & Tsang 2000; shapes below 1 by their boost). In logarithms
// because variates of small shapes are often below the smallest double.
double log_gamma_variate(double shape, RandomStream& random) {
  if (shape < 1) return log_gamma_variate(shape + 1, random) + std::log(1.0 - random.uniform()) / shape;
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = random.normal();
    const double v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
    if (v > 0 && std::log(1.0 - random.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

std::vector<Indices> by_label(const Dataset& dataset) {
  std::vector<Indices> classes(dataset.classes());
  for (std::uint32_t i = 0; i < dataset.size(); ++i) classes[dataset.label_of(i)].push_back(i);
  return classes;
}

class DirichletDraw {
 public:
  explicit DirichletDraw(const Split& split) : split_(split), classes_(by_label(split.dataset)) {}

  // counts[class][participant]
  std::vector<Counts> draw() {
    held_.assign(split_.participants, 0);
    std::vector<Counts> counts;
    for (const Indices& members : classes_) counts.push_back(draw_class(static_cast<std::uint32_t>(members.size())));
    return counts;
  }

  // Examples of each participant in the last draw.
  const Counts& held() const { return held_; }

  Parts deal(const std::vector<Counts>& counts) {
    Parts parts(split_.participants);
    for (std::size_t k = 0; k < classes_.size(); ++k) {
      split_.random.shuffle(classes_[k]);
      auto next = classes_[k].begin();
      for (std::uint32_t p = 0; p < split_.participants; ++p) {
        parts[p].insert(parts[p].end(), next, next + counts[k][p]);
        next += counts[k][p];
      }
    }
    return parts;
  }

 private:
  Counts draw_class(std::uint32_t members) {
    const std::uint32_t n = split_.participants;
    if (members == 0) return Counts(n);
    std::vector<double> weights(n);
    for (double& w : weights) w = log_gamma_variate(split_.argument, split_.random);
    const double share = double(split_.dataset.size()) / n;
    for (std::uint32_t p = 0; p < n; ++p) {
      if (held_[p] >= share) weights[p] = -std::numeric_limits<double>::infinity();
    }
    weights = from_logarithms(std::move(weights));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);

    Counts counts(n);
    double reached = 0;
    std::uint32_t begin = 0;
    for (std::uint32_t p = 0; p < n; ++p) {
      reached += weights[p] / sum;
      const std::uint32_t end = std::min(members, static_cast<std::uint32_t>(std::llround(reached * members)));
      counts[p] = end - begin;
      begin = end;
    }
    // Rounding errors of `reached` may leave one.
    const auto largest = std::max_element(weights.begin(), weights.end()) - weights.begin();
    counts[largest] += members - begin;
    for (std::uint32_t p = 0; p < n; ++p) held_[p] += counts[p];
    return counts;
  }

  const Split& split_;
  std::vector<Indices> classes_;
  Counts held_;
};

// Moves random examples from whoever holds most to everybody with fewer than `least`.
void top_up(Parts& parts, std::size_t least, RandomStream& random) {
  using Holder = std::pair<std::size_t, std::uint32_t>;  // examples, participant
  std::priority_queue<Holder> richest;
  for (std::uint32_t p = 0; p < parts.size(); ++p) {
    if (parts[p].size() > least) richest.emplace(parts[p].size(), p);
  }
  for (Indices& part : parts) {
    while (part.size() < least) {
      Indices& giver = parts[richest.top().second];
      std::swap(giver[random.below(giver.size())], giver.back());
      part.push_back(giver.back());
      giver.pop_back();
      const Holder rest{giver.size(), richest.top().second};
      richest.pop();
      if (rest.first > least) richest.push(rest);
    }
  }
}

}  // namespace

Parts split_iid(const Split& split) {
  Counts sizes;
  const std::uint32_t n = split.participants;
  for (std::uint32_t p = 0; p < n; ++p)
    sizes.push_back(cut(split.dataset.size(), p + 1ull, n) - cut(split.dataset.size(), p, n));
  return deal(split, sizes);
}

Parts split_interleaved(const Split& split) {
  Parts parts(split.participants);
  for (std::uint32_t i = 0; i < split.dataset.size(); ++i) parts[i % split.participants].push_back(i);
  return parts;
}

Parts split_shards(const Split& split) {
  const auto each = static_cast<std::uint32_t>(split.argument);
  const std::uint32_t shards = each * split.participants;
  Indices sorted;
  for (const Indices& members : by_label(split.dataset)) sorted.insert(sorted.end(), members.begin(), members.end());
  const Indices order = split.random.permutation(shards);
  Parts parts(split.participants);
  for (std::uint32_t i = 0; i < shards; ++i) {
    const Indices shard = part_of(sorted, cut(split.dataset.size(), order[i], shards),
                                  cut(split.dataset.size(), order[i] + 1ull, shards));
    Indices& part = parts[i / each];
    part.insert(part.end(), shard.begin(), shard.end());
  }
  return parts;
}

Parts split_dirichlet(const Split& split) {
  constexpr int kDraws = 100;
  const std::uint32_t share = split.dataset.size() / split.participants;
  const std::uint32_t least = std::clamp(share / 10, 1u, 10u);
  DirichletDraw draw(split);
  std::vector<Counts> counts = draw.draw();
  const auto somebody_is_short = [&] { return *std::min_element(draw.held().begin(), draw.held().end()) < least; };
  for (int i = 1; i < kDraws && somebody_is_short(); ++i) counts = draw.draw();
  Parts parts = draw.deal(counts);
  top_up(parts, least, split.random);
  return parts;
}

Parts split_quantity_lognormal(const Split& split) {
  std::vector<double> weights(split.participants);
  for (double& w : weights) w = split.argument * split.random.normal();
  return deal(split, sizes_by_weight(split.dataset.size(), from_logarithms(std::move(weights))));
}

Parts split_quantity_power(const Split& split) {
  std::vector<double> weights;
  for (const std::uint32_t rank : split.random.permutation(split.participants)) {
    weights.push_back(-split.argument * std::log(rank + 1.0));
  }
  return deal(split, sizes_by_weight(split.dataset.size(), from_logarithms(std::move(weights))));
}

Parts split_natural(const Split& split) {
  std::vector<Indices> of_holder(split.dataset.holders());
  for (std::uint32_t i = 0; i < split.dataset.size(); ++i) of_holder[split.dataset.holder_of(i)].push_back(i);
  Indices order = split.random.permutation(split.dataset.holders());
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return of_holder[a].size() > of_holder[b].size(); });
  using Load = std::pair<std::size_t, std::uint32_t>;  // examples, participant
  std::priority_queue<Load, std::vector<Load>, std::greater<>> least;
  for (std::uint32_t p = 0; p < split.participants; ++p) least.emplace(0, p);
  Parts parts(split.participants);
  for (const std::uint32_t holder : order) {
    const auto [load, p] = least.top();
    least.pop();
    parts[p].insert(parts[p].end(), of_holder[holder].begin(), of_holder[holder].end());
    least.emplace(load + of_holder[holder].size(), p);
  }
  return parts;
}

}  // namespace tributary::data
