#include "participant/agent.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "participant/backoff.h"
#include "participant/session.h"

namespace tributary::participant {

namespace {

// What a time between two sessions follows from.
struct Next {
  bool over = false;
  bool orderly = false;
  std::string reason;
  double pause_seconds = 0;
};

class FixedExamples final : public ExampleSource {
 public:
  explicit FixedExamples(data::View view) : view_(std::move(view)) {}
  std::uint64_t size() const override { return view_.size(); }
  std::optional<data::View> examples(std::uint64_t /*round*/) override { return view_; }

 private:
  data::View view_;
};

AgentObserver& nobody() {
  static AgentObserver observer;  // without state
  return observer;
}

AgentOptions completed(AgentOptions options) {
  net::check_name(options.name);
  if (!options.workshop) options.workshop = make_workshop();
  return options;
}

}  // namespace

std::unique_ptr<ExampleSource> fixed_examples(data::View view) {
  return std::make_unique<FixedExamples>(std::move(view));
}

struct Agent::State {
  State(net::Runtime& the_runtime, Files& files, Connector the_connect, std::unique_ptr<ExampleSource> the_source,
        AgentOptions the_options, AgentObserver* the_observer)
      : runtime(the_runtime),
        connect(std::move(the_connect)),
        source(std::move(the_source)),
        options(completed(std::move(the_options))),
        observer(the_observer ? *the_observer : nobody()),
        residuals(files, options.state, options.name),
        pending(files, options.state, options.name),
        belongings{runtime, *source, residuals, pending, *options.workshop, options, observer, {}, nullptr, {}, {}, {}},
        wake(runtime.io()) {}

  asio::awaitable<Next> attempt();
  asio::awaitable<std::unique_ptr<net::Channel>> try_to_connect(Next& next);
  Next after(const SessionEnd& end, Duration lasted);
  Next after_failure(const std::string& reason);
  asio::awaitable<void> pause(double seconds);

  net::Runtime& runtime;
  Connector connect;
  std::unique_ptr<ExampleSource> source;
  AgentOptions options;
  AgentObserver& observer;
  ResidualStore residuals;
  PendingStore pending;
  Belongings belongings;
  net::Signal wake;
  bool stopped = false;
  Session* session = nullptr;  // while there is one
  std::uint64_t failures = 0;  // in a row
  std::uint64_t rounds_accepted = 0;
};

Agent::Agent(net::Runtime& runtime, Files& files, Connector connect, std::unique_ptr<ExampleSource> source,
             AgentOptions options, AgentObserver* observer)
    : state_(std::make_unique<State>(runtime, files, std::move(connect), std::move(source), std::move(options),
                                     observer)) {}

Agent::~Agent() = default;

void Agent::stop() {
  state_->stopped = true;
  state_->wake.notify();
  if (state_->session) state_->session->stop();
}

asio::awaitable<AgentEnd> Agent::run() {
  State& state = *state_;
  while (!state.stopped) {
    const Next next = co_await state.attempt();
    if (next.over) co_return AgentEnd{next.orderly, next.reason, state.rounds_accepted};
    if (state.stopped) break;
    state.observer.disconnected(next.reason, next.pause_seconds);
    co_await state.pause(next.pause_seconds);
  }
  co_return AgentEnd{true, "stopped", state.rounds_accepted};
}

// One connection and the session on it.
asio::awaitable<Next> Agent::State::attempt() {
  Next next;
  auto channel = co_await try_to_connect(next);
  if (!channel) co_return next;
  Session here(belongings, std::move(channel));
  const TimePoint start = runtime.clock().now();
  session = &here;
  if (stopped) here.stop();
  const SessionEnd end = co_await here.run();
  session = nullptr;
  rounds_accepted += end.accepted;
  co_return after(end, runtime.clock().now() - start);
}

// Null when there is no connection; `next` says what then.
asio::awaitable<std::unique_ptr<net::Channel>> Agent::State::try_to_connect(Next& next) {
  try {
    co_return co_await connect();
  } catch (const Error& e) {
    if (e.kind() == Error::Kind::Refused)
      next = {true, false, e.what(), 0};
    else
      next = after_failure(e.what());
  } catch (const std::exception& e) {
    next = after_failure(e.what());
  }
  co_return nullptr;
}

Next Agent::State::after(const SessionEnd& end, Duration lasted) {
  // A session was of use when a round came to its verdict, or when it held for long.
  if (end.verdicts > 0 || seconds(lasted) >= options.max_retry_seconds) failures = 0;
  switch (end.how) {
    case SessionEnd::How::Stopped:
      return {true, true, end.reason, 0};
    case SessionEnd::How::Broken:
      return {true, false, end.reason, 0};
    case SessionEnd::How::Goodbye:
      if (end.retry_seconds <= 0) return {true, true, end.reason, 0};
      failures = 0;
      return {false, false, end.reason, std::max(end.retry_seconds, options.retry_seconds / 2)};
    case SessionEnd::How::Lost:
      break;
  }
  return after_failure(end.reason);
}

Next Agent::State::after_failure(const std::string& reason) {
  ++failures;
  if (options.max_retries != 0 && failures >= options.max_retries)
    return {true, false, "gave up after " + std::to_string(failures) + " failures in a row: " + reason, 0};
  return {false, false, reason,
          pause_seconds({options.retry_seconds, options.max_retry_seconds}, options.name, failures)};
}

asio::awaitable<void> Agent::State::pause(double seconds) {
  bool due = false;
  const auto timer = runtime.at(runtime.clock().now() + from_seconds(seconds), [this, &due] {
    due = true;
    wake.notify();
  });
  while (!due && !stopped) co_await wake.wait();
}

}  // namespace tributary::participant
