#include "common/net/watchdog.h"

namespace tributary::net {

Watchdog::Watchdog(asio::io_context& io, const ServiceManager& manager) : manager_(manager), timer_(io) {
  if (manager_.watchdog_interval()) wait();
}

void Watchdog::wait() {
  manager_.alive();
  timer_.expires_after(*manager_.watchdog_interval());
  timer_.async_wait([this](const asio::error_code& error) {
    if (!error) wait();
  });
}

}  // namespace tributary::net
