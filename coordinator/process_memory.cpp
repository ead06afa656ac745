#include "coordinator/process_memory.h"

#include <fstream>
#include <string>
#include <string_view>

#include <malloc.h>

#include "common/base/text.h"

namespace tributary::coordinator {

namespace {

// Less than this, free in the heap, costs more to ask for anew than it is worth to others.
constexpr std::size_t kWorthwhileBytes = std::size_t{64} << 20;

// A line such as "VmRSS:	   10240 kB".
std::uint64_t status_bytes(std::string_view key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(key)) continue;
    const std::string_view rest = trim(std::string_view(line).substr(key.size()));
    const auto kilobytes = parse_int(rest.substr(0, rest.find(' ')));
    return kilobytes && *kilobytes > 0 ? static_cast<std::uint64_t>(*kilobytes) * 1024 : 0;
  }
  return 0;
}

}  // namespace

std::uint64_t resident_bytes() {
  return status_bytes("VmRSS:");
}

std::uint64_t peak_resident_bytes() {
  return status_bytes("VmHWM:");
}

void give_free_memory_back() {
  if (::mallinfo2().fordblks >= kWorthwhileBytes) ::malloc_trim(0);
}

}  // namespace tributary::coordinator
