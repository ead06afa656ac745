// common/net/watchdog.h
//
// Tells the service manager that an io_context still turns, as often as it wants to hear it; if the loop hangs, it
// hears nothing and starts the daemon anew. Does nothing where nobody watches. Belongs to the thread that runs `io`;
// while it lives, io has work.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "common/base/service_manager.h"

namespace tributary::net {

class Watchdog {
 public:
  // `manager` must outlive it.
  Watchdog(asio::io_context& io, const ServiceManager& manager);
  // Idempotent.
  void stop() { timer_.cancel(); }

 private:
  void wait();

  const ServiceManager& manager_;
  asio::steady_timer timer_;
};

}  // namespace tributary::net
