// tests/bench/machine.h
//
// What one thread of this machine can do at most: the figures that measured ones are held against.
#pragma once

namespace tributary::bench {

// Floating-point operations per second in the widest products this processor has, out of registers and the first cache.
double peak_flops();
// Bytes per second read from and written to an array far larger than the caches of one core, w = w * a + b over it.
double memory_bandwidth();

}  // namespace tributary::bench
