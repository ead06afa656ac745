// tests/bench/transport_machine.h
//
// What one core of this machine does with the two things that transport cannot avoid: encryption and memory. The
// figures beside which the measured ones stand. One thread.
#pragma once

namespace tributary::bench {

// Bytes per second that AES-128-GCM (the cipher of our TLS) encrypts in records of 16 KiB that stay in the cache.
double aes_gcm_rate();
// Bytes per second read and written by copying an array far larger than a core's caches.
double memory_rate();

}  // namespace tributary::bench
