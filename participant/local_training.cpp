#include "participant/local_training.h"

#include <utility>

#include "common/base/random.h"
#include "common/codec/edge_copy.h"
#include "common/model/parameters.h"

namespace tributary::participant {

namespace {

RandomStream stream(const TrainingTask& task, std::string_view purpose) {
  return RandomStream(StreamName{task.seed, purpose, task.round, task.participant});
}

void subtract(std::span<float> values, std::span<const float> from) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= from[i];
}

}  // namespace

Learnt train_locally(learn::Network& network, learn::ExitNetwork* exits, SharedBlob edge, const data::View& examples,
                     const TrainingTask& task, std::vector<float> residual, const Clock& clock,
                     const std::function<bool()>& stop) {
  Learnt learnt;
  const TimePoint start = clock.now();
  const model::ParameterSet received = codec::decode_edge_copy(*edge, network.layout());
  edge.reset();
  learnt.decode_seconds = seconds(clock.now() - start);

  model::ParameterSet trained = received;
  RandomStream shuffle = stream(task, "shuffle");
  bool stopped = false;
  const auto ends = [&] { return stopped = stop && stop(); };
  learnt.training = exits != nullptr && task.plan.online
                        ? learn::train(*exits, trained, examples, task.plan, task.round, shuffle, clock, ends)
                        : learn::train(network, trained, examples, task.plan, task.round, shuffle, clock, ends);
  if (stopped) learnt.ending = Learnt::Ending::Stopped;
  if (!learnt.training.finite) learnt.ending = Learnt::Ending::Diverged;
  if (learnt.ending != Learnt::Ending::Complete) return learnt;

  const TimePoint encoding = clock.now();
  subtract(trained.values(), received.values());
  if (residual.empty() && task.encoding.lossy()) residual.resize(trained.layout().size());
  learnt.update =
      codec::encode_update(trained.layout(), trained.values(), residual, task.encoding, stream(task, "rounding"));
  if (task.encoding.lossy()) learnt.residual = std::move(residual);
  learnt.encode_seconds = seconds(clock.now() - encoding);
  return learnt;
}

}  // namespace tributary::participant
