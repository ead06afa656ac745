// simulations/habits.h
//
// What participants are like in simulated time: how far away, how fast, and when they are there. Plain values and pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/options/keys.h"
#include "simulations/distribution.h"

namespace tributary::simulation {

// Of the crowd. A quantity that is not set costs no time.
struct HabitPolicy {
  std::optional<Distribution> latency_ms;           // simulation.latency_ms: one way
  std::optional<Distribution> bandwidth_mbps;       // simulation.bandwidth_mbps: each direction, 10^6 bits per second
  std::optional<Distribution> examples_per_second;  // simulation.examples_per_second: pace of training
  double stragglers = 0;                            // simulation.stragglers: share of those that are slower
  double straggler_factor = 10;                     // simulation.straggler_factor: so many times
  std::optional<Distribution> online_seconds;       // simulation.online_seconds: there for so long,
  std::optional<Distribution> offline_seconds;      // simulation.offline_seconds: then away, again and again
  double evaluation_seconds = 0.1;                  // simulation.evaluation_seconds: of the coordinator, each time

  // Whether anything of the participants is set: time is simulated then.
  bool any() const;
};

void bind(options::Keys& keys, HabitPolicy& policy);
// What no single key can say; throws Malformed naming the keys.
void check(const HabitPolicy& policy);

// A participant is there during the first part of its period, and begins somewhere in it.
struct Presence {
  Duration online = Duration::max(), offline = Duration::zero();  // offline 0: always there
  Duration phase = Duration::zero();                              // of the period that has passed at TimePoint{}

  // When it is there next: `t` itself while it is.
  TimePoint next_online(TimePoint t) const;
  // When it leaves; TimePoint::max() = never. REQUIRES: next_online(t) == t.
  TimePoint until(TimePoint t) const;
};

// Of one participant.
struct Habits {
  Duration latency = Duration::zero();
  double bytes_per_second = 0;     // 0 = no limit
  double examples_per_second = 0;  // 0 = training takes no simulated time
  Presence presence;
};

// By the streams (seed, "latency", participant), (seed, "bandwidth", ...), ...: one quantity does not change another.
Habits draw_habits(const HabitPolicy& policy, std::uint64_t seed, const std::string& participant);

}  // namespace tributary::simulation
