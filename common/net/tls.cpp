#include "common/net/tls.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <asio/ip/address.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "common/base/error.h"
#include "common/net/tls_session.h"

namespace tributary::net {

namespace {

using asio::ip::tcp;

constexpr std::uint32_t kMaxAdmissionBytes = 512;
constexpr std::byte kComeIn{0};
constexpr std::byte kStayOut{1};
constexpr Duration kTimeToTakeARefusal = std::chrono::seconds(1);

class TlsChannel final : public Channel {
 public:
  explicit TlsChannel(std::shared_ptr<TlsSession> session) : session_(std::move(session)) {}
  ~TlsChannel() override { session_->end("closed", false); }
  const PeerIdentity& peer() const override { return session_->peer(); }
  Traffic traffic() const override { return session_->traffic(); }
  asio::awaitable<void> send(ByteSpan frame, TimePoint deadline) override { return session_->send({frame}, deadline); }
  asio::awaitable<void> send_parts(std::vector<ByteSpan> parts, TimePoint deadline) override {
    return session_->send(std::move(parts), deadline);
  }
  asio::awaitable<std::optional<Bytes>> receive(TimePoint deadline) override { return session_->receive(deadline); }
  void close() override { session_->end("closed", true); }
  asio::awaitable<void> finish(TimePoint deadline) override { return session_->finish(deadline); }

 private:
  std::shared_ptr<TlsSession> session_;
};

std::shared_ptr<const TlsCredentials> own(const std::shared_ptr<const Credentials>& credentials) {
  auto mine = std::dynamic_pointer_cast<const TlsCredentials>(credentials);
  TRIBUTARY_CHECK(mine != nullptr);
  return mine;
}

std::string place(const std::string& host, std::uint16_t port) {
  return host + ":" + std::to_string(port);
}

asio::awaitable<std::vector<tcp::endpoint>> resolve(Runtime& runtime, const std::string& host, std::uint16_t port,
                                                    TimePoint deadline) {
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (!error) co_return std::vector<tcp::endpoint>{{address, port}};
  tcp::resolver resolver(runtime.io());
  const auto timer = runtime.at(deadline, [&resolver] { resolver.cancel(); });
  const auto found = co_await resolver.async_resolve(host, std::to_string(port), tcp::resolver::numeric_service,
                                                     asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    fail(Error::Kind::Disconnected,
         "cannot find " + place(host, port) + ": " +
             (error == asio::error::operation_aborted ? "no answer in time" : error.message()));
  }
  co_return std::vector<tcp::endpoint>(found.begin(), found.end());
}

asio::awaitable<tcp::socket> reach(Runtime& runtime, const std::string& host, std::uint16_t port, TimePoint deadline) {
  const std::vector<tcp::endpoint> endpoints = co_await resolve(runtime, host, port, deadline);
  std::string why = "it has no address";
  for (const tcp::endpoint& endpoint : endpoints) {
    tcp::socket socket(runtime.io());
    bool late = false;
    const auto timer = runtime.at(deadline, [&] {
      late = true;
      asio::error_code ignored;
      socket.close(ignored);
    });
    asio::error_code error;
    co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    if (!error && !late) co_return socket;
    why = late ? "no answer in time" : error.message();
    if (late) break;
  }
  fail(Error::Kind::Disconnected, "cannot connect to " + place(host, port) + ": " + why);
}

Bytes admission_frame(const std::string& refusal) {
  ByteWriter frame;
  const std::string_view text = std::string_view(refusal).substr(0, kMaxAdmissionBytes - 1);
  frame.put(static_cast<std::uint32_t>(1 + text.size()));
  frame.put(static_cast<std::uint8_t>(text.empty() ? kComeIn : kStayOut));
  frame.put_bytes(as_bytes(text));
  return frame.take();
}

// The reason as it may stand in a log: a coordinator is not believed more than any peer.
std::string printable(std::string_view text) {
  std::string clean(text);
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return clean;
}

asio::awaitable<void> await_admission(TlsSession& session, TimePoint deadline) {
  const std::optional<Bytes> answer = co_await session.receive(deadline);
  if (!answer) fail(Error::Kind::Disconnected, "lost " + session.who() + ": it closed the line before letting us in");
  if (answer->size() == 1 && answer->front() == kComeIn) co_return;
  if (answer->size() > 1 && answer->front() == kStayOut) {
    fail(Error::Kind::Refused, session.who() + " refused us: " + printable(as_text(ByteSpan(*answer).subspan(1))));
  }
  fail(Error::Kind::Malformed, session.who() + " answered the handshake with something that is no admission");
}

}  // namespace

asio::awaitable<std::unique_ptr<Channel>> connect(Runtime& runtime, std::string host, std::uint16_t port,
                                                  std::shared_ptr<const Credentials> credentials, std::string expected,
                                                  ChannelLimits limits, TimePoint deadline) {
  TRIBUTARY_CHECK(!expected.empty());
  tcp::socket socket = co_await reach(runtime, host, port, deadline);
  const PeerCheck check{CertificateRole::Coordinator, expected, {}};
  const ChannelLimits before_admission{kMaxAdmissionBytes, limits.max_key_updates};
  const auto session =
      std::make_shared<TlsSession>(runtime, std::move(socket), own(credentials), check, before_admission);
  co_await session->handshake(deadline);
  co_await await_admission(*session, deadline);
  session->admitted(limits);
  co_return std::make_unique<TlsChannel>(session);
}

bool Interruption::interrupt(const std::string& why) const {
  const auto session = session_.lock();
  if (!session || session->closed()) return false;
  session->end(why, false);
  return true;
}

asio::awaitable<std::unique_ptr<Channel>> accept(Runtime& runtime, tcp::socket socket,
                                                 std::shared_ptr<const Credentials> credentials, Admission admission,
                                                 ChannelLimits limits, TimePoint deadline, Interruption* interruption) {
  const PeerCheck check{CertificateRole::Participant, {}, {}};
  const auto session = std::make_shared<TlsSession>(runtime, std::move(socket), own(credentials), check, limits);
  if (interruption != nullptr) interruption->session_ = session;
  co_await session->handshake(deadline);
  const std::string refusal = admission(session->peer());
  const Bytes answer = admission_frame(refusal);
  std::vector<ByteSpan> parts{answer};
  co_await session->send(std::move(parts), deadline);
  if (!refusal.empty()) {
    co_await session->finish(std::min(deadline, runtime.clock().now() + kTimeToTakeARefusal));
    fail(Error::Kind::Refused, "refused " + session->who() + ": " + refusal);
  }
  session->admitted(limits);
  co_return std::make_unique<TlsChannel>(session);
}

}  // namespace tributary::net
