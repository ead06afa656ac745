#include "common/edge/sharing.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "common/base/error.h"
#include "common/edge/graph_edits.h"
#include "common/learn/trace.h"

namespace tributary::edge {

namespace {

using model::Graph;
using model::Node;
using Similarity = SharingPlan::Similarity;

constexpr std::uint32_t kFewestExamples = 2, kMostExamples = 1024;

void check(const SharingPlan& plan) {
  if (plan.pairs == 0) fail(Error::Kind::Malformed, "at least one pair of layers must share");
  if (plan.similarity == Similarity::Cka && (plan.examples < kFewestExamples || plan.examples > kMostExamples))
    fail(Error::Kind::Malformed, "layers are compared on 2 to 1024 examples, not " + std::to_string(plan.examples));
}

// Nodes with a weight of their own.
std::vector<const Node*> layers_with_weights(const Graph& graph) {
  const Wiring wiring(graph);
  const auto layout = graph.layout();
  std::vector<const Node*> layers;
  for (const Node& node : graph.nodes) {
    if (node.op != "Conv" && node.op != "Gemm" && node.op != "MatMul") continue;
    const auto* weight = layout->find(node.inputs.at(1));
    if (weight != nullptr && weight->role == model::Role::Weight && wiring.readers.at(weight->name).size() == 1)
      layers.push_back(&node);
  }
  return layers;
}

bool are_of_one_kind(const Graph& graph, const Node& a, const Node& b) {
  return a.op == b.op && a.attributes == b.attributes &&
         graph.initializers.at(a.inputs[1]).shape == graph.initializers.at(b.inputs[1]).shape;
}

double inner(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
                            [](float x, float y) { return double{x} * double{y}; });
}

// Over their lengths; 0 where one has none.
template <class Vector>
double cosine(const Vector& a, const Vector& b) {
  const double lengths = std::sqrt(inner(a, a) * inner(b, b));
  return lengths > 0 ? inner(a, b) / lengths : 0;
}

// Inner products of the rows, one for each example, after every column's mean is taken away: what CKA compares.
std::vector<float> gram_of(std::span<const float> values, std::size_t examples) {
  const std::size_t width = values.size() / examples;
  std::vector<double> mean(width);
  for (std::size_t i = 0; i < values.size(); ++i) mean[i % width] += double{values[i]} / static_cast<double>(examples);
  std::vector<float> centred(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) centred[i] = static_cast<float>(double{values[i]} - mean[i % width]);
  const auto row = [&](std::size_t e) { return std::span<const float>(centred).subspan(e * width, width); };
  std::vector<float> gram(examples * examples);
  for (std::size_t a = 0; a < examples; ++a)
    for (std::size_t b = 0; b <= a; ++b)
      gram[a * examples + b] = gram[b * examples + a] =
          std::inner_product(row(a).begin(), row(a).end(), row(b).begin(), 0.0F);
  return gram;
}

// What similarity is measured between, for each layer by the name of its output.
using Signatures = std::map<std::string, std::vector<float>>;

Signatures grams(const Graph& graph, const std::vector<const Node*>& layers, const data::View& examples,
                 const SharingPlan& plan) {
  const std::size_t count = std::min(examples.size(), plan.examples);
  if (count < kFewestExamples)
    fail(Error::Kind::Malformed, "layers are compared on examples: give at least 2, or compare their weights (cosine)");
  Signatures made;
  for (const Node* layer : layers) made[layer->outputs.front()];
  const data::Dataset& dataset = *examples.dataset;
  std::vector<float> features(count * dataset.feature_size()), labels(count * dataset.label_size());
  dataset.read(std::span(examples.indices).first(count), features, labels);
  learn::Trace::compile(graph)->run(
      features, count, [&](const std::string& name) { return made.contains(name); },
      [&](const learn::TracedValue& value) { made[value.name] = gram_of(value.values, count); });
  return made;
}

Signatures signatures_of(const Graph& graph, const std::vector<const Node*>& layers, const data::View& examples,
                         const SharingPlan& plan) {
  if (plan.similarity == Similarity::Cka) return grams(graph, layers, examples, plan);
  Signatures made;
  for (const Node* layer : layers) made[layer->outputs.front()] = float_values(graph.initializers.at(layer->inputs[1]));
  return made;
}

// Weights that are one, by the first of them.
class Sets {
 public:
  const std::string& first(const std::string& weight) const {
    const auto found = joined_.find(weight);
    return found == joined_.end() ? weight : first(found->second);
  }
  // False when they are one already. The earlier of the two names is kept.
  bool join(const std::string& earlier, const std::string& later, const std::map<std::string, std::size_t>& order) {
    std::string a = first(earlier), b = first(later);
    if (a == b) return false;
    if (order.at(b) < order.at(a)) std::swap(a, b);
    joined_[b] = a;
    return true;
  }

 private:
  std::map<std::string, std::string> joined_;
};

// `graph` whose layout is without the weights of these names.
Graph freeze(Graph graph, const std::vector<std::string>& names) {
  std::string& list = graph.metadata["tributary.frozen"];
  for (const std::string& name : names) {
    if (name.find(',') != std::string::npos)
      fail(Error::Kind::Unsupported, "weight '" + name + "' cannot be frozen: its name has a comma; rename it");
    list += (list.empty() ? "" : ",") + name;
  }
  return graph;
}

}  // namespace

std::vector<SimilarPair> similar_pairs(const Graph& graph, const data::View& examples, const SharingPlan& plan) {
  check(plan);
  const auto layers = layers_with_weights(graph);
  const Signatures signatures = signatures_of(graph, layers, examples, plan);
  std::vector<SimilarPair> pairs;
  for (std::size_t a = 0; a < layers.size(); ++a)
    for (std::size_t b = a + 1; b < layers.size(); ++b)
      if (are_of_one_kind(graph, *layers[a], *layers[b]))
        pairs.push_back({layers[a]->inputs[1], layers[b]->inputs[1],
                         cosine(signatures.at(layers[a]->outputs.front()), signatures.at(layers[b]->outputs.front()))});
  std::ranges::stable_sort(pairs, std::greater<>(), &SimilarPair::similarity);
  return pairs;
}

Sharing share(Graph& graph, const data::View& examples, const SharingPlan& plan) {
  const auto pairs = similar_pairs(graph, examples, plan);
  std::map<std::string, std::size_t> order;
  for (const Node* layer : layers_with_weights(graph)) order.emplace(layer->inputs[1], order.size());
  Sets sets;
  Sharing made;
  for (const SimilarPair& pair : pairs)
    if (made.pairs.size() < plan.pairs && sets.join(pair.first, pair.second, order)) made.pairs.push_back(pair);
  if (made.pairs.size() < plan.pairs)
    fail(Error::Kind::Malformed, "model '" + graph.name + "' has " + std::to_string(made.pairs.size()) +
                                     " pairs of layers of one shape, fewer than the " + std::to_string(plan.pairs) +
                                     " that are to share");
  for (const auto& [weight, place] : order) {
    const std::string& kept = sets.first(weight);
    if (kept == weight) continue;
    redirect_readers(graph, weight, kept);
    if (std::ranges::count(made.frozen, kept) == 0) made.frozen.push_back(kept);
  }
  remove_unused(graph);
  return made;
}

void train_around(Graph& graph, const Sharing& sharing, const data::View& examples, const SharingPlan& plan,
                  const Clock& clock, const TrainingWatch& watch) {
  Graph trained = freeze(graph, sharing.frozen);
  const auto network = learn::Network::compile(trained);
  model::ParameterSet parameters = trained.parameters();
  TrainingWatch inner{{}, watch.step};
  inner.epoch_done = [&](const EpochDone& done, const model::ParameterSet& now) {
    if (!done.result.finite) return;
    trained.set_parameters(now);
    graph.initializers = trained.initializers;
    if (watch.epoch_done) watch.epoch_done(done, graph.parameters());
  };
  const auto last = train_centrally(*network, parameters, examples, plan.training, clock, inner);
  if (last) require_finite(*last);
}

}  // namespace tributary::edge
