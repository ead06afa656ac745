#include "participant/assignment.h"

#include <algorithm>

#include "common/base/error.h"

namespace tributary::participant {

namespace {

BlobName sized_blob(const char* what, const Digest& digest, std::uint64_t bytes, std::uint64_t max_bytes) {
  if (bytes == 0) fail(Error::Kind::Malformed, std::string(what) + " of 0 bytes");
  if (bytes > max_bytes)
    fail(Error::Kind::Overloaded, std::string(what) + " of " + std::to_string(bytes) +
                                      " bytes: this participant takes " + std::to_string(max_bytes));
  return {digest, bytes};
}

std::optional<Assignment::Difference> difference_of(const wire::Offer& offer, std::uint64_t max_bytes) {
  if (!offer.delta) return std::nullopt;
  const wire::DeltaOffer& delta = *offer.delta;
  return Assignment::Difference{delta.base, sized_blob("a difference", delta.delta, delta.delta_bytes, max_bytes)};
}

// One that this build does not know falls back to the default; the update says which was used.
codec::UpdateEncoding known_encoding(const std::string& text) {
  const auto known = codec::supported_update_encodings();
  const bool is_known = std::find(known.begin(), known.end(), text.substr(0, text.find(':'))) != known.end();
  return is_known ? codec::UpdateEncoding::parse(text) : codec::UpdateEncoding();
}

learn::TrainingPlan checked_plan(const wire::Plan& plan) {
  learn::TrainingPlan result;
  result.loss = learn::loss_from(plan.loss);
  result.learning_rate = plan.learning_rate;
  result.learning_rate_decay = plan.learning_rate_decay;
  result.momentum = plan.momentum;
  result.weight_decay = plan.weight_decay;
  result.clip_norm = plan.clip_norm;
  result.proximal_mu = plan.proximal_mu;
  result.batch_size = plan.batch_size;
  result.epochs = plan.epochs;
  result.max_steps = plan.max_steps;
  result.max_seconds = plan.max_seconds;
  result.online = plan.online;
  // A coordinator that knows nothing of exits says nothing of them.
  if (plan.hedge_beta != 0) result.hedge = {plan.hedge_beta, plan.hedge_floor};
  learn::check(result);
  return result;
}

std::optional<codec::RoundingPlan> checked_rounding(const wire::Plan& plan) {
  if (plan.quantized_bits == 0) return std::nullopt;
  const codec::RoundingPlan rounding{plan.quantized_bits, plan.quantized_levels, plan.quantized_block, plan.pruned};
  codec::check(rounding);
  return rounding;
}

}  // namespace

std::variant<Assignment, std::string> judge(const wire::Offer& offer, std::uint64_t max_model_bytes) {
  try {
    return Assignment{offer.round,
                      offer.seed,
                      sized_blob("a model", offer.model, offer.model_bytes, max_model_bytes),
                      sized_blob("an edge copy", offer.edge, offer.edge_bytes, max_model_bytes),
                      difference_of(offer, max_model_bytes),
                      known_encoding(offer.encoding),
                      checked_plan(offer.plan),
                      checked_rounding(offer.plan)};
  } catch (const Error& e) {
    return std::string(e.what());
  }
}

}  // namespace tributary::participant
