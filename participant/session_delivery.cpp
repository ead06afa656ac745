// The worker of a session: brings an update to its verdict.
#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "participant/session.h"

namespace tributary::participant {

namespace {

constexpr std::size_t kUploadChunkBytes = 256 * 1024;

}  // namespace

// Announces the pending update and sends what is wanted of it. Returns when there is a verdict, when its round is over
// for this participant, when `job` is stopped, or when the session ends. REQUIRES: there is one.
asio::awaitable<void> Session::deliver(Job* job, bool awaits) {
  delivery_.emplace();
  delivery_->round = mine_.pending.find()->announced.round;
  delivery_->awaits = awaits;
  wire::Update update = mine_.pending.find()->announced;
  update.awaits = awaits;
  co_await outbox_.send(update);
  if (!awaits) delivery_->proceed = 0;
  while (is_delivering(job)) {
    if (delivery_->proceed)
      co_await send_from(job, *std::exchange(delivery_->proceed, std::nullopt));
    else
      co_await changed_.wait();
  }
}

bool Session::is_delivering(const Job* job) const {
  if (end_ || delivery_->verdict || delivery_->closed) return false;
  return job == nullptr || !job->stopped;
}

asio::awaitable<void> Session::send_from(Job* job, std::uint64_t offset) {
  const ByteSpan blob = mine_.pending.find()->blob;
  while (offset < blob.size() && is_delivering(job) && !delivery_->proceed) {
    const ByteSpan piece = blob.subspan(offset, std::min<std::uint64_t>(kUploadChunkBytes, blob.size() - offset));
    offset += piece.size();
    delivery_->sent = offset == blob.size();  // before the send: the verdict may overtake its end
    co_await outbox_.send_data(offset - piece.size(), piece);
  }
  if (offset < blob.size()) co_return;
  delivery_->sent = true;
  if (job == nullptr) co_return;
  job->sent = true;
  job->deadline.reset();
}

// What an earlier session, or another process, has announced and seen no verdict of. Its round may be long over: the
// coordinator still knows whether it counts.
asio::awaitable<void> Session::deliver_pending() {
  const std::uint64_t round = mine_.pending.find()->announced.round;
  try {
    co_await deliver(nullptr, true);
  } catch (const Error& e) {
    log::debug("session", e.what());  // a lost line, which the reader sees too
  }
  if (!delivery_->verdict && !delivery_->closed) {
    delivery_.reset();
    while (!end_) co_await changed_.wait();
    co_return;
  }
  const bool accepted = delivery_->verdict && delivery_->verdict->accepted;
  co_await conclude();
  if (mine_.unsettled == round) co_await settle(round, accepted);
  if (accepted && next_ && next_->offer.round == round) next_.reset();
}

// The delivery has come to its end, with a verdict or by the end of its round. Returns whether it was accepted.
asio::awaitable<bool> Session::conclude() {
  const auto verdict = delivery_->verdict;
  delivery_.reset();
  PendingUpdate update = mine_.pending.take();
  const std::uint64_t round = update.announced.round;
  const bool accepted = verdict && verdict->accepted;
  try {
    co_await mine_.runtime.on_worker([&] {
      if (accepted) mine_.residuals.commit(update.key, round, std::move(update.residual));
      mine_.pending.drop();
    });
  } catch (const Error& e) {
    end(SessionEnd::How::Broken, e.what());
  }
  if (verdict) {
    ++verdicts_;
    if (accepted) ++accepted_;
    mine_.observer.verdict(round, accepted, verdict->reason);
  }
  co_return accepted;
}

asio::awaitable<void> Session::settle(std::uint64_t round, bool accepted) {
  mine_.unsettled.reset();
  try {
    co_await mine_.runtime.on_worker([&] { mine_.source.settled(round, accepted); });
  } catch (const std::exception& e) {
    log::warning("session", "the source of examples failed to settle round " + std::to_string(round) + ": " + e.what());
  }
}

}  // namespace tributary::participant
