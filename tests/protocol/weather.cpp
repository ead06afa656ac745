#include "weather.h"

#include <cmath>

namespace tributary::protocol {

namespace {

using coordinator::Share;

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed, "weather") {}

  bool chance(double p) { return random_.uniform() < p; }
  std::uint64_t from(std::uint64_t low, std::uint64_t high) { return low + random_.below(high - low + 1); }
  // Any magnitude is as likely as another.
  double magnitude(double low, double high) { return low * std::pow(high / low, random_.uniform()); }
  Duration time(double low_seconds, double high_seconds) { return from_seconds(magnitude(low_seconds, high_seconds)); }
  // Nothing at all in one case of two.
  double intensity(double high) { return chance(0.5) ? 0 : high * random_.uniform(); }
  template <class T>
  T one_of(std::initializer_list<T> all) {
    return *(all.begin() + random_.below(all.size()));
  }

 private:
  RandomStream random_;
};

coordinator::RoundPolicy draw_policy(Draw& draw, std::uint64_t participants) {
  coordinator::RoundPolicy policy;
  policy.participants = Share::parse(std::to_string(draw.from(1, participants)));
  if (draw.chance(0.4)) policy.cohort = Share::parse(draw.one_of({"0.5", "0.7", "1", participants > 1 ? "2" : "1"}));
  policy.quorum = Share::parse(draw.one_of({"0.5", "0.5", "1", "1.0"}));
  if (draw.chance(0.3)) policy.overselect = 1.5;
  policy.deadline_seconds = draw.magnitude(5, 200);
  if (draw.chance(0.3)) policy.grace_seconds = draw.magnitude(0.1, 10);
  if (draw.chance(0.2)) policy.min_interval_seconds = draw.magnitude(0.1, 10);
  if (draw.chance(0.2)) policy.retry_seconds = draw.magnitude(1, 60);
  policy.return_seconds = draw.magnitude(0.2, 20);
  policy.resume_seconds = draw.magnitude(0.2, 60);
  policy.max_examples = draw.one_of<std::uint64_t>({4, 16, 1U << 20});
  return policy;
}

coordinator::Settings draw_settings(Draw& draw, std::uint64_t participants) {
  coordinator::Settings settings;
  settings.federation = "orchard";
  settings.model = "mlp:3-4-2";
  settings.rounds = draw.from(2, 6);
  settings.seed = draw.from(1, 1000);
  settings.round = draw_policy(draw, participants);
  settings.edge.sparsity = draw.one_of({0.0, 0.5});
  settings.edge.sparsity_end = draw.from(0, 4);
  settings.edge.history = static_cast<std::uint32_t>(draw.from(0, 3));
  settings.update_encoding = draw.one_of({"float32", "int8", "int8", "topk:0.3", "ternary"});
  if (draw.chance(0.2)) settings.update_clip_norm = draw.magnitude(0.05, 1);
  if (draw.chance(0.1)) settings.update_max_norm = draw.magnitude(1.01, 3);
  if (draw.chance(0.5)) settings.server.momentum = 0.5;
  settings.training.loss = "cross_entropy";
  settings.training.learning_rate = 0.5;
  settings.training.batch_size = 2;
  settings.training.epochs = 1;
  settings.ping_seconds = draw.magnitude(1, 20);
  settings.workers = 1;
  return settings;
}

void draw_storm(Draw& draw, Weather& weather) {
  for (double& each : weather.mishaps) each = draw.intensity(1);
  weather.storm = draw.chance(0.1) ? 0 : draw.from(1, 25);
  weather.between = draw.time(0.02, 10);
  weather.most_down = draw.time(0.01, 30);
  weather.most_jump = draw.time(0.1, 300);
  weather.torn = draw.intensity(1);
}

void draw_network(Draw& draw, Weather& weather) {
  weather.latency = draw.time(0.0005, 0.3);
  weather.jitter = draw.chance(0.5) ? Duration::zero() : draw.time(0.0005, 1);
  weather.chunk_bytes = draw.from(16, 400);
  weather.window_bytes = draw.one_of<std::size_t>({64, 1024, 65536});
  weather.cut_lines = draw.intensity(0.7);
  weather.frames_before_cut = static_cast<std::uint64_t>(draw.magnitude(1, 60));
  weather.half_cuts = draw.intensity(1);
  weather.most_late = draw.time(0.01, 60);
  weather.refused = draw.intensity(0.5);
}

}  // namespace

Weather draw_weather(std::uint64_t seed) {
  Draw draw(seed);
  Weather weather;
  const std::uint64_t participants = draw.from(1, 4);
  for (const char* name : {"alice", "bob", "carol", "dave"}) {
    if (weather.names.size() < participants) weather.names.emplace_back(name);
  }
  weather.settings = draw_settings(draw, participants);
  weather.store.keep_rounds = draw.from(0, 2);
  weather.store.checkpoint_rounds = draw.from(1, 4);
  if (draw.chance(0.5)) weather.store.small_update_bytes = draw.from(0, 120);  // some, or all, are files
  weather.declines = draw.intensity(0.5);
  weather.examples_per_second = draw.chance(0.3) ? 0 : draw.magnitude(0.5, 100);
  weather.most_work = draw.chance(0.3) ? Duration::zero() : draw.time(0.0001, 0.3);
  draw_network(draw, weather);
  draw_storm(draw, weather);
  weather.mischief = draw.chance(0.25) ? draw.magnitude(0.01, 0.3) : 0;
  return weather;
}

}  // namespace tributary::protocol
