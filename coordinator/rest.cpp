#include "coordinator/rest.h"

#include <algorithm>

#include "common/base/random.h"

namespace tributary::coordinator {

void Rest::counted(const std::string& participant, TimePoint now) {
  if (least_ > Duration{}) since_[participant] = now;
}

std::vector<std::string> Rest::rested(const std::vector<std::string>& names, TimePoint now) {
  std::erase_if(since_, [&](const auto& entry) { return now - entry.second >= least_; });
  std::vector<std::string> rested;
  std::copy_if(names.begin(), names.end(), std::back_inserter(rested),
               [&](const std::string& name) { return !since_.contains(name); });
  return rested;
}

std::optional<TimePoint> Rest::next(const std::vector<std::string>& names, TimePoint now) const {
  std::optional<TimePoint> next;
  for (const std::string& name : names) {
    const auto at = since_.find(name);
    if (at == since_.end() || now - at->second >= least_) continue;
    const TimePoint end = at->second + least_;
    if (!next || end < *next) next = end;
  }
  return next;
}

double retry_seconds(double window, std::uint64_t seed, std::uint64_t round, const std::string& participant) {
  RandomStream random(StreamName{seed, "retry", round, participant});
  return window * (1 + random.uniform());
}

}  // namespace tributary::coordinator
