#include "participant/stream_settings.h"

namespace tributary::participant {

namespace {

using options::Keys;

constexpr double kMany = 1e9;

void bind_online(Keys& keys, learn::OnlinePlan& plan) {
  keys.number("online.learning_rate", plan.learning_rate, {0, 1e6}, "step size");
  keys.custom(
      "online.schedule", "constant|inverse_sqrt|adagrad",
      [&plan](std::string_view text) { plan.schedule = learn::schedule_from(text); },
      [&plan] { return std::string(name_of(plan.schedule)); }, "how the step size goes on along the stream");
  keys.number("online.beta", plan.hedge.beta, {1e-6, 1 - 1e-9},
              "Hedge: factor on an exit's weight for each unit of its loss");
  keys.number("online.floor", plan.hedge.floor, {0, 1},
              "Hedge: share that all exits keep together, whatever they lose");
  keys.number("online.boost", plan.boost, {1, 1000}, "factor on the step size after an alarm of drift; 1 = none");
  keys.count("online.boost_examples", plan.boost_examples, {0, kMany}, "examples over which that factor wears off");
}

}  // namespace

void bind_stream(Keys& keys, StreamSettings& settings) {
  learn::StreamPlan& plan = settings.plan;
  keys.text("stream.source", settings.source,
            "data = the examples of data.* in their order, or a generator: sea, hyperplane, rbf, with keys as in "
            "\"sea,every=25000,width=0,noise=0.1,examples=100000\"");
  keys.count("stream.label_delay", plan.label_delay, {0, 1e6}, "examples that come between an example and its label");
  keys.flag("stream.standardize", plan.standardize,
            "whether each feature is shifted and scaled by mean and deviation of what came so far");
  keys.number("stream.scale", plan.scale, {1e-6, 1e6},
              "factor on the features then; less than 1 lets the step size be larger");
  keys.flag("stream.last_label", plan.last_label, "whether the last label known is one more feature");
  bind_online(keys, plan.online);
  keys.count("online.batch_size", plan.batch_size, {1, 1e6}, "examples learnt in one step");
  keys.number("online.fading", plan.fading, {1e-6, 1},
              "factor on an example's part in the fading figures, each later one");
  keys.number("drift.delta", plan.drift.delta, {1e-12, 1},
              "ADWIN: confidence; larger finds more, and more that is not");
  keys.count("drift.clock", plan.drift.clock, {1, 1e6}, "ADWIN: examples between two looks");
  keys.count("drift.memory", plan.drift_memory, {0, kMany},
             "examples over which the copy that the detector watches follows the learner; 0 = it watches the learner");
  keys.count("seed", settings.seed, {}, "of initial values and generated streams");
}

std::unique_ptr<data::ExampleStream> open_stream(const StreamSettings& settings, const data::DataSource& data) {
  if (settings.source == "data") return data::replay(data::open(data));
  return data::make_generator(settings.source, settings.seed);
}

}  // namespace tributary::participant
