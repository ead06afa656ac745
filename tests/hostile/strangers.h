// tests/hostile/strangers.h
//
// Connections of those who belong to no federation, without TLS. Each function blocks until board.stop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/hostile/board.h"

namespace tributary::hostile {

// Keeps `count` connections to 127.0.0.1:port open, from several addresses of loopback: half of them say nothing, half
// the beginning of a handshake. One that is closed is opened anew. board.open, ended, longest_ns.
void hold_open(std::uint16_t port, std::size_t count, Board& board);

// Connects and hangs up, as fast as it goes. board.sent counts.
void knock(std::uint16_t port, Board& board);

}  // namespace tributary::hostile
