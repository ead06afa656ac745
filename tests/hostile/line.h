// tests/hostile/line.h
//
// One line to the coordinator, as all kinds of test participants use it, and a process full of them.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/update.h"
#include "common/net/pki.h"
#include "common/net/runtime.h"
#include "common/net/tls.h"
#include "common/wire/frame.h"

namespace tributary::hostile {

class Line {
 public:
  Line(net::Runtime& runtime, const net::Bundle& bundle)
      : runtime_(runtime),
        bundle_(bundle),
        credentials_(net::Credentials::from_pem(bundle.key, bundle.certificate, bundle.authority, bundle.name,
                                                runtime.clock())) {}

  // Connects and greets.
  asio::awaitable<void> open() {
    channel_ = co_await net::connect(runtime_, bundle_.host, bundle_.port, credentials_, bundle_.coordinator, {},
                                     after(std::chrono::seconds(60)));
    wire::Hello hello;
    hello.software = "test";
    hello.encodings = codec::supported_update_encodings();
    wire::Message message = std::move(hello);
    co_await say(message);
  }
  asio::awaitable<void> say(const wire::Message& message) {
    const Bytes frame = wire::to_frame(message);
    co_await send(frame);
  }
  asio::awaitable<void> send(ByteSpan bytes) { co_await channel_->send(bytes, after(std::chrono::seconds(120))); }
  // Empty at the end of the line.
  asio::awaitable<std::optional<Bytes>> receive() {
    std::optional<Bytes> payload = co_await channel_->receive(after(std::chrono::seconds(600)));
    co_return payload;
  }
  void close() {
    if (channel_) channel_->close();
  }
  const std::string& name() const { return bundle_.name; }
  net::Runtime& runtime() { return runtime_; }
  TimePoint after(Duration duration) const { return runtime_.clock().now() + duration; }

 private:
  net::Runtime& runtime_;
  const net::Bundle& bundle_;
  std::shared_ptr<const net::Credentials> credentials_;
  std::unique_ptr<net::Channel> channel_;
};

// Runs `each` for every bundle, all on one thread.
template <class Each>
void run_process(std::span<const net::Bundle> bundles, Each each) {
  log::set_level(log::Level::Off);
  ::signal(SIGPIPE, SIG_IGN);
  const SystemClock clock;
  const auto runtime = net::make_runtime(clock, 1);
  net::Gate gate(runtime->io());
  std::vector<std::unique_ptr<Line>> lines;
  for (const net::Bundle& bundle : bundles) {
    lines.push_back(std::make_unique<Line>(*runtime, bundle));
    gate.spawn(bundle.name, each(*lines.back(), lines));
  }
  runtime->io().run();
  TRIBUTARY_CHECK(gate.leaked_exceptions() == 0);
}

}  // namespace tributary::hostile
