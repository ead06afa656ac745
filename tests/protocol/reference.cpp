#include "reference.h"

#include <algorithm>
#include <cmath>

#include "common/base/digest.h"
#include "common/codec/update.h"

namespace tributary::protocol {

Reference::Reference(const model::Graph& graph, const coordinator::Settings& settings)
    : settings_(settings),
      global_(graph.parameters()),
      velocity_(global_.layout().size()),
      publisher_(global_.layout_ptr(), settings.edge, 1) {
  publish(0);
}

void Reference::publish(std::uint64_t round) {
  model_ = model::digest_of(global_);
  Bytes blob = publisher_.publish(global_, round).blob;
  edge_ = sha256(blob);
  edges_.try_emplace(edge_, std::move(blob));
}

const Bytes* Reference::find_edge(const Digest& edge) const {
  const auto at = edges_.find(edge);
  return at == edges_.end() ? nullptr : &at->second;
}

void Reference::apply(const std::vector<Counted>& updates, std::uint64_t round) {
  codec::UpdateLimits limits;
  if (settings_.update_clip_norm > 0) limits.clip_norm = settings_.update_clip_norm;
  std::vector<std::int64_t> sum(global_.layout().size());
  std::uint64_t examples = 0;
  const auto cap = static_cast<double>(settings_.round.max_examples);
  for (const Counted& update : updates) {
    const std::uint64_t counted = std::min(update.examples, settings_.round.max_examples);
    const double factor = codec::check_update(update.blob, global_.layout(), limits).factor;
    const double weight = static_cast<double>(counted) / cap * factor;
    const std::vector<float> values = codec::decode_update(update.blob, global_.layout());
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] += std::llrint(weight * std::ldexp(1.0, 40) * static_cast<double>(values[i]));
    examples += counted;
  }
  const auto rate = static_cast<float>(settings_.server.learning_rate);
  const auto momentum = static_cast<float>(settings_.server.momentum);
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double weights = static_cast<double>(examples) / cap;
    const auto mean = static_cast<float>(std::ldexp(static_cast<double>(sum[i]), -40) / weights);
    velocity_[i] = momentum * velocity_[i] + mean;
    global_.values()[i] += rate * velocity_[i];
  }
  publish(round);
}

}  // namespace tributary::protocol
