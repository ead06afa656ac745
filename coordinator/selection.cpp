#include "coordinator/selection.h"

#include <algorithm>

#include "common/base/random.h"

namespace tributary::coordinator {

std::vector<std::string> select_cohort(std::vector<std::string> candidates, std::uint32_t count, std::uint64_t seed,
                                       std::uint64_t round) {
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  if (candidates.size() <= count) return candidates;

  RandomStream random(StreamName{seed, "selection", round, {}});
  std::vector<std::uint32_t> chosen = random.permutation(static_cast<std::uint32_t>(candidates.size()));
  chosen.resize(count);
  std::sort(chosen.begin(), chosen.end());
  std::vector<std::string> cohort;
  cohort.reserve(count);
  for (const std::uint32_t i : chosen) cohort.push_back(std::move(candidates[i]));
  return cohort;
}

}  // namespace tributary::coordinator
