#include "coordinator/daemon.h"

#include <csignal>
#include <exception>
#include <optional>

#include <asio/post.hpp>
#include <asio/signal_set.hpp>

#include "common/base/parallel.h"
#include "common/net/watchdog.h"

namespace tributary::coordinator {

namespace {

constexpr double kRetryAfterTermination = 5;

// What the run's coroutine leaves.
struct Outcome {
  std::optional<Ending> ending;
  std::exception_ptr failure;
};

// What the loop does besides, until the run is over.
struct Attendance {
  asio::signal_set ends, hangups;
  std::optional<net::Watchdog> watchdog;

  explicit Attendance(asio::io_context& io) : ends(io), hangups(io) {}
  void stop() {
    asio::error_code ignored;
    ends.cancel(ignored);
    hangups.cancel(ignored);
    if (watchdog) watchdog->stop();
  }
};

void await_hangup(asio::signal_set& hangups, Listener& listener, const DaemonParts& parts) {
  hangups.async_wait([&](const asio::error_code& error, int) {
    if (error) return;
    if (auto credentials = parts.reload()) listener.show(std::move(credentials));
    await_hangup(hangups, listener, parts);
  });
}

asio::awaitable<void> run_rounds(Server& server, Listener& listener, Attendance& attendance, Outcome& outcome) {
  try {
    outcome.ending = co_await server.run();
  } catch (...) {
    outcome.failure = std::current_exception();
  }
  attendance.stop();
  listener.stop();
}

}  // namespace

DaemonEnding run_daemon(const DaemonParts& parts) {
  const unsigned workers = parts.settings.workers == 0 ? usable_cores() : parts.settings.workers;
  // One more, so that an evaluation does not hold up the next round's updates.
  const auto runtime = net::make_runtime(parts.clock, workers + 1);
  Server server(*runtime, parts.store, parts.settings, parts.graph, parts.evaluator, parts.observer, parts.distiller);
  Listener listener(*runtime, server, parts.credentials, parts.enrollment, parts.listen);
  if (parts.listening) parts.listening(listener.address());

  DaemonEnding result;
  Attendance attendance(runtime->io());
  asio::signal_set& signals = attendance.ends;
  if (parts.manager) attendance.watchdog.emplace(runtime->io(), *parts.manager);
  if (parts.reload) {
    attendance.hangups.add(SIGHUP);
    await_hangup(attendance.hangups, listener, parts);
  }
  if (parts.handle_signals) {
    signals.add(SIGINT);
    signals.add(SIGTERM);
    signals.async_wait([&](const asio::error_code& error, int number) {
      if (error) return;
      result.interrupted = true;
      signals.clear();  // the next one does what it always did
      // A service that is terminated is about to be started again, or its machine is.
      server.stop("interrupted", number == SIGTERM ? kRetryAfterTermination : 0);
    });
  }
  Outcome outcome;
  net::Gate gate(runtime->io());
  gate.spawn("listener", listener.run());
  gate.spawn("rounds", run_rounds(server, listener, attendance, outcome));
  if (parts.operations) {
    const Operations operations{
        [&](bool paused) { asio::post(runtime->io(), [&server, paused] { server.pause(paused); }); },
        [&](std::function<void(Ending)> write) {
          asio::post(runtime->io(), [&server, write = std::move(write)] { server.checkpoint(write); });
        }};
    parts.operations(&operations);
  }
  runtime->io().run();
  if (parts.operations) parts.operations(nullptr);
  if (outcome.failure) std::rethrow_exception(outcome.failure);
  result.ending = std::move(*outcome.ending);
  return result;
}

}  // namespace tributary::coordinator
