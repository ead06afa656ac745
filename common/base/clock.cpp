#include "common/base/clock.h"

#include <cmath>
#include <ctime>

namespace tributary {

Duration from_seconds(double s) {
  constexpr double kLongest = 4.6e9;  // half of what 64 bits of nanoseconds hold, so that now + d cannot overflow
  if (!(s > -kLongest)) s = -kLongest;
  if (s > kLongest) s = kLongest;
  return Duration(std::llround(s * 1e9));
}

TimePoint SystemClock::now() const { return std::chrono::steady_clock::now(); }

std::int64_t SystemClock::unix_seconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t ManualClock::unix_seconds() const {
  constexpr std::int64_t kEpoch = 1'700'000'000;
  return kEpoch + std::chrono::duration_cast<std::chrono::seconds>(now_.time_since_epoch()).count();
}

std::string iso_time(std::int64_t unix_seconds) {
  const auto t = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace tributary
