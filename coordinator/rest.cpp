#include "coordinator/rest.h"

#include <algorithm>

#include "common/base/random.h"

namespace tributary::coordinator {

void Rest::counted(const std::string& participant, TimePoint now) {
  if (least_ > Duration{}) until(participant, now + least_);
}

void Rest::until(const std::string& participant, TimePoint end) {
  TimePoint& rests = until_[participant];
  rests = std::max(rests, end);
}

std::vector<std::string> Rest::rested(const std::vector<std::string>& names, TimePoint now) {
  std::erase_if(until_, [&](const auto& entry) { return entry.second <= now; });
  std::vector<std::string> rested;
  std::copy_if(names.begin(), names.end(), std::back_inserter(rested),
               [&](const std::string& name) { return !until_.contains(name); });
  return rested;
}

std::optional<TimePoint> Rest::next(const std::vector<std::string>& names, TimePoint now) const {
  std::optional<TimePoint> next;
  for (const std::string& name : names) {
    const auto at = until_.find(name);
    if (at == until_.end() || at->second <= now) continue;
    if (!next || at->second < *next) next = at->second;
  }
  return next;
}

double retry_seconds(double window, std::uint64_t seed, std::uint64_t round, const std::string& participant) {
  RandomStream random(StreamName{seed, "retry", round, participant});
  return window * (1 + random.uniform());
}

}  // namespace tributary::coordinator
