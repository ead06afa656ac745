// tests/bench/transport_machine.h
//
// What one core of this machine does with the things that transport cannot avoid: encryption, memory, and the disk. The
// figures beside which the measured ones stand. One thread.
#pragma once

#include "common/base/files.h"

namespace tributary::bench {

// Bytes per second that AES-128-GCM (the cipher of our TLS) encrypts in records of 16 KiB that stay in the cache.
double aes_gcm_rate();
// Bytes per second read and written by copying an array far larger than a core's caches.
double memory_rate();
// Bytes per second of writing 32 MB into a file of `folder` and making it durable: the median of five.
double disk_sync_rate(const Path& folder);
// Seconds of appending 500 bytes to a file of `folder` and making them durable: the median of 21.
double disk_sync_seconds(const Path& folder);

}  // namespace tributary::bench
