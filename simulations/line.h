// simulations/line.h
//
// A participant's line in simulated time: a Channel that delays what passes in either direction, and breaks when the
// participant leaves. A frame takes its bytes over the bandwidth, and the latency too unless it follows on the heels of
// another. Same contract and thread as the Channel within.
#pragma once

#include <memory>

#include "common/net/channel.h"
#include "simulations/habits.h"

namespace tributary::simulation {

// `channel` is the participant's end; it is closed at `until` (TimePoint::max() = never). The channel itself when
// nothing delays it and it is never closed.
std::unique_ptr<net::Channel> slow_line(net::Runtime& runtime, std::unique_ptr<net::Channel> channel,
                                        const Habits& habits, TimePoint until);

}  // namespace tributary::simulation
