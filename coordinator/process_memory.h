// coordinator/process_memory.h
//
// What this process occupies, for the records. Any thread.
#pragma once

#include <cstdint>

namespace tributary::coordinator {

// Resident set size now, and the largest so far, in bytes; 0 where the system does not say.
std::uint64_t resident_bytes();
std::uint64_t peak_resident_bytes();

// Gives the system back what was freed and is still held for the next allocation, when that is 64 MiB or more. A few
// milliseconds.
void give_free_memory_back();

}  // namespace tributary::coordinator
