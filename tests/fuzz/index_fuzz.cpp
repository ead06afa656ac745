// Any text is an index file or is refused with an Error; what is accepted lists examples that exist, each once.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "common/base/error.h"
#include "common/data/parse.h"

using namespace tributary;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::uint32_t kExamples = 1000;
  try {
    const auto indices = data::parse_index({reinterpret_cast<const char*>(bytes), size}, "fuzz", kExamples);
    const std::set<std::uint32_t> distinct(indices.begin(), indices.end());
    if (indices.empty() || distinct.size() != indices.size() || *distinct.rbegin() >= kExamples) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
