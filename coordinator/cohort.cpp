#include "coordinator/cohort.h"

#include <algorithm>
#include <cmath>

#include "common/codec/fixed_point.h"

namespace tributary::coordinator {

CohortSize cohort_size(const RoundPolicy& policy, std::uint32_t there) {
  const auto most = static_cast<std::uint32_t>(codec::kMaxContributions);
  const std::uint32_t wanted = std::clamp(policy.cohort.of(there), 1U, most);
  CohortSize size;
  size.quorum = std::max(policy.quorum.of(wanted), 1U);
  size.goal = std::min(wanted, there);
  const double asked = std::ceil(wanted * std::max(policy.overselect, 1.0));
  size.asked = std::min(asked < there ? static_cast<std::uint32_t>(asked) : there, most);
  return size;
}

}  // namespace tributary::coordinator
