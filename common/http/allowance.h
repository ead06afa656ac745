// common/http/allowance.h
//
// How often one client may ask: so many requests in each second, counted by its address. An IPv6 client is its network
// of 64 bits, in which it can take any address it likes. Memory does not grow with the number of clients. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include <asio/ip/address.hpp>

#include "common/base/clock.h"

namespace tributary::http {

class Allowance {
 public:
  // In one second; of all that come beyond these, none is allowed until the next.
  static constexpr std::size_t kMaxClients = 4096;

  // 0 = any number of requests.
  explicit Allowance(std::uint64_t per_second) : per_second_(per_second) {}

  // Whether the client may have one more now; counts it if so.
  bool take(const asio::ip::address& client, TimePoint now);

 private:
  const std::uint64_t per_second_;
  std::mutex mutex_;
  TimePoint began_{};  // the second under way
  std::unordered_map<std::string, std::uint64_t> taken_;
};

}  // namespace tributary::http
