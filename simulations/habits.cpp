#include "simulations/habits.h"

#include <algorithm>

#include "common/base/error.h"

namespace tributary::simulation {

namespace {

constexpr double kBytesPerMegabit = 1e6 / 8;
// A pace below this would only be waited for.
constexpr double kSlowest = 1e-3;

void bind_distribution(options::Keys& keys, std::string name, std::optional<Distribution>& target, std::string help) {
  keys.custom(
      std::move(name), "distribution",
      [&target](std::string_view text) {
        if (text.empty()) {
          target.reset();
        } else {
          target = Distribution::parse(text);
        }
      },
      [&target] { return target ? target->text() : ""; }, std::move(help));
}

RandomStream stream(std::uint64_t seed, std::string_view purpose, const std::string& participant) {
  return RandomStream(StreamName{seed, purpose, 0, participant});
}

double draw(const std::optional<Distribution>& distribution, std::uint64_t seed, std::string_view purpose,
            const std::string& participant) {
  if (!distribution) return 0;
  RandomStream random = stream(seed, purpose, participant);
  return distribution->draw(random);
}

Presence draw_presence(const HabitPolicy& policy, std::uint64_t seed, const std::string& participant) {
  Presence presence;
  if (!policy.online_seconds) return presence;
  presence.online = from_seconds(std::max(1.0, draw(policy.online_seconds, seed, "online", participant)));
  presence.offline = from_seconds(draw(policy.offline_seconds, seed, "offline", participant));
  const double period = seconds(presence.online + presence.offline);
  presence.phase = from_seconds(period * stream(seed, "phase", participant).uniform());
  return presence;
}

}  // namespace

bool HabitPolicy::any() const {
  return latency_ms || bandwidth_mbps || examples_per_second || online_seconds;
}

void bind(options::Keys& keys, HabitPolicy& policy) {
  bind_distribution(
      keys, "simulation.latency_ms", policy.latency_ms,
      "one-way delay of each participant's line: constant:X, uniform:A,B or lognormal:MEDIAN,SIGMA; time is "
      "simulated when this or one of the next is set");
  bind_distribution(keys, "simulation.bandwidth_mbps", policy.bandwidth_mbps,
                    "of each participant's line, each direction, 10^6 bits per second");
  bind_distribution(keys, "simulation.examples_per_second", policy.examples_per_second,
                    "pace at which each participant trains");
  keys.number("simulation.stragglers", policy.stragglers, {0, 1}, "share of participants that train and send slower");
  keys.number("simulation.straggler_factor", policy.straggler_factor, {1, 1e6}, "how many times slower they are");
  bind_distribution(keys, "simulation.online_seconds", policy.online_seconds,
                    "how long a participant is there before it leaves; empty = always");
  bind_distribution(keys, "simulation.offline_seconds", policy.offline_seconds,
                    "how long it is away before it returns");
  keys.number("simulation.evaluation_seconds", policy.evaluation_seconds, {0, 1e6},
              "how long the coordinator evaluates in simulated time, beside the next round");
}

void check(const HabitPolicy& policy) {
  if (policy.online_seconds.has_value() != policy.offline_seconds.has_value()) {
    fail(Error::Kind::Malformed,
         "simulation.online_seconds and simulation.offline_seconds go together: set both or neither");
  }
  if (policy.stragglers > 0 && !policy.examples_per_second && !policy.bandwidth_mbps) {
    fail(Error::Kind::Malformed,
         "simulation.stragglers: slower than what? Set simulation.examples_per_second or simulation.bandwidth_mbps");
  }
}

TimePoint Presence::next_online(TimePoint t) const {
  if (offline <= Duration::zero()) return t;
  const Duration into = (t.time_since_epoch() + phase) % (online + offline);
  return into < online ? t : t + (online + offline - into);
}

TimePoint Presence::until(TimePoint t) const {
  if (offline <= Duration::zero()) return TimePoint::max();
  return t + (online - (t.time_since_epoch() + phase) % (online + offline));
}

Habits draw_habits(const HabitPolicy& policy, std::uint64_t seed, const std::string& participant) {
  Habits habits;
  const bool slow = policy.stragglers > 0 && stream(seed, "straggler", participant).uniform() < policy.stragglers;
  const double slower = slow ? policy.straggler_factor : 1;
  habits.latency = from_seconds(draw(policy.latency_ms, seed, "latency", participant) / 1e3);
  habits.bytes_per_second = draw(policy.bandwidth_mbps, seed, "bandwidth", participant) * kBytesPerMegabit / slower;
  habits.examples_per_second = draw(policy.examples_per_second, seed, "pace", participant) / slower;
  if (habits.bytes_per_second > 0) habits.bytes_per_second = std::max(habits.bytes_per_second, kSlowest);
  if (habits.examples_per_second > 0) habits.examples_per_second = std::max(habits.examples_per_second, kSlowest);
  habits.presence = draw_presence(policy, seed, participant);
  return habits;
}

}  // namespace tributary::simulation
