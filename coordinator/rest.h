// coordinator/rest.h
//
// Who must rest: a participant whose update counted is not asked again before `least` has passed
// (round.min_interval_seconds), one that had no new examples not before round.rest_seconds. And when those that are not
// asked shall come back (pace steering): at random within a window, so that they do not come all at once (Bonawitz et
// al. 2019, "Towards federated learning at scale", sec. 2.3). Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace tributary::coordinator {

class Rest {
 public:
  explicit Rest(Duration least) : least_(least) {}

  void counted(const std::string& participant, TimePoint now);
  void until(const std::string& participant, TimePoint end);
  // Those of `names` that need not rest (any more), in order.
  std::vector<std::string> rested(const std::vector<std::string>& names, TimePoint now);
  // When the next of `names` has rested; nullopt when none of them rests.
  std::optional<TimePoint> next(const std::vector<std::string>& names, TimePoint now) const;

 private:
  Duration least_;
  std::map<std::string, TimePoint> until_;
};

// Between `window` and twice that, in seconds; the same for the same names.
double retry_seconds(double window, std::uint64_t seed, std::uint64_t round, const std::string& participant);

}  // namespace tributary::coordinator
