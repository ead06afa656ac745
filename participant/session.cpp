#include "participant/session.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/wire/frame.h"

namespace tributary::participant {

namespace {

constexpr auto kGreetWithin = std::chrono::seconds(30);
// Where the coordinator's wish for pings ends: our own pings keep the line alive however seldom it sends.
// Shortest wait for which the line is given up.
constexpr double kMinSecondsAway = 20;
constexpr double kMinPingSeconds = 0.1, kMaxPingSeconds = 600;

}  // namespace

Session::Session(Belongings& belongings, std::unique_ptr<net::Channel> channel)
    : mine_(belongings),
      channel_(std::move(channel)),
      outbox_(mine_.runtime, *channel_),
      gate_(mine_.runtime.io()),
      changed_(mine_.runtime.io()) {}

asio::awaitable<SessionEnd> Session::run() {
  try {
    co_await greet();
    if (!end_ || end_->how == SessionEnd::How::Stopped) {  // stopped: to say goodbye
      gate_.spawn("keep alive", outbox_.keep_alive());
      gate_.spawn("work", work());
      co_await listen();
    }
  } catch (const std::exception& e) {
    end(SessionEnd::How::Lost, e.what());
  }
  outbox_.close();
  channel_->close();
  co_await gate_.close();
  end_->verdicts = verdicts_;
  end_->accepted = accepted_;
  co_return *end_;
}

void Session::stop() {
  if (end_) return;
  end(SessionEnd::How::Stopped, "stopped");
  leaving_ = true;
  outbox_.leave("the participant stops");
}

// Keeps the first cause.
void Session::end(SessionEnd::How how, const std::string& reason, double retry_seconds) {
  if (!end_) end_ = SessionEnd{how, reason, retry_seconds};
  if (current_) current_->stopped = true;
  next_.reset();
  changed_.notify();
}

asio::awaitable<void> Session::greet() {
  wire::Hello hello;
  hello.software = "tributary " TRIBUTARY_VERSION;
  hello.encodings = codec::supported_update_encodings();
  hello.differences = true;
  if (mine_.edge) hello.held.push_back(mine_.edge->digest);
  if (mine_.skeleton) hello.held.push_back(mine_.model);
  co_await mine_.runtime.on_worker([&] {
    hello.examples = mine_.source.size();
    mine_.pending.load();
  });
  co_await outbox_.send(hello);
  const auto payload = co_await channel_->receive(now() + kGreetWithin);
  if (!payload) fail(Error::Kind::Disconnected, "the coordinator closed the line without a word");
  const wire::Message answer = wire::from_payload(*payload);
  if (const auto* goodbye = std::get_if<wire::Goodbye>(&answer)) {
    on(*goodbye);
    co_return;
  }
  const auto* welcome = std::get_if<wire::Welcome>(&answer);
  if (!welcome)
    fail(Error::Kind::Malformed, "the coordinator answered Hello with " + std::string(wire::name_of(answer)));
  run_ = welcome->run;
  // What another run was promised is of no use to this one.
  if (mine_.pending.find() && mine_.pending.find()->key.run != run_)
    co_await mine_.runtime.on_worker([&] { mine_.pending.drop(); });
  outbox_.set_ping(from_seconds(std::clamp(welcome->ping_seconds, kMinPingSeconds, kMaxPingSeconds)));
  mine_.observer.connected(welcome->federation);
}

asio::awaitable<void> Session::listen() {
  while (!end_ || leaving_) {
    const auto payload = co_await channel_->receive(now() + outbox_.patience());
    if (!payload) {
      end(SessionEnd::How::Lost, "the coordinator closed the line");
      co_return;
    }
    if (const auto data = wire::view_data(*payload))
      take_data(data->offset, data->bytes);
    else
      dispatch(wire::from_payload(*payload));
  }
}

void Session::take_data(std::uint64_t offset, ByteSpan bytes) {
  if (!downloading_ || offset != mine_.partial->next()) return take_rest(offset, bytes);
  rest_.reset();  // what is asked for is sent behind all that was given up
  try {
    mine_.partial->take(offset, bytes);
  } catch (const Error&) {
    downloading_ = false;
    mine_.partial.reset();
    throw;
  }
  if (mine_.partial->complete()) changed_.notify();
}

void Session::take_rest(std::uint64_t offset, ByteSpan bytes) {
  if (!rest_ || offset != rest_->next || bytes.size() > rest_->end - rest_->next)
    fail(Error::Kind::Malformed,
         "the coordinator sent Data that was not asked for, from " + std::to_string(offset) + " on");
  rest_->next += bytes.size();
}

void Session::dispatch(wire::Message message) {
  if (auto* offer = std::get_if<wire::Offer>(&message)) return on(std::move(*offer));
  if (const auto* closed = std::get_if<wire::RoundClosed>(&message)) return on(*closed);
  if (const auto* verdict = std::get_if<wire::Verdict>(&message)) return on(*verdict);
  if (const auto* proceed = std::get_if<wire::Proceed>(&message)) return on(*proceed);
  if (const auto* goodbye = std::get_if<wire::Goodbye>(&message)) return on(*goodbye);
  if (const auto* ping = std::get_if<wire::Ping>(&message)) return outbox_.answer(ping->number);
  if (const auto* wait = std::get_if<wire::Wait>(&message)) return on(*wait);
  if (std::holds_alternative<wire::Pong>(message)) return;
  fail(Error::Kind::Malformed,
       "the coordinator sent " + std::string(wire::name_of(message)) + ", which it may not at this point");
}

void Session::on(wire::Offer offer) {
  if (end_) return;
  if (current_) current_->stopped = true;
  next_ = std::make_unique<Job>(std::move(offer));
  changed_.notify();
}

void Session::on(const wire::RoundClosed& closed) {
  if (next_ && next_->offer.round == closed.round) next_.reset();
  if (current_ && current_->offer.round == closed.round) current_->stopped = true;
  if (delivery_ && delivery_->round == closed.round) delivery_->closed = true;
  changed_.notify();
}

void Session::on(const wire::Verdict& verdict) {
  const bool delivers = delivery_ && delivery_->round == verdict.round;
  const bool learns = !delivers && current_ && current_->offer.round == verdict.round;
  if (verdict.accepted && (learns || (delivers && !delivery_->sent && !delivery_->awaits)))
    fail(Error::Kind::Malformed, "the coordinator accepted an update before it had all of it");
  if (!delivers || delivery_->verdict) return;
  delivery_->verdict = verdict;
  changed_.notify();
}

void Session::on(const wire::Proceed& proceed) {
  if (!delivery_ || delivery_->round != proceed.round) return;
  if (proceed.offset > mine_.pending.find()->blob.size())
    fail(Error::Kind::Malformed, "the coordinator asks for an update from behind its end on");
  delivery_->proceed = proceed.offset;
  changed_.notify();
}

// A short wait is cheaper with the line kept than with a new one made.
void Session::on(const wire::Wait& wait) {
  if (end_ || current_ || next_ || mine_.pending.find() || wait.seconds < kMinSecondsAway) return;
  end(SessionEnd::How::Goodbye, "nothing to do: " + wait.reason, wait.seconds);
  leaving_ = true;
  outbox_.leave("coming back later");
}

void Session::on(const wire::Goodbye& goodbye) {
  end(SessionEnd::How::Goodbye, goodbye.reason, goodbye.retry_seconds);
}

}  // namespace tributary::participant
