// tests/net/harness.h
//
// A small language for channel tests: a runtime, coroutines that run to their end, a federation's certificates, a
// listener on 127.0.0.1. One thread.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>

#include "common/base/error.h"
#include "common/net/pki.h"
#include "common/net/runtime.h"
#include "common/net/tls.h"

namespace tributary::net {

// The real clock, whose date can be moved.
class ShiftedClock final : public Clock {
 public:
  TimePoint now() const override { return system_.now(); }
  std::int64_t unix_seconds() const override { return system_.unix_seconds() + shift_; }
  void shift_days(std::int64_t days) { shift_ = days * 24 * 60 * 60; }

 private:
  SystemClock system_;
  std::int64_t shift_ = 0;
};

// How a coroutine ended: "" or "<kind>: <message>".
struct Ending {
  std::string error;
  bool done = false;
};

inline asio::awaitable<void> watch(asio::awaitable<void> body, std::shared_ptr<Ending> ending) {
  try {
    co_await std::move(body);
  } catch (const Error& e) {
    ending->error = std::string(name_of(e.kind())) + ": " + e.what();
  }
  ending->done = true;
}

// Runs the coroutines side by side until all have ended and returns how.
inline std::vector<std::string> run_all(Runtime& runtime, std::vector<asio::awaitable<void>> bodies) {
  Gate gate(runtime.io());
  std::vector<std::shared_ptr<Ending>> endings;
  for (auto& body : bodies) {
    endings.push_back(std::make_shared<Ending>());
    gate.spawn("test", watch(std::move(body), endings.back()));
  }
  runtime.io().restart();
  runtime.io().run();
  std::vector<std::string> errors;
  for (const auto& ending : endings) errors.push_back(ending->done ? ending->error : "never ended");
  return errors;
}

template <class... Bodies>
std::vector<std::string> run_together(Runtime& runtime, Bodies... bodies) {
  std::vector<asio::awaitable<void>> all;
  (all.push_back(std::move(bodies)), ...);
  return run_all(runtime, std::move(all));
}

// Days from now.
struct Days {
  std::int64_t from = -1, to = 100;
};

// Certificates of one federation; its own is good for 1000 days both ways.
class Authority {
 public:
  explicit Authority(const Clock& clock, const std::string& name = "orchard")
      : clock_(clock), authority_(make_authority(name, validity({-1000, 1000}))) {}

  IssuedCertificate certificate(CertificateRole role, const std::string& name, Days days = {}) const {
    return issue(authority_, role, name, {"127.0.0.1"}, validity(days));
  }
  std::shared_ptr<const Credentials> credentials(CertificateRole role, const std::string& name, Days days = {}) const {
    const IssuedCertificate issued = certificate(role, name, days);
    return Credentials::from_pem(issued.key, issued.certificate, authority_.certificate, name, clock_);
  }
  std::shared_ptr<const Credentials> coordinator(Days days = {-1000, 1000}) const {
    return credentials(CertificateRole::Coordinator, "coordinator", days);
  }
  std::shared_ptr<const Credentials> participant(const std::string& name = "alice", Days days = {-1000, 1000}) const {
    return credentials(CertificateRole::Participant, name, days);
  }
  const IssuedCertificate& issued() const { return authority_; }

 private:
  Validity validity(Days days) const {
    constexpr std::int64_t kDay = 24 * 60 * 60;
    return {clock_.unix_seconds() + days.from * kDay, clock_.unix_seconds() + days.to * kDay};
  }

  const Clock& clock_;
  IssuedCertificate authority_;
};

// A socket on which nobody but the test connects.
class Listener {
 public:
  explicit Listener(Runtime& runtime) : acceptor_(runtime.io(), {asio::ip::make_address("127.0.0.1"), 0}) {}
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  asio::awaitable<asio::ip::tcp::socket> next() { return acceptor_.async_accept(asio::use_awaitable); }

 private:
  asio::ip::tcp::acceptor acceptor_;
};

inline std::string admit_all(const PeerIdentity&) {
  return {};
}

inline Bytes frame_of(ByteSpan payload) {
  ByteWriter frame;
  frame.put(static_cast<std::uint32_t>(payload.size()));
  frame.put_bytes(payload);
  return frame.take();
}
inline Bytes frame_of(std::string_view payload) {
  return frame_of(as_bytes(payload));
}

}  // namespace tributary::net
