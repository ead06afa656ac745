// tests/participant/by_hand.h
//
// What a participant's update must be, from the rooms that it is made of and nothing of the participant's.
#pragma once

#include "common/learn/training.h"
#include "tests/participant/scripted_coordinator.h"

namespace tributary::participant::testing {

// `residual` (empty at first) is carried on. Encodings: those of the offer.
inline Bytes update_by_hand(const Publication& published, const wire::Offer& offer, const data::View& examples,
                            const std::string& name, std::vector<float>& residual) {
  const auto network = learn::Network::compile(published.graph);
  learn::TrainingPlan plan;
  plan.loss = learn::loss_from(offer.plan.loss);
  plan.learning_rate = offer.plan.learning_rate;
  plan.batch_size = offer.plan.batch_size;
  plan.epochs = offer.plan.epochs;
  model::ParameterSet trained = codec::decode_edge_copy(published.edge.blob, network->layout());
  RandomStream shuffle(StreamName{offer.seed, "shuffle", offer.round, name});
  const ManualClock clock;
  learn::train(*network, trained, examples, plan, offer.round, shuffle, clock);
  const auto encoding = codec::UpdateEncoding::parse(offer.encoding);
  if (residual.empty() && encoding.lossy()) residual.resize(trained.layout().size());
  std::vector<float> delta(trained.values().begin(), trained.values().end());
  for (std::size_t i = 0; i < delta.size(); ++i) delta[i] -= published.edge.values.values()[i];
  return codec::encode_update(trained.layout(), delta, residual, encoding,
                              RandomStream(StreamName{offer.seed, "rounding", offer.round, name}));
}

}  // namespace tributary::participant::testing
