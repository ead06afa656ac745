#include "common/http/allowance.h"

#include <chrono>

namespace tributary::http {

namespace {

template <class Bytes>
std::string text_of(const Bytes& bytes, std::size_t count) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}

// A short string, so nothing is allocated for it.
std::string key_of(const asio::ip::address& client) {
  if (client.is_v4()) return text_of(client.to_v4().to_bytes(), 4);
  const auto v6 = client.to_v6();
  if (v6.is_v4_mapped()) return text_of(asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_bytes(), 4);
  return text_of(v6.to_bytes(), 8);
}

}  // namespace

bool Allowance::take(const asio::ip::address& client, TimePoint now) {
  if (per_second_ == 0) return true;
  const std::lock_guard lock(mutex_);
  if (now - began_ >= std::chrono::seconds(1)) {
    began_ = now;
    taken_.clear();
  }
  const std::string key = key_of(client);
  const auto known = taken_.find(key);
  if (known != taken_.end()) return known->second < per_second_ && (++known->second, true);
  if (taken_.size() >= kMaxClients) return false;
  taken_.emplace(key, 1);
  return true;
}

}  // namespace tributary::http
