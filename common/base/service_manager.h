// common/base/service_manager.h
//
// Tells the service manager (systemd's notify protocol) how a daemon is: one datagram to the socket that NOTIFY_SOCKET
// names. Without one every call does nothing. Failures are passed over: nobody could act on them. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace tributary {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET and WATCHDOG_USEC.
  ServiceManager();

  void ready(std::string_view status) const;
  void reloading() const;
  void stopping() const;
  // I am alive: to be said at every watchdog_interval().
  void alive() const;
  // Half of what the manager waits before it takes the daemon for hung; nullopt: it does not watch.
  std::optional<Duration> watchdog_interval() const { return interval_; }

 private:
  void tell(const std::string& text) const;

  std::string socket_;
  std::optional<Duration> interval_;
};

}  // namespace tributary
