// common/base/clock.h
//
// Time as a constructor parameter: only the mains make the SystemClock; tests and simulations drive a ManualClock.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tributary {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

inline double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
// Rounded to nanoseconds; saturates at about 146 years.
Duration from_seconds(double s);

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic; for deadlines and durations. Any thread.
  virtual TimePoint now() const = 0;
  // Seconds since the Unix epoch; for certificates, file names and reports only. Any thread.
  virtual std::int64_t unix_seconds() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  std::int64_t unix_seconds() const override;
};

// Stands still until told. Not thread-safe.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  std::int64_t unix_seconds() const override;
  void advance(Duration d) { now_ += d; }
  // REQUIRES: t >= now().
  void set(TimePoint t) { now_ = t; }

 private:
  TimePoint now_{};
};

// "2026-11-24T10:11:12Z".
std::string iso_time(std::int64_t unix_seconds);

}  // namespace tributary
