#include "coordinator/refusals.h"

#include "common/base/log.h"

namespace tributary::coordinator {

namespace {
constexpr const char* kOthers = "others";
}  // namespace

// The entry to log under; null when that was logged a moment ago.
Refusals::Told* Refusals::find(const std::string& kind, const std::string& peer) {
  const TimePoint now = clock_.now();
  auto at = told_.find({kind, peer});
  if (at == told_.end() && told_.size() >= kMaxPeers)
    std::erase_if(told_, [&](const auto& entry) { return entry.second.at + quiet_ <= now; });
  if (at == told_.end() && told_.size() >= kMaxPeers) at = told_.try_emplace({kind, kOthers}, Told{now - quiet_}).first;
  if (at == told_.end()) at = told_.try_emplace({kind, peer}, Told{now - quiet_}).first;
  if (at->second.at + quiet_ > now) {
    ++at->second.since;
    return nullptr;
  }
  at->second.at = now;
  return &at->second;
}

bool Refusals::note(const std::string& kind, const std::string& peer, std::string_view what) {
  ++counts_[kind];
  Told* told = find(kind, peer);
  if (told == nullptr) return false;
  const std::uint64_t more = std::exchange(told->since, 0);
  const std::string before = more == 0 ? "" : " (and " + std::to_string(more) + " more of this kind since the last)";
  log::warning("peers", kind + ": " + std::string(what) + before);
  return true;
}

}  // namespace tributary::coordinator
