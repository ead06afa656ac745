// tests/protocol/weather.h
//
// What one seed draws: a federation, and how bad the day is for it. Every intensity may be nothing, so that seeds
// differ in kind: some have a bad network only, some a bad disk, some everything at once.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "coordinator/settings.h"
#include "coordinator/store/run_store.h"

namespace tributary::protocol {

// What happens at once, at a moment of the storm.
enum class Mishap : std::uint8_t {
  CoordinatorKilled,           // the process; what it wrote is there
  CoordinatorPowerCut,         // the machine; what was not synced is gone, or torn
  CoordinatorDiesAtOperation,  // the same, in the middle of one of its next writes
  CoordinatorStopped,          // in order
  CoordinatorDiskError,        // one operation of the next fails
  CoordinatorDiskFull,         // and all that follow, until it is started again
  CoordinatorClockJumps,
  ParticipantKilled,
  ParticipantPowerCut,
  ParticipantDiesAtOperation,
  ParticipantStopped,
  ParticipantDiskError,
  ParticipantDiskFull,
  ParticipantClockJumps,
  LineCut,
  ConnectionsRefused,  // for a while
};
inline constexpr std::size_t kMishaps = 16;

struct Weather {
  // The federation.
  coordinator::Settings settings;
  coordinator::store::StoreOptions store;
  std::vector<std::string> names;
  double declines = 0;             // share of the offers for which a participant has no examples
  double examples_per_second = 0;  // pace of training
  Duration most_work{};            // that a worker's job takes

  // The storm.
  std::array<double, kMishaps> mishaps{};  // relative frequencies
  std::uint64_t storm = 0;                 // how many
  Duration between{};                      // two of them, mean
  Duration most_down{};                    // until what stopped is started again
  Duration most_jump{};
  Duration latency{}, jitter{};
  std::size_t chunk_bytes = 256, window_bytes = 1U << 16;
  double cut_lines = 0;  // share of the lines that break after so many frames at most
  std::uint64_t frames_before_cut = 1;
  double half_cuts = 0;  // share of cuts of which one end does not know
  Duration most_late{};  // what is on its way then
  double refused = 0;    // share of connections
  double torn = 0;       // share of power cuts that leave a part of what was not synced
  double mischief = 0;   // share of what the first participant says
};

Weather draw_weather(std::uint64_t seed);

}  // namespace tributary::protocol
