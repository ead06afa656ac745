#include "coordinator/daemon.h"

#include <csignal>
#include <exception>
#include <optional>

#include <asio/signal_set.hpp>

#include "common/base/parallel.h"

namespace tributary::coordinator {

namespace {

constexpr double kRetryAfterTermination = 5;

// What the run's coroutine leaves.
struct Outcome {
  std::optional<Ending> ending;
  std::exception_ptr failure;
};

asio::awaitable<void> run_rounds(Server& server, Listener& listener, asio::signal_set& signals, Outcome& outcome) {
  try {
    outcome.ending = co_await server.run();
  } catch (...) {
    outcome.failure = std::current_exception();
  }
  asio::error_code ignored;
  signals.cancel(ignored);
  listener.stop();
}

}  // namespace

DaemonEnding run_daemon(const DaemonParts& parts) {
  const unsigned workers = parts.settings.workers == 0 ? usable_cores() : parts.settings.workers;
  // One more, so that an evaluation does not hold up the next round's updates.
  const auto runtime = net::make_runtime(parts.clock, workers + 1);
  Server server(*runtime, parts.store, parts.settings, parts.graph, parts.evaluator, parts.observer);
  Listener listener(*runtime, server, parts.credentials, parts.enrollment, parts.listen);
  if (parts.listening) parts.listening(listener.address());

  DaemonEnding result;
  asio::signal_set signals(runtime->io());
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
  gate.spawn("rounds", run_rounds(server, listener, signals, outcome));
  runtime->io().run();
  if (outcome.failure) std::rethrow_exception(outcome.failure);
  result.ending = std::move(*outcome.ending);
  return result;
}

}  // namespace tributary::coordinator
