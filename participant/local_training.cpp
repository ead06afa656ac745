#include "participant/local_training.h"

#include <utility>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/codec/edge_copy.h"
#include "common/model/parameters.h"

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
  const TimePoint start = clock.now();
  receive(bench, name, *edge);
  edge.reset();
  learnt.decode_seconds = seconds(clock.now() - start);

  model::ParameterSet& trained = bench.trained;
  RandomStream shuffle = stream(task, "shuffle");
  bool stopped = false;
  const auto ends = [&] { return stopped = stop && stop(); };
  learnt.training = bench.exits && task.plan.online
                        ? learn::train(*bench.exits, trained, examples, task.plan, task.round, shuffle, clock, ends)
                        : learn::train(*bench.network, trained, examples, task.plan, task.round, shuffle, clock, ends);
  if (stopped) learnt.ending = Learnt::Ending::Stopped;
  if (!learnt.training.finite) learnt.ending = Learnt::Ending::Diverged;
  if (learnt.ending != Learnt::Ending::Complete) return learnt;

  const TimePoint encoding = clock.now();
  TRIBUTARY_CHECK(residual.empty() || residual.size() == trained.values().size());
  subtract(trained.values(), bench.received.values(), residual);
  learnt.update =
      codec::encode_leaving_rest(trained.layout(), trained.values(), task.encoding, stream(task, "rounding"));
  if (task.encoding.lossy()) learnt.residual = trained.take_values();
  learnt.encode_seconds = seconds(clock.now() - encoding);
  return learnt;
}

}  // namespace tributary::participant
