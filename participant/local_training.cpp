#include "participant/local_training.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/codec/edge_copy.h"
#include "common/model/parameters.h"
#include "participant/rounding_network.h"

namespace tributary::participant {

namespace {

RandomStream stream(const TrainingTask& task, std::string_view purpose) {
  return RandomStream(StreamName{task.seed, purpose, task.round, task.participant});
}

// Makes of `x` its difference from `from`, plus what earlier rounds left. `residual`: of its size, or empty.
void subtract(std::span<float> x, std::span<const float> from, std::span<const float> residual) {
  for (std::size_t i = 0; i < residual.size(); ++i) x[i] = residual[i] + (x[i] - from[i]);
  for (std::size_t i = residual.size(); i < x.size(); ++i) x[i] = 0.0F + (x[i] - from[i]);  // no -0
}

// The edge copy is the same whatever the float weights are within the rounding's steps around its values, which lie in
// the middle of theirs. Training that started there would see none of its first moves, and all that cross a border
// together; so every weight starts anywhere in its step (but for its ends, where the largest would need another scale).
void spread(std::span<float> values, std::span<const float> steps, RandomStream random) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (steps[i] != 0) values[i] += 0.96F * steps[i] * static_cast<float>(random.uniform() - 0.5);
}

// Trains bench.trained through the rounding; what it was when training began, in `start`.
learn::TrainingResult train_through_rounding(Workbench& bench, ByteSpan edge, const data::View& examples,
                                             const TrainingTask& task, RandomStream& shuffle, const Clock& clock,
                                             const std::function<bool()>& stop, model::ParameterSet& start) {
  const codec::EdgeRounding rounding(*task.rounding, codec::decode_edge_copy_quantized(edge, bench.network->layout()));
  start = bench.received;
  spread(start.values(), rounding.steps(), stream(task, "start"));
  bench.trained = start;
  const auto network = rounding_network(*bench.network, rounding);
  return learn::train(*network, bench.trained, examples, task.plan, task.round, shuffle, clock, stop);
}

// Fills bench.received, then bench.trained with the same values.
void receive(Workbench& bench, const Digest& name, ByteSpan edge) {
  if (bench.received.empty() || bench.edge != name) {
    bench.received = {};  // of no name, should what follows throw
    bench.received = codec::decode_edge_copy(edge, bench.network->layout());
    bench.edge = name;
  }
  bench.trained = bench.received;
}

}  // namespace

Learnt train_locally(Workbench& bench, const Digest& name, SharedBlob edge, const data::View& examples,
                     const TrainingTask& task, std::span<const float> residual, const Clock& clock,
                     const std::function<bool()>& stop) {
  Learnt learnt;
  const TimePoint begun = clock.now();
  receive(bench, name, *edge);
  learnt.decode_seconds = seconds(clock.now() - begun);
  if (!task.rounding) edge.reset();

  model::ParameterSet& trained = bench.trained;
  RandomStream shuffle = stream(task, "shuffle");
  bool stopped = false;
  const auto ends = [&] { return stopped = stop && stop(); };
  model::ParameterSet start;  // where it is not what was received
  if (task.rounding) {
    if (bench.exits && task.plan.online)
      fail(Error::Kind::Malformed, "there is no training through the edge copies' rounding by hedge backpropagation");
    learnt.training = train_through_rounding(bench, *edge, examples, task, shuffle, clock, ends, start);
  } else if (bench.exits && task.plan.online) {
    learnt.training = learn::train(*bench.exits, trained, examples, task.plan, task.round, shuffle, clock, ends);
  } else {
    learnt.training = learn::train(*bench.network, trained, examples, task.plan, task.round, shuffle, clock, ends);
  }
  if (stopped) learnt.ending = Learnt::Ending::Stopped;
  if (!learnt.training.finite) learnt.ending = Learnt::Ending::Diverged;
  if (learnt.ending != Learnt::Ending::Complete) return learnt;

  const TimePoint encoding = clock.now();
  TRIBUTARY_CHECK(residual.empty() || residual.size() == trained.values().size());
  subtract(trained.values(), (task.rounding ? start : bench.received).values(), residual);
  learnt.update =
      codec::encode_leaving_rest(trained.layout(), trained.values(), task.encoding, stream(task, "rounding"));
  if (task.encoding.lossy()) learnt.residual = trained.take_values();
  learnt.encode_seconds = seconds(clock.now() - encoding);
  return learnt;
}

}  // namespace tributary::participant
