// tests/protocol/heap.h
//
// What this program has allocated with operator new, which heap.cpp replaces. Any thread.
#pragma once

#include <cstdint>

namespace tributary::protocol {

std::int64_t live_bytes();
// The most since the last call of begin_peak().
std::int64_t peak_bytes();
void begin_peak();

}  // namespace tributary::protocol
