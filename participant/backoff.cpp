#include "participant/backoff.h"

#include <algorithm>
#include <cmath>

#include "common/base/random.h"

namespace tributary::participant {

double pause_seconds(const Backoff& backoff, std::string_view participant, std::uint64_t failures) {
  constexpr std::uint64_t kManyDoublings = 60;
  const auto doublings = static_cast<int>(std::min(std::max<std::uint64_t>(failures, 1) - 1, kManyDoublings));
  const double longest = std::min(std::ldexp(backoff.first_seconds, doublings), backoff.max_seconds);
  RandomStream random(StreamName{0, "reconnect", failures, participant});
  return longest * (0.5 + 0.5 * random.uniform());
}

}  // namespace tributary::participant
